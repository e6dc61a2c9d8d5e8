"""Figures for papers, each by name."""
