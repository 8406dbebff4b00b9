"""convis_xr."""
