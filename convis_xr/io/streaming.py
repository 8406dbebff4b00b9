"""What the writers share: blocks read one after the other, and a file that gets its name only when it is whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.contract import check_finite, valid_range
from convis_xr.errors import ContractError, explain

#: bytes that are read at once
BLOCK_BYTES = 2**24


@contextmanager
def whole_file(path: str | os.PathLike[str], overwrite: bool) -> Iterator[Path]:
    """A temporary path beside ``path`` to write to; it takes the name only when the block ends without an error.

    Raises
    ------
    FileExistsError
        ``path`` exists, and ``overwrite`` is not set.
    """
    target = Path(path)
    if target.exists() and not overwrite:
        message = explain(
            "path", wanted="a new file", got=f"{str(path)!r}, which exists", cure="overwrite=True, or another name"
        )
        raise FileExistsError(message)
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        made = folder / target.name
        yield made
        if target.is_dir() and not target.is_symlink():
            target.rename(folder / "old")
        made.replace(target)
    finally:
        shutil.rmtree(folder)


def blocks(stimulus: xr.DataArray) -> Iterator[np.ndarray[Any, Any]]:
    """The values along time, a block in memory at a time; each dask chunk is computed once."""
    axis = stimulus.get_axis_num(dims.TIME)
    frame = max(1, stimulus.dtype.itemsize * stimulus.size // stimulus.sizes[dims.TIME])
    for first, last in pairwise(_borders(stimulus, max(1, BLOCK_BYTES // frame))):
        part = stimulus.isel({dims.TIME: slice(first, last)})
        yield np.moveaxis(np.asarray(part.data), axis, -3) if part.ndim > 2 else np.asarray(part.data)


def _borders(stimulus: xr.DataArray, length: int) -> list[int]:
    total = stimulus.sizes[dims.TIME]
    if stimulus.chunks is None:
        return [*range(0, total, length), total]
    borders, end = [0], 0
    for size in stimulus.chunksizes[dims.TIME]:
        if end > borders[-1] and end + size - borders[-1] > length:
            borders.append(end)
        end += size
    return [*borders, end]


def levels(stimulus: xr.DataArray, limits: tuple[float, float] | None) -> Iterator[np.ndarray[Any, Any]]:
    """Blocks as 8-bit levels: ``limits`` (by default ``valid_range``) become 0 and 255.

    Raises
    ------
    ContractError
        The range is not known, or a value lies outside.
    """
    limits = limits or valid_range(stimulus)
    if stimulus.dtype == np.uint8 and limits in (None, (0.0, 255.0)):
        yield from blocks(stimulus)
        return
    if limits is None or not limits[0] < limits[1]:
        cure = 'valid_range=(low, high), or stimulus.attrs["valid_range"]'
        raise ContractError(
            explain("valid_range", wanted="which values are black and white", got=str(limits), cure=cure)
        )
    low, high = limits
    first = 0
    for block in blocks(stimulus):
        check_finite(block, tuple(map(str, stimulus.dims)), {dims.TIME: first})
        if block.min() < low or block.max() > high:
            got = f"values from {block.min():.6g} to {block.max():.6g}"
            cure = "a wider valid_range=(low, high), or stimulus.clip(low, high)"
            raise ContractError(explain("valid_range", wanted=f"values in {limits}", got=got, cure=cure))
        first += block.shape[-3]
        yield np.rint((block.astype(np.float64) - low) * (255.0 / (high - low))).astype(np.uint8)


def pictures(stimulus: xr.DataArray) -> xr.DataArray:
    """Check that the stimulus is a film: (time, y, x), or with three channels."""
    if stimulus.sizes.get(dims.BATCH, 0) == 1:
        stimulus = stimulus.isel({dims.BATCH: 0}, drop=True)
    if stimulus.sizes.get(dims.CHANNEL, 0) == 1:
        stimulus = stimulus.isel({dims.CHANNEL: 0}, drop=True)
    colour = stimulus.sizes.get(dims.CHANNEL, 3) == 3
    if dims.BATCH in stimulus.dims or not colour or not set(dims.SPACE) <= set(stimulus.dims):
        cure = "choose by .isel(batch=0), .isel(channel=0), or use to_zarr"
        raise ContractError(
            explain("stimulus", wanted="(time, y, x), or 3 channels", got=str(dict(stimulus.sizes)), cure=cure)
        )
    return stimulus
