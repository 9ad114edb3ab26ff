"""The module from which scripts import BackendExplorer."""

from taggingbackends.backend.explorer import BackendExplorer

__all__ = ["BackendExplorer"]
