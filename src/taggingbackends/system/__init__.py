"""Files, locks, processes, messages and progress. Knows nothing of larvae."""
