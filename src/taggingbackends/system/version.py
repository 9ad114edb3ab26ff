"""The version of this package. Asking for that of the installation would take 10 ms."""

__version__ = "0.1.0"
