"""One pass over time: sums of each block, and what they merge to.

Lazy data stay lazy: each of their blocks is read once, whatever is computed of it, and only sums are held.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dask.array as da
import numpy as np
import numpy.typing as npt
import xarray as xr

from convis_xr import dims

Floats = npt.NDArray[np.float64]
Sums = Mapping[str, Any]

#: bytes of a response, in double precision, that are worked on at once: a processor's cache holds what is made of them
BLOCK_BYTES = 2**20


def reduced(
    block: Callable[..., dict[str, Floats]],
    merge: Callable[[Sums], dict[str, Any]],
    names: tuple[str, ...],
    *arrays: xr.DataArray,
    keep: tuple[str, ...] = (),
) -> xr.Dataset:
    """Sums over time (and repeats) of arrays that have the same steps.

    Parameters
    ----------
    block : callable
        Arrays (float64, dims as given) of some steps -> sums by name, each over the dims that are left.
    merge : callable
        The same sums with a last axis of blocks -> the sums of all.
    names : tuple of str
        Of the sums.
    *arrays : DataArray
        The last one has all dimensions that the others have.
    keep : tuple of str
        Of time and repeat, what is not summed over.

    Returns
    -------
    Dataset
        A variable for each sum; lazy where one of the arrays is.
    """
    whole = arrays[-1]
    left = [str(dim) for dim in whole.dims if dim not in (dims.TIME, dims.REPEAT) or dim in keep]
    lazy = any(array.chunks is not None for array in arrays)
    parts = _lazy_parts(block, merge, names, arrays, left) if lazy else _parts(block, names, arrays)
    sums = merge({name: parts[at] for at, name in enumerate(names)})
    labels = {name: c.variable for name, c in whole.coords.items() if set(c.dims) <= set(left)}
    made = xr.Dataset({name: (left, value) for name, value in sums.items()})
    return made.assign_coords(labels)


def _parts(
    block: Callable[..., dict[str, Floats]], names: tuple[str, ...], arrays: Sequence[xr.DataArray | xr.Variable]
) -> list[Floats]:
    """Sums by name, with a last axis of blocks."""
    whole = arrays[-1]
    steps = whole.sizes[dims.TIME]
    length = max(1, BLOCK_BYTES // max(1, 8 * whole.size // steps))
    cuts = [{dims.TIME: slice(at, at + length)} for at in range(0, steps, length)]
    found = [block(*(np.asarray(array.isel(cut).values, np.float64) for array in arrays)) for cut in cuts]
    return [np.stack([sums[name] for sums in found], -1) for name in names]


def _lazy_parts(
    block: Callable[..., dict[str, Floats]],
    merge: Callable[[Sums], dict[str, Any]],
    names: tuple[str, ...],
    arrays: tuple[xr.DataArray, ...],
    left: list[str],
) -> Any:
    """The same, as one dask array with a first axis of names."""
    index = {str(dim): at for at, dim in enumerate(arrays[-1].dims)}
    operands: list[Any] = []
    for array in arrays:
        rechunked = array.chunk({dim: -1 for dim in (dims.REPEAT,) if dim in array.dims})
        operands += [rechunked.data, tuple(index[str(dim)] for dim in array.dims)]
    first, time = len(index), index[dims.TIME]
    axes = [array.dims for array in arrays]  # not the arrays: a task is sent elsewhere

    def stacked(*values: Any) -> Floats:
        labelled = [xr.Variable(dims_of, value) for dims_of, value in zip(axes, values, strict=True)]
        sums = merge(dict(zip(names, _parts(block, names, labelled), strict=True)))
        return np.stack([sums[name] for name in names])[..., None]

    kept = (first, *(index[dim] for dim in left), time)
    return da.blockwise(
        stacked, kept, *operands, new_axes={first: len(names)}, adjust_chunks={time: 1}, concatenate=True,
        dtype=np.float64, meta=np.empty((0,) * len(kept)),
    )  # fmt: skip
