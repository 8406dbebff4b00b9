"""numpy's .npy files."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendEntrypoint

from convis_xr.contract import AXES
from convis_xr.errors import ContractError, FormatError, explain
from convis_xr.io.faults import bad_file, existing
from convis_xr.io.flat import FlatArray
from convis_xr.io.frames import film_dataset


class NpyBackend(BackendEntrypoint):
    """``xarray.open_dataset(path, engine="convis_npy")``.

    Parameters
    ----------
    dt, pixel_size : quantity, optional
        The file has none of its own; without them the dimensions get no coordinates.
    dims : tuple of str, optional
        Meaning of the axes; by default as of `convis_xr.as_stimulus`.
    """

    description = "numpy's .npy files as stimuli"
    open_dataset_parameters = ("filename_or_obj", "drop_variables", "dt", "pixel_size", "dims")

    def open_dataset(  # type: ignore[override]
        self,
        filename_or_obj: str | os.PathLike[str],
        *,
        drop_variables: str | Iterable[str] | None = None,
        dt: Any = None,
        pixel_size: Any = None,
        dims: tuple[str, ...] | None = None,
    ) -> xr.Dataset:
        """Open an array, lazily."""
        data = open_npy(existing(filename_or_obj))
        axes = AXES.get(len(data.shape)) if dims is None else tuple(dims)
        if axes is None or len(axes) != len(data.shape):
            got, cure = f"shape {data.shape}", "name the axes with dims=(...)"
            raise ContractError(explain("dims", wanted=f"axes {axes or '1 to 5'}", got=got, cure=cure))
        limits = (0.0, 255.0) if data.dtype == np.uint8 else None
        dataset = film_dataset(data, axes, dt=dt, pixel_size=pixel_size, limits=limits)
        return dataset.drop_vars(drop_variables or [])

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """By the name."""
        return isinstance(filename_or_obj, str | os.PathLike) and Path(filename_or_obj).suffix.lower() == ".npy"


def open_npy(path: Path) -> FlatArray:
    """The array of a .npy file, not read yet; never one of Python objects."""
    try:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            if version not in readers:
                raise bad_file(path, "a .npy file of version 1 or 2", f"version {version}", "write it with numpy.save")
            shape, fortran, dtype = readers[version](file)
            offset = file.tell()
    except FormatError:
        raise
    except (ValueError, EOFError, SyntaxError, TokenError) as error:
        raise bad_file(path, "a .npy file", f"{error}", "write it with numpy.save") from error
    if dtype.kind not in "biuf":
        raise bad_file(path, "real numbers", f"an array of {dtype}", "write it as numbers with numpy.save")
    return FlatArray(path, dtype, shape, offset, "F" if fortran else "C")
