"""Fusion strategies: one file a strategy, one shared contract."""
