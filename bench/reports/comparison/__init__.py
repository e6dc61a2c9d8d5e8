"""What a comparison of runs is and how it is made: systems, rows, differences, verdicts."""
