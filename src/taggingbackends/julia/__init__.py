"""Julia from Python."""
