"""`save_stimulus`: write in the format that the name says; and the formats that keep everything, zarr and netCDF."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import xarray as xr

from convis_xr.contract import check_stimulus
from convis_xr.errors import ContractError, explain
from convis_xr.io.faults import needed
from convis_xr.io.frames import VARIABLE
from convis_xr.io.save_flat import to_inr, to_npy
from convis_xr.io.save_images import to_images
from convis_xr.io.save_video import to_video
from convis_xr.io.streaming import whole_file


def to_zarr(stimulus: Any, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write a zarr store, block by block: values, coordinates, units.

    Parameters
    ----------
    stimulus : DataArray
    path : path
    overwrite : bool

    Raises
    ------
    FileExistsError
        There is something of this name.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from convis_xr.contract import as_stimulus
    >>> from convis_xr.io import open_stimulus
    >>> film = as_stimulus(np.zeros((3, 8, 8)), dt="40 ms", pixel_size="0.1 deg", units="cd/m^2")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_zarr(film, f"{folder}/film.zarr")
    ...     open_stimulus(f"{folder}/film.zarr").units
    'cd/m^2'
    """
    dataset = _dataset(stimulus)
    with whole_file(path, overwrite) as temporary:
        writing = dataset.to_zarr(temporary, mode="w", consolidated=False, compute=False)
        # one block after the other: where one fails, no other thread is still writing
        writing.compute(scheduler="synchronous")


def to_netcdf(stimulus: Any, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write a netCDF4 (HDF5) file, block by block: values, coordinates, units; see `to_zarr`.

    Parameters
    ----------
    stimulus : DataArray
    path : path
    overwrite : bool

    Raises
    ------
    FileExistsError
        There is something of this name.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from convis_xr.contract import as_stimulus
    >>> from convis_xr.io import open_stimulus
    >>> film = as_stimulus(np.zeros((3, 8, 8)), dt="40 ms", pixel_size="0.1 deg", units="cd/m^2")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_netcdf(film, f"{folder}/film.nc")
    ...     open_stimulus(f"{folder}/film.nc").load().units
    'cd/m^2'
    """
    dataset = _dataset(stimulus)
    needed("h5netcdf", "nwb")
    with whole_file(path, overwrite) as temporary:
        dataset.to_netcdf(temporary, engine="h5netcdf", compute=False).compute(scheduler="synchronous")


def _dataset(stimulus: Any) -> xr.Dataset:
    film, _ = check_stimulus(stimulus)
    film.encoding = {}  # of the file that it came from
    return film.drop_encoding().to_dataset(name=film.name or VARIABLE)


_WRITERS = {
    ".zarr": to_zarr,
    ".nc": to_netcdf,
    ".h5": to_netcdf,
    ".npy": to_npy,
    ".inr": to_inr,
    ".mp4": to_video,
    ".avi": to_video,
    ".gif": to_video,
    "": to_images,
}


def save_stimulus(stimulus: Any, path: str | os.PathLike[str], **options: Any) -> None:
    """Write a stimulus in the format that its name says, in constant memory.

    What is interrupted leaves no file of that name.

    Parameters
    ----------
    stimulus : DataArray ([batch, channel,] time, y, x)
    path : path
        .zarr, .nc or .h5 (values, coordinates, units: all kept), .npy, .inr, .mp4, .avi, .gif; without suffix: a
        folder of pictures.
    **options
        Of the writer: `to_zarr`, `to_netcdf`, `to_npy`, `to_inr`, `to_video`, `to_images`; ``overwrite=True`` for all.

    Raises
    ------
    ContractError
        An unknown suffix, or data that do not fit into the format.
    FileExistsError
        There is something of this name.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from convis_xr.contract import as_stimulus
    >>> film = as_stimulus(np.zeros((3, 8, 8)), dt="40 ms", pixel_size="0.1 deg", units="1")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_stimulus(film, f"{folder}/film.npy")
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _WRITERS:
        known = " ".join(name for name in _WRITERS if name)
        raise ContractError(
            explain("path", wanted=f"one of the suffixes {known}, or none", got=suffix, cure="rename it")
        )
    _WRITERS[suffix](stimulus, path, **options)
