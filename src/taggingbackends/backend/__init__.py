"""The folder of a backend and its scripts."""
