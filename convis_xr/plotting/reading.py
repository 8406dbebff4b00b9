"""What a picture reads of a recording: a bounded number of time steps, evenly spread."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from convis_xr import dims
from convis_xr.contract import is_spike_count
from convis_xr.sampling import Sampling

#: steps of spike counts that a time course may read
MOST_STEPS = 20_000
#: time steps in a block where the array is not in chunks yet
BLOCK_STEPS = 16


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


def picked(array: xr.DataArray, count: int, window_s: float, *, fill: bool = False) -> xr.DataArray:
    """At most ``count`` samples in time, lazily; spike counts as rates [Hz] over windows.

    Parameters
    ----------
    array : DataArray (time, ...)
    count : int
        Samples wanted.
    window_s : float, s
        Least length of a window of counts.
    fill : bool
        Whether windows grow until they hold all steps, or `MOST_STEPS`: for curves, which miss nothing then.
    """
    total = array.sizes[dims.TIME]
    lazy = array if array.chunks is not None else array.chunk({dims.TIME: BLOCK_STEPS})
    if not is_spike_count(array):
        chosen = lazy.isel({dims.TIME: windows(total, min(count, total), 1)})
        return chosen.astype(np.float32) if array.dtype.kind in "biu" else chosen
    dt = Sampling.of(array).need_dt("plot")
    width = min(total, max(1, round(window_s / dt)))
    count = max(1, min(count, total // width))
    if fill:
        width = max(width, min(total, MOST_STEPS) // count)
    steps = windows(total, count, width)[:, None] + np.arange(width)
    counts = lazy.isel({dims.TIME: steps.ravel()}).coarsen({dims.TIME: width}).sum()
    rates = (counts / (width * dt)).astype(np.float32)
    return rates.assign_attrs(units="Hz", long_name="firing rate")


def example_cells(array: xr.DataArray, count: int) -> list[dict[str, int]]:
    """Indices of a few cells along the diagonal of the frame; of batch, channel and the like the first."""
    others = {str(dim): size for dim, size in array.sizes.items() if dim != dims.TIME}
    spread = {dim: size for dim, size in others.items() if dim in (*dims.SPACE, dims.CELL)}
    places = [
        {dim: int(size * (number + 1) / (count + 1)) if dim in spread else 0 for dim, size in others.items()}
        for number in range(count)
    ]
    return [place for number, place in enumerate(places) if place not in places[:number]]
