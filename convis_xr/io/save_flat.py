"""Write .npy and .inr files."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from convis_xr import dims
from convis_xr.contract import check_stimulus
from convis_xr.errors import ContractError, explain
from convis_xr.io.inr import BLOCK, END, MAGIC, TYPES
from convis_xr.io.streaming import blocks, whole_file
from convis_xr.io.tag import write_tag


def to_npy(stimulus: Any, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write the bare values as numpy does; coordinates and units are not kept.

    Parameters
    ----------
    stimulus : DataArray ([batch, channel,] time, y, x)
    path : path
    overwrite : bool

    Raises
    ------
    FileExistsError
        There is a file of this name.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from convis_xr.contract import as_stimulus
    >>> film = as_stimulus(np.arange(12.0).reshape(3, 2, 2), dt="40 ms", pixel_size="0.1 deg", units="1")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_npy(film, Path(folder) / "film.npy")
    ...     np.load(Path(folder) / "film.npy").shape
    (3, 2, 2)
    """
    film, _ = check_stimulus(stimulus)
    with whole_file(path, overwrite) as temporary:
        out = np.lib.format.open_memmap(temporary, "w+", film.dtype, film.shape)
        axis, first = film.get_axis_num(dims.TIME), 0
        along = np.moveaxis(out, axis, 0)
        for block in blocks(film):
            part = np.moveaxis(block, -3, 0) if film.ndim > 2 else np.moveaxis(block, axis, 0)
            along[first : first + len(part)] = part
            first += len(part)
        out.flush()


def to_inr(stimulus: Any, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write an Inrimage-4 file, as VirtualRetina reads; time step and pixel pitch are noted in its header.

    Parameters
    ----------
    stimulus : DataArray ([channel,] time, y, x)
        Whole numbers of 8 to 32 bits, float32 or float64.
    path : path
    overwrite : bool

    Raises
    ------
    ContractError
        The dimensions or the type do not fit into this format.
    FileExistsError
        There is a file of this name.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from convis_xr.contract import as_stimulus
    >>> film = as_stimulus(np.zeros((3, 2, 2), np.float32), dt="40 ms", pixel_size="0.1 deg", units="1")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_inr(film, Path(folder) / "film.inr")
    ...     (Path(folder) / "film.inr").stat().st_size
    304
    """
    film, sampling = check_stimulus(stimulus)
    types = {np.dtype(code): kind for kind, code in TYPES.items()}
    if dims.BATCH in film.dims or not set(dims.SPACE) <= set(film.dims) or film.dtype not in types:
        got = f"{dict(film.sizes)} of {film.dtype}"
        wanted = "([channel,] time, y, x) of whole numbers up to 32 bits or floats"
        raise ContractError(explain("stimulus", wanted=wanted, got=got, cure=".isel(batch=0), .astype(float)"))
    kind, bits = types[film.dtype]
    channels = film.sizes.get(dims.CHANNEL, 1)
    text = (
        f"{MAGIC.decode()}\n#{write_tag(sampling.dt_s, sampling.pixel_deg)}\n"
        f"XDIM={film.sizes[dims.X]}\nYDIM={film.sizes[dims.Y]}\nZDIM={film.sizes[dims.TIME]}\nVDIM={channels}\n"
        f"TYPE={kind}\nPIXSIZE={bits} bits\nSCALE=2**0\nCPU=decm\n"
    ).encode()
    padding = -(len(text) + len(END)) % BLOCK
    with whole_file(path, overwrite) as temporary, temporary.open("wb") as file:
        file.write(text + b"\n" * padding + END)
        for block in blocks(film):
            pixels = np.moveaxis(block, 0, -1) if block.ndim == 4 else block
            file.write(np.ascontiguousarray(pixels, film.dtype.newbyteorder("<")).data)
