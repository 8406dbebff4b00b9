"""Spike-triggered average and covariance: what was shown before a spike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from convis_xr import dims
from convis_xr.contract import check_stimulus
from convis_xr.engine.source import read_blocks
from convis_xr.errors import ContractError, explain
from convis_xr.pairing import check_response, stretch

#: bytes of stimulus that are read at once
BLOCK_BYTES = 2**25

#: dimensions of a window: lag, y, x; others of the stimulus would be other stimuli
_WINDOW = (dims.TIME, *dims.SPACE)

Floats = npt.NDArray[np.float64]


def sta(stimulus: xr.DataArray, response: xr.DataArray, window: Any) -> xr.DataArray:
    r"""Spike-triggered average: the mean of what was shown before (and in the step of) a spike.

    :math:`\mathrm{STA}(k, \vec r) = \sum_t n(t)\, s(t-k, \vec r) / \sum_t n(t)` (Chichilnisky 2001, Network 12:199),
    :math:`k = 0` being the step that the spike fell into. Spikes whose window begins before the stimulus are left out.
    The stimulus is read once, block by block, for all cells together.

    Parameters
    ----------
    stimulus : DataArray (time, y, x) [any unit]
        Keeps to `convis_xr.contract`; may be lazy. ``y`` and ``x`` may be missing.
    response : DataArray (time, and any other dims but those of the stimulus) [count]
        Spikes per step, or any weights >= 0, on time labels that are a stretch of the stimulus'.
    window : int or quantity
        Length of the window: an int counts steps.

    Returns
    -------
    DataArray (dims of the response, time, y, x) [unit of the stimulus]
        ``time`` is the lag [s], 0 first; so it can be assigned to the weight of `convis_xr.filters.RF`. Coordinates
        ``spikes`` and ``left_out`` count, for each cell, the spikes used and those too early. NaN where there are none.

    Raises
    ------
    ContractError
        Labels or dimensions that do not fit, negative or missing values of the response.

    Examples
    --------
    >>> import convis_xr as cx
    >>> flicker = cx.stimuli.white_noise("20 s", 4, dt="10 ms", pixel_size="0.1 deg", seed=1)
    >>> late = (flicker[:, 1, 2] > 0.5).astype(int).shift(time=3, fill_value=0).drop_vars(["y", "x"])
    >>> average = cx.analysis.sta(flicker, late.assign_attrs(units="count"), window="60 ms")
    >>> int(average[:, 1, 2].argmax("time")), float(average.time[3])
    (3, 0.03)
    """
    pairs = _Pairs(stimulus, response, window)
    total = np.zeros((pairs.cells, pairs.lags, pairs.pixels))
    for shown, counts in pairs.blocks():
        steps = len(counts)
        for lag in range(pairs.lags):
            first = pairs.lags - 1 - lag
            total[:, lag] += counts.T @ shown[first : first + steps]
    with np.errstate(invalid="ignore"):
        mean = total / pairs.used[:, None, None]
    return pairs.labelled(mean, "spike-triggered average")


def stc(stimulus: xr.DataArray, response: xr.DataArray, window: Any) -> xr.DataArray:
    r"""Spike-triggered covariance of what was shown before a spike, around the spike-triggered average.

    :math:`C = \sum_t n(t)\,(s_t - \mathrm{STA})(s_t - \mathrm{STA})^T / (\sum_t n(t) - 1)` with the windows
    :math:`s_t(k, \vec r) = s(t-k, \vec r)` (Schwartz, Pillow, Rust & Simoncelli 2006, J Vis 6:484).

    Parameters
    ----------
    stimulus, response, window
        As in `sta`.

    Returns
    -------
    DataArray (dims of the response, time, y, x, time_, y_, x_) [square of the unit of the stimulus]
        Dimensions with an underscore are those of the second factor. NaN where there are fewer than two spikes.

    Raises
    ------
    ContractError
        As `sta`.

    Examples
    --------
    >>> import convis_xr as cx
    >>> flicker = cx.stimuli.white_noise("20 s", 2, dt="10 ms", pixel_size="0.1 deg", seed=1)
    >>> strong = (abs(flicker[:, 0, 1] - 0.5) > 0.2).astype(int).drop_vars(["y", "x"]).assign_attrs(units="count")
    >>> covariance = cx.analysis.stc(flicker, strong, window=2)
    >>> variance = covariance.isel(time=0, time_=0, y=0, y_=0)
    >>> bool(variance[1, 1] > 1.5 * variance[0, 0])
    True
    """
    pairs = _Pairs(stimulus, response, window)
    size = pairs.lags * pairs.pixels
    total, square = np.zeros((pairs.cells, size)), np.zeros((pairs.cells, size, size))
    # around a fixed point inside the range of the values, so that squares do not swallow what differs
    center = None
    for shown, counts in pairs.blocks():
        center = shown.mean() if center is None else center
        lagged = np.lib.stride_tricks.sliding_window_view(shown - center, pairs.lags, axis=0)[..., ::-1]
        lagged = lagged.transpose(0, 2, 1).reshape(len(counts), size)
        for cell, weight in enumerate(counts.T):
            kept = weight > 0
            windows = lagged[kept]
            weighted = windows * weight[kept, None]
            total[cell] += weighted.sum(0)
            square[cell] += weighted.T @ windows
    with np.errstate(invalid="ignore", divide="ignore"):
        used = pairs.used[:, None, None]
        covariance = (square - total[:, :, None] * total[:, None, :] / used) / np.where(used > 1, used - 1, np.nan)
    return pairs.labelled_square(covariance)


class _Pairs:
    """A stimulus and a response on one grid of time, and their labels."""

    def __init__(self, stimulus: xr.DataArray, response: xr.DataArray, window: Any) -> None:
        shown, sampling = check_stimulus(stimulus)
        extra = [str(dim) for dim in shown.dims if dim not in _WINDOW]
        if extra:
            cure = f".isel({extra[0]}=0), or .mean({extra[0]!r})"
            raise ContractError(explain("stimulus", wanted="one film (time, y, x)", got=f"{extra[0]} too", cure=cure))
        self.lags = sampling.steps(window, "window")
        if not 1 <= self.lags <= shown.sizes[dims.TIME]:
            wanted = f"a window of 1 to {shown.sizes[dims.TIME]} steps"
            raise ContractError(explain("window", wanted=wanted, got=f"{self.lags} steps", cure='window="0.3 s"'))
        response = _checked(response)
        self._start = stretch(shown, response, sampling).start
        self._rest = response.isel({dims.TIME: 0}, drop=True)
        flat = response.transpose(dims.TIME, ...).values
        counts = np.asarray(flat, np.float64).reshape(len(flat), -1)
        early = max(0, self.lags - 1 - self._start)
        self.left_out, self._counts = counts[:early].sum(0), counts[early:]
        self._first = self._start + early
        self.used = self._counts.sum(0)
        self._shown, self._sampling = shown, sampling
        self.cells = counts.shape[1]
        self.pixels = int(np.prod([shown.sizes[dim] for dim in shown.dims if dim != dims.TIME]))

    def blocks(self) -> Iterator[tuple[Floats, Floats]]:
        """Stretches of the stimulus (time, pixel), the window before included, and the counts (time, cell) in them."""
        stop = self._first + len(self._counts)
        part = self._shown.isel({dims.TIME: slice(self._first - self.lags + 1, stop)})
        length = max(1, BLOCK_BYTES // (8 * max(1, self.pixels)))
        before = np.zeros((0, self.pixels))
        done = 0
        for block in read_blocks(part, length, nan="raise"):
            shown = np.concatenate([before, block.values.reshape(len(block.values), -1).astype(np.float64)])
            steps = len(shown) - self.lags + 1
            if steps > 0:
                yield shown, self._counts[done : done + steps]
                done += steps
            before = shown[len(shown) - min(len(shown), self.lags - 1) :]

    def labelled(self, values: Floats, name: str) -> xr.DataArray:
        """Values (cell, lag, pixel) with labels."""
        window = self._window()
        shape = (*self._rest.shape, *window.shape)
        coords: dict[Any, Any] = {**self._cell_coords(), **window.coords}
        attrs = {"units": self._shown.attrs["units"], "long_name": name}
        return xr.DataArray(values.reshape(shape), coords, (*self._rest.dims, *window.dims), "sta", attrs)

    def labelled_square(self, values: Floats) -> xr.DataArray:
        """Values (cell, window, window) with labels."""
        window = self._window()
        other = window.rename({name: f"{name}_" for name in window.dims})
        shape = (*self._rest.shape, *window.shape, *window.shape)
        coords: dict[Any, Any] = {**self._cell_coords(), **window.coords, **other.coords}
        units = self._shown.attrs["units"]
        attrs = {"units": units if units == "1" else f"({units})^2", "long_name": "spike-triggered covariance"}
        named = (*self._rest.dims, *window.dims, *other.dims)
        return xr.DataArray(values.reshape(shape), coords, named, "stc", attrs)

    def _window(self) -> xr.DataArray:
        """One window, its time being the lag."""
        frames = self._shown.isel({dims.TIME: slice(0, self.lags)})
        lag = xr.Variable(
            dims.TIME,
            np.arange(self.lags) * self._sampling.need_dt("window"),
            {"units": "s", "long_name": "lag before the spike", "step": self._sampling.need_dt("window")},
        )
        bare = xr.DataArray(np.empty(frames.shape, np.uint8), dims=frames.dims)
        kept = {name: value for name, value in frames.coords.items() if dims.TIME not in value.dims}
        return bare.assign_coords({**kept, dims.TIME: lag})

    def _cell_coords(self) -> dict[str, Any]:
        kept = {
            str(name): value for name, value in self._rest.coords.items() if set(value.dims) <= set(self._rest.dims)
        }
        counted = {"spikes": self.used, "left_out": self.left_out}
        made = {name: (self._rest.dims, value.reshape(self._rest.shape)) for name, value in counted.items()}
        return {**{name: value for name, value in kept.items() if value.dims}, **made}


def _checked(response: xr.DataArray) -> xr.DataArray:
    """A response that can weigh windows."""
    response = check_response(response)
    if bool((response < 0).any()):
        cure = "response.clip(0), or counts: .where(response >= 0, 0)"
        raise ContractError(explain("response", wanted="counts of 0 or more", got="some below 0", cure=cure))
    return response
