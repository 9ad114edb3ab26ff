"""Label many recordings: all below some folders, several at a time."""
