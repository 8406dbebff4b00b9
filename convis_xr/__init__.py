"""convis_xr."""

__version__ = "0.1.0"
