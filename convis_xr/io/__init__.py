"""Readers and writers, one small file per format; resampling; grey levels to light. Imported lazily.

`open_stimulus` and `save_stimulus` choose by the file's name. Each reader is an xarray backend as well:
``xarray.open_dataset(path, engine="convis_video" | "convis_images" | "convis_npy" | "convis_inr")``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convis_xr.lazy import attach

if TYPE_CHECKING:
    from convis_xr.io.display import calibrate as calibrate
    from convis_xr.io.display import to_luminance as to_luminance
    from convis_xr.io.open import open_stimulus as open_stimulus
    from convis_xr.io.resampling import resample as resample
    from convis_xr.io.save import save_stimulus as save_stimulus
    from convis_xr.io.save import to_netcdf as to_netcdf
    from convis_xr.io.save import to_zarr as to_zarr
    from convis_xr.io.save_flat import to_inr as to_inr
    from convis_xr.io.save_flat import to_npy as to_npy
    from convis_xr.io.save_images import to_images as to_images
    from convis_xr.io.save_video import to_video as to_video

_WHERE = {
    "calibrate": "display",
    "open_stimulus": "open",
    "resample": "resampling",
    "save_stimulus": "save",
    "to_images": "save_images",
    "to_inr": "save_flat",
    "to_luminance": "display",
    "to_netcdf": "save",
    "to_npy": "save_flat",
    "to_video": "save_video",
    "to_zarr": "save",
}

__all__ = sorted(_WHERE)


__getattr__, __dir__ = attach(__name__, _WHERE)
