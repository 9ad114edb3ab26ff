"""Labelling many recordings: all below some folders, some at a time."""
