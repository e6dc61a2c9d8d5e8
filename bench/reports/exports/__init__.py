"""Reports as text and data: terminal, Markdown, LaTeX, CSV, JSON."""
