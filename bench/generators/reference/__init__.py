"""Trained generators of scenes: small, distinct systems with a swappable fusion."""
