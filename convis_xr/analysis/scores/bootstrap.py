"""`bootstrap`: intervals of scores, from data drawn anew."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from scipy import stats

from convis_xr import dims
from convis_xr.analysis.scores.pairs import plain
from convis_xr.errors import ContractError, explain
from convis_xr.sampling import Sampling

#: scores that the noise of trials enters: a trial drawn twice agrees with itself, noise and all, and a mean of drawn
#: trials is noisier than that of all
_OF_NOISE = (
    "correlation", "explained_variance", "explainable_variance", "noise_variance",
    "feve", "cc_norm", "cc_max", "oracle",
)  # fmt: skip
_OVER = (dims.REPEAT, dims.TIME, dims.CELL)
METHODS = ("percentile", "basic", "BCa")


def bootstrap(
    score: Callable[..., xr.DataArray],
    *data: xr.DataArray,
    over: str,
    block: Any = None,
    resamples: int = 1000,
    level: float = 0.95,
    method: str = "percentile",
    seed: int = 0,
) -> xr.DataArray:
    """The interval in which a score lies, by drawing what it is computed of anew, with replacement.

    Parameters
    ----------
    score : callable
        ``score(*data)`` -> DataArray, such as `correlation`. With ``over="cell"`` what it gives for the cells that are
        drawn is averaged, cells without a score (NaN) left out.
    *data : DataArray
        Its arguments; those that have the dimension ``over`` are drawn from, all alike. They are held in memory.
    over : {"repeat", "time", "cell"}
        What is drawn: whole trials, blocks of time, or cells.
    block : quantity or int
        Length of a block of time: much longer than what neighbouring steps have in common. What is left after the last
        whole block is not used. A bare int is samples.
    resamples : int
        How often.
    level : float
        Of confidence.
    method : {"percentile", "basic", "BCa"}
        As in `scipy.stats.bootstrap`, which this is computed by.
    seed : int
        Of what is drawn: the same seed gives the same interval.

    Returns
    -------
    DataArray (bound, dims of the score) [unit of the score]
        ``bound`` is ``"lower"``, ``"upper"``. NaN where the score is, in one of the draws, and
        for BCa where all draws have the same.

    Raises
    ------
    ContractError
        Fewer than two to draw from, none of that dimension; trials drawn for a score that their noise enters (a
        trial drawn twice agrees with itself, noise and all, and the mean of drawn trials is noisier than that of all;
        blocks of time do not have this fault).

    Examples
    --------
    >>> import convis_xr as cx
    >>> rng = np.random.default_rng(1)
    >>> prediction = cx.as_stimulus(rng.normal(size=1000), dt="10 ms", units="1")
    >>> response = prediction + rng.normal(size=1000)
    >>> bounds = bootstrap(cx.analysis.correlation, prediction, response, over="time", block="0.5 s", resamples=200)
    >>> bool(bounds.sel(bound="lower") < 0.5 ** 0.5 < bounds.sel(bound="upper"))
    True
    """
    arrays = [plain(array, f"data[{at}]").load() for at, array in enumerate(data)]
    _check(score, over, block, resamples, level, method)
    number, length = _units(arrays, over, block)
    name = str(getattr(score, "__name__", "score"))
    kept = [_first(array, over, number * length) for array in arrays]
    whole = _scored(score, kept, over)

    def drawn(index: Any, axis: int = -1) -> np.ndarray[Any, Any]:
        rows = np.atleast_2d(np.moveaxis(index, axis, -1)).reshape(-1, np.shape(index)[axis])
        values = [_scored(score, [_taken(array, over, row, length) for array in kept], over).values for row in rows]
        stacked = np.stack(values, -1)
        return stacked[..., 0] if np.ndim(index) == 1 else stacked.reshape(*whole.shape, *np.shape(index)[:-1])

    with warnings.catch_warnings(), np.errstate(invalid="ignore"):  # of NaN, which says it
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        found = stats.bootstrap(
            (np.arange(number),), drawn, n_resamples=resamples, vectorized=True, confidence_level=level, method=method,
            rng=np.random.default_rng(seed),
        ).confidence_interval  # fmt: skip
    bounds = xr.concat(
        [whole.copy(data=np.asarray(one)) for one in (found.low, found.high)], xr.Variable("bound", ["lower", "upper"])
    )
    units, told = whole.attrs.get("units", "1"), f"{level:.0%} interval of the {name}, drawn over {over}"
    return bounds.rename(name).assign_attrs(units=units, long_name=told)


def _check(score: Any, over: str, block: Any, resamples: int, level: float, method: str) -> None:
    checks = [
        ("over", over in _OVER, f"one of {', '.join(_OVER)}", repr(over), 'over="time", block="1 s"'),
        ("method", method in METHODS, f"one of {', '.join(METHODS)}", repr(method), 'method="percentile"'),
        ("resamples", isinstance(resamples, int) and resamples > 1, "2 or more", repr(resamples), "resamples=1000"),
        ("level", 0 < level < 1, "a level between 0 and 1", repr(level), "level=0.95"),
        ("block", (block is None) == (over != dims.TIME), "a length of blocks where time is drawn, and only there",
         repr(block), 'over="time", block="1 s"'),
    ]  # fmt: skip
    for argument, right, wanted, got, cure in checks:
        if not right:
            raise ContractError(explain(argument, wanted=wanted, got=got, cure=cure))
    name = getattr(score, "__name__", "")
    if over == dims.REPEAT and name in _OF_NOISE:
        wanted = f"blocks of time or cells for {name}, which changes with the noise of trials that are drawn twice"
        raise ContractError(explain("over", wanted=wanted, got=repr(over), cure='over="time", block="1 s"'))


def _units(arrays: list[xr.DataArray], over: str, block: Any) -> tuple[int, int]:
    """How many there are to draw from, and how long each is."""
    sizes = {array.sizes[over] for array in arrays if over in array.dims}
    if len(sizes) != 1:
        got = "none" if not sizes else f"sizes {sorted(sizes)}"
        raise ContractError(explain("over", wanted=f"data along {over}, all alike", got=got, cure='over="time"'))
    length = 1
    if over == dims.TIME and block is not None:
        sampling = Sampling.of(arrays[-1]) if not isinstance(block, int) else Sampling()
        length = max(1, sampling.steps(block, "block"))
    number = sizes.pop() // length
    if number < 2:
        cure = "shorter blocks" if over == dims.TIME else "more of them"
        raise ContractError(explain("over", wanted=f"two of {over} or more to draw from", got=str(number), cure=cure))
    return number, length


def _first(array: xr.DataArray, over: str, steps: int) -> xr.DataArray:
    return array.isel({over: slice(0, steps)}) if over in array.dims else array


def _taken(array: xr.DataArray, over: str, row: Any, length: int) -> xr.DataArray:
    """What was drawn, under the labels that were there: a score may read the time step off them."""
    if over not in array.dims:
        return array
    index = (np.asarray(row)[:, None] * length + np.arange(length)).ravel()
    labels = {name: c.variable for name, c in array.coords.items() if over in c.dims}
    labels = {name: label.isel({over: slice(0, len(index))}) for name, label in labels.items()}
    return array.drop_vars(list(labels)).isel({over: index}).assign_coords(labels)


def _scored(score: Callable[..., xr.DataArray], arrays: list[xr.DataArray], over: str) -> xr.DataArray:
    made = score(*arrays)
    return made.mean(over, keep_attrs=True) if over == dims.CELL else made
