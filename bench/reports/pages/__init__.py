"""HTML pages, whole in themselves."""
