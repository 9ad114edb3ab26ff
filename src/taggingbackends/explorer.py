"""BackendExplorer, as scripts import it."""

from taggingbackends.backend.explorer import BackendExplorer

__all__ = ["BackendExplorer"]
