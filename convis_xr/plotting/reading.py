"""What a picture reads of a recording: a bounded number of time steps, evenly spread."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from convis_xr import dims
from convis_xr.contract import is_spike_count
from convis_xr.sampling import Sampling

#: time over which spikes are counted for a rate [s]
RATE_WINDOW = 0.1
#: time steps in a block where the array is not in chunks yet
BLOCK_STEPS = 16
_WITHIN = "within_window"


def windows(total: int, count: int, width: int) -> npt.NDArray[np.intp]:
    """First steps of ``count`` windows of ``width`` steps, each in the middle of its share of ``total`` steps.

    Examples
    --------
    >>> windows(100, 4, 5)
    array([10, 35, 60, 85])
    """
    middles = (np.arange(count) + 0.5) * total / count
    starts = np.clip(np.round(middles - width / 2), 0, total - width)
    return starts.astype(np.intp)


def picked(array: xr.DataArray, count: int, *, overlap: bool = False) -> xr.DataArray:
    """At most ``count`` samples in time, lazily; spike counts as firing rates.

    Parameters
    ----------
    array : DataArray (time, ...)
    count : int
        Samples wanted.
    overlap : bool
        Whether windows may overlap by half, so that a curve has no gaps.

    Returns
    -------
    DataArray (time, ...)
        Rates [Hz] are weighted means over `RATE_WINDOW` around the time that they are labelled with.
    """
    total = array.sizes[dims.TIME]
    lazy = array if array.chunks is not None else array.chunk({dims.TIME: BLOCK_STEPS})
    if not is_spike_count(array):
        chosen = lazy.isel({dims.TIME: windows(total, min(count, total), 1)})
        return chosen.astype(np.float32) if array.dtype.kind in "biu" else chosen
    dt = Sampling.of(array).need_dt("plot")
    width = min(total, max(1, round(RATE_WINDOW / dt)))
    count = max(1, min(count, (2 if overlap else 1) * total // width))
    steps = windows(total, count, width)[:, None] + np.arange(width)
    within = xr.DataArray(rate_weights(width) / np.float32(dt), dims=_WITHIN)
    parts = lazy.isel({dims.TIME: steps.ravel()}).coarsen({dims.TIME: width})
    counts = parts.construct({dims.TIME: (dims.TIME, _WITHIN)}, keep_attrs=True)
    times = array[dims.TIME][steps[:, width // 2]].variable
    rates = xr.dot(counts, within, dim=_WITHIN).assign_coords({dims.TIME: times}).rename(array.name)
    return rates.assign_attrs(units="Hz", long_name="firing rate")


def rate_weights(width: int) -> npt.NDArray[np.float32]:
    """A raised cosine with the sum 1: cells that fire regularly show no beat with it, as they do with a box.

    Examples
    --------
    >>> rate_weights(3)
    array([0.25, 0.5 , 0.25], dtype=float32)
    """
    weights = 1 - np.cos(2 * np.pi * np.arange(1, width + 1) / (width + 1))
    return (weights / weights.sum()).astype(np.float32)


def example_cells(array: xr.DataArray, count: int) -> list[dict[str, int]]:
    """Indices of a few cells along the diagonal of the frame; of batch, channel and the like the first."""
    others = {str(dim): size for dim, size in array.sizes.items() if dim != dims.TIME}
    spread = {dim: size for dim, size in others.items() if dim in (*dims.SPACE, dims.CELL)}
    places = [
        {dim: int(size * (number + 1) / (count + 1)) if dim in spread else 0 for dim, size in others.items()}
        for number in range(count)
    ]
    return [place for number, place in enumerate(places) if place not in places[:number]]
