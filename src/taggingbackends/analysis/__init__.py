"""What labels amount to: bouts, counts, shares, comparisons, and what is wrong with a file."""
