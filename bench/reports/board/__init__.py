"""Leaderboards: what a board file says, which runs it takes, how it ranks them, and what moved between two boards."""
