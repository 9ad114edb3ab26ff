"""A whole tagging backend: features of the spine, a random forest, label files."""

__version__ = "0.1.0"
