"""What `bench train` runs: recipes with fixed seeds, a loop that resumes to the last bit, the figures of what ships."""
