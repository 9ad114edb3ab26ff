"""Statistics of groups of recordings."""
