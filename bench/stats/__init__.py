"""Statistics of comparison: intervals, paired differences, ranks. No torch."""
