"""Extractor plug-ins: frozen models that turn images or texts into views."""
