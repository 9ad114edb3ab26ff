"""Alias for importing labels: ``from taggingbackends.data.labels import Labels``."""

from taggingbackends.labels.labels import Labels

__all__ = ["Labels"]
