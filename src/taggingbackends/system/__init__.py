"""Files, locks, processes, messages and progress bars; nothing specific to larvae."""
