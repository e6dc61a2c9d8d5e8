"""File formats of the field, no torch."""
