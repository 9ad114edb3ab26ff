"""Example of a complete tagging backend: spine features, a random forest, label files."""

__version__ = "0.1.0"
