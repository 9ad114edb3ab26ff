"""An automatic tagger of larva behaviour."""

__version__ = "0.1.0"
