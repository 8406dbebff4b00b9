"""`fit_glm`: a generalized linear model by Newton's method, from sums over blocks of time."""

from __future__ import annotations

import math
import numbers
import time
import warnings
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.linalg import cho_factor, cho_solve
from scipy.special import gammaln

from convis_xr import dims
from convis_xr.coordinates import grid
from convis_xr.errors import ContractError, ParameterError, explain
from convis_xr.fitting.glm_design import Design
from convis_xr.models import GLM
from convis_xr.options import set_options
from convis_xr.sampling import Sampling
from convis_xr.units import Quantity

Floats = npt.NDArray[np.float64]

#: a variance that is so many times that of a column alone: columns that cannot be told apart
INFLATION = 1e10
#: standard error of what a column does to the logarithm of a rate, beyond which there is no estimate
VAGUE = 100.0


def fit_glm(
    model: GLM,
    stimulus: xr.DataArray,
    counts: xr.DataArray,
    *,
    ridge: float = 0.0,
    iterations: int = 50,
    tolerance: float = 1e-10,
) -> xr.Dataset:
    r"""Fit a `convis_xr.models.GLM` by penalised maximum likelihood, each cell given the recorded spikes of all.

    The log-likelihood :math:`\sum_t n_t \ln \mu_t - \mu_t - \ln n_t!`, :math:`\mu = \lambda\,dt`, is concave and falls
    into one part for each cell (Paninski 2004, Network 15:243), so Newton's method with halved steps finds its only
    maximum. Every iteration reads stimulus and counts once, block by block, and adds up gradient and Hessian: memory
    grows with the square of the number of parameters of a cell, by cells, not with time.

    Parameters
    ----------
    model : GLM
        Gets the estimate. What it held before does not matter.
    stimulus : DataArray (time, y, x), or with a channel
        May be lazy.
    counts : DataArray (time[, cell]) or (repeat, time[, cell]) [count]
        Spikes per step, on a stretch of the stimulus' time labels; may be lazy. No gaps. The first steps, whose windows
        begin before the recording, are only history.
    ridge : float
        ``ridge`` times the sum of squares of all parameters but the bias is taken off each cell's log-likelihood [nat].
    iterations : int
        At most so many.
    tolerance : float
        A cell is done when the next step promises to gain less [nat], as a part of its log-likelihood and 1.

    Returns
    -------
    Dataset
        A variable for each parameter of the model with its labels (``stimulus.weight`` (cell, time, y, x), ``time``
        the lag) and one with ``_error`` added: its standard error, from the inverse of the observed Fisher
        information (with a ridge, of the penalised one). ``spike_filters`` (cell, source, age), ``source`` labelled
        as the cells. ``log_likelihood`` (cell) [nat], ``bits_per_spike`` (cell) above a constant rate, ``spikes``
        (cell), ``loss`` (epoch) the mean penalised negative log-likelihood of a step [nat], ``seconds`` (epoch).

    Raises
    ------
    ContractError
        Labels, units or shapes that do not fit; NaN; a cell without spikes; parameters that the data do not tell apart.
    ParameterError
        Another model; a ridge, a tolerance or a number of iterations that is none.

    Warns
    -----
    UserWarning
        A parameter goes to infinity, as where no spike ever follows another at once; or it is not settled yet.

    Examples
    --------
    >>> import convis_xr as cx
    >>> noise = cx.stimuli.white_noise("20 s", 2, dt="5 ms", pixel_size="0.1 deg", seed=1)
    >>> truth = cx.models.GLM((2, 2, 2))
    >>> truth.stimulus.weight, truth.stimulus.bias = np.full((2, 2, 2), 0.3), [2.0]
    >>> found = cx.fitting.fit_glm(cx.models.GLM((2, 2, 2)), noise, cx.run(truth, noise, progress=False).response)
    >>> error = (found["stimulus.weight"] - 0.3) / found["stimulus.weight_error"]
    >>> bool((abs(error) < 4).all()), found["stimulus.weight"].sizes
    (True, Frozen({'cell': 1, 'time': 2, 'y': 2, 'x': 2}))
    """
    if not isinstance(model, GLM):
        cure = "cx.fit for other models"
        raise ParameterError(explain("model", wanted="a GLM", got=type(model).__name__, cure=cure))
    _check_options(ridge, iterations, tolerance)
    design = Design(model, stimulus, counts)
    cells = _begin(design, ridge)
    losses, seconds = [], []
    for _ in range(iterations):
        since = time.perf_counter()
        _pass(design, [cell for cell in cells if not cell.done])
        for cell in cells:
            cell.judge(tolerance)
        losses.append(-sum(cell.value for cell in cells) / design.rows / len(cells))
        seconds.append(time.perf_counter() - since)
        if all(cell.done for cell in cells):
            break
    else:
        slow = [cell.number for cell in cells if not cell.done]
        warnings.warn(f"fit_glm: cells {slow} are not settled after {iterations} iterations", stacklevel=2)
    for cell in cells:
        cell.finish(design.columns(cell.number))
    _write(model, design, cells)
    return _result(model, design, cells, losses, seconds)


def _check_options(ridge: float, iterations: int, tolerance: float) -> None:
    for name, value, cure in (("ridge", ridge, 0.1), ("tolerance", tolerance, 1e-10)):
        number = float(value) if isinstance(value, numbers.Real) else math.nan
        if not (math.isfinite(number) and number >= 0):
            raise ParameterError(explain(name, wanted="a number of 0 or more", got=repr(value), cure=f"{name}={cure}"))
    if isinstance(iterations, bool) or not isinstance(iterations, numbers.Integral) or iterations < 1:
        wanted, got = "a whole number above 0", repr(iterations)
        raise ParameterError(explain("iterations", wanted=wanted, got=got, cure="iterations=50"))


@dataclass
class _Cell:
    """Newton's method for one cell: where it stands, and where it looks next."""

    number: int
    columns: npt.NDArray[np.int64]
    #: by which each parameter's square is taken off the log-likelihood
    penalty: Floats
    trial: Floats
    spikes: float
    log_factorials: float
    #: of the last place that was no step back
    place: Floats = field(init=False)
    value: float = -math.inf
    likelihood: float = -math.inf
    information: Floats = field(init=False)
    step: Floats = field(init=False)
    done: bool = False
    #: sums over the pass at `trial`
    sums: tuple[float, Floats, Floats] = field(init=False)
    largest: Floats = field(init=False)
    error: Floats = field(init=False)

    def begin_pass(self) -> None:
        size = len(self.trial)
        self.sums, self.largest = (0.0, np.zeros(size), np.zeros((size, size))), np.zeros(size)

    def add(self, rows: Floats, counts: Floats, dt: float) -> None:
        """Add a block to log-likelihood, gradient and information at the place that is tried."""
        chosen = rows.take(self.columns, 1)
        log_mean = chosen @ self.trial + math.log(dt)
        with np.errstate(over="ignore", invalid="ignore"):
            mean = np.exp(log_mean)
            value = float((counts * log_mean - mean - gammaln(counts + 1)).sum())
            gradient = chosen.T @ (counts - mean)
            self.largest = np.maximum(self.largest, np.maximum(chosen.max(0), -chosen.min(0)))
            chosen *= np.sqrt(mean)[:, None]
            # of one array with itself numpy computes a half
            information = chosen.T @ chosen
        self.sums = (self.sums[0] + value, self.sums[1] + gradient, self.sums[2] + information)

    def judge(self, tolerance: float) -> None:
        """Take the place that was tried, or half of the step to it."""
        if self.done:
            return
        likelihood, gradient, information = self.sums
        value = likelihood - float(self.penalty @ self.trial**2)
        if not value >= self.value - 1e-12 * abs(self.value):
            self.step = self.step / 2
            self.trial = self.place + self.step
            self.done = bool(np.abs(self.step).max() < 1e-15 * max(1.0, np.abs(self.place).max()))
            return
        self.place, self.value, self.likelihood = self.trial, value, likelihood
        self.information = information + np.diag(2 * self.penalty)
        slope = gradient - 2 * self.penalty * self.place
        self.step = self._solve(slope)
        self.done = float(slope @ self.step) / 2 <= tolerance * (1 + abs(value))
        # the last step costs nothing: it is taken, though its sums are not known
        self.trial = self.place + self.step
        if self.done:
            self.place = self.trial

    def _solve(self, slope: Floats) -> Floats:
        scale = np.sqrt(np.diag(self.information))
        if not (scale > 0).all():
            raise _undetermined(self.number, "a column that is 0 throughout")
        try:
            factor = cho_factor(self.information / scale / scale[:, None])
        except np.linalg.LinAlgError:
            raise _undetermined(self.number, "columns that depend on each other") from None
        solved: Floats = cho_solve(factor, slope / scale) / scale
        return solved

    def finish(self, columns: dict[str, npt.NDArray[np.int64]]) -> None:
        """Standard errors, and what cannot be told."""
        scale = np.sqrt(np.diag(self.information))
        inverse = np.diag(cho_solve(cho_factor(self.information / scale / scale[:, None]), np.eye(len(scale))))
        names = np.repeat(list(columns), [len(numbers) for numbers in columns.values()])
        if inverse.max() > INFLATION:
            got = f"columns of {names[inverse.argmax()]} that depend on each other"
            raise _undetermined(self.number, got)
        self.error = np.sqrt(inverse) / scale
        vague = self.error * self.largest > VAGUE
        if vague.any():
            which = ", ".join(dict.fromkeys(names[vague]))
            message = (
                f"fit_glm: {which} of cell {self.number} goes to infinity: the likelihood has no maximum, as where no "
                "spike follows another at once; ridge= gives finite values"
            )
            warnings.warn(message, stacklevel=3)


def _undetermined(cell: int, got: str) -> ContractError:
    wanted = f"data that tell all parameters of cell {cell} apart"
    cure = "a stimulus that varies about 0, more spikes, some of every source, fewer components, or ridge=0.1"
    return ContractError(explain("fit_glm", wanted=wanted, got=got, cure=cure))


def _begin(design: Design, ridge: float) -> list[_Cell]:
    """Every cell at a constant rate."""
    spikes, log_factorials = np.zeros(design.cells), np.zeros(design.cells)
    for counts in design.counts():
        spikes += counts.sum(0)
        log_factorials += gammaln(counts + 1.0).sum(0)
    silent = np.flatnonzero(spikes == 0)
    if silent.size:
        wanted, got = "spikes of every cell", f"none of cell {silent[0]} in the {design.rows} steps that are used"
        cure = "counts.isel(cell=...) without it, and a model of fewer cells"
        raise ContractError(explain("counts", wanted=wanted, got=got, cure=cure))
    made = []
    for number in range(design.cells):
        columns = np.concatenate(list(design.columns(number).values()))
        start, penalty = np.zeros(len(columns)), np.full(len(columns), float(ridge))
        start[0], penalty[0] = math.log(spikes[number] / design.rows / design.dt), 0.0
        made.append(_Cell(number, columns, penalty, start, float(spikes[number]), float(log_factorials[number])))
    return made


def _pass(design: Design, cells: list[_Cell]) -> None:
    for cell in cells:
        cell.begin_pass()
    for rows, counts in design.blocks():
        for cell in cells:
            cell.add(rows, counts[:, cell.number], design.dt)


def _by_parameter(model: GLM, design: Design, cell: _Cell, values: Floats) -> dict[str, Floats]:
    """Values of one cell in the form of the parameters; 0 where there is none."""
    ends = np.cumsum([len(numbers) for numbers in design.columns(cell.number).values()])
    pieces = dict(zip(design.columns(cell.number), np.split(values, ends[:-1]), strict=True))
    made = {"stimulus.bias": pieces["stimulus.bias"][0]}
    made["stimulus.weight"] = pieces["stimulus.weight"].reshape(design.shape)
    if model.history is not None:
        made["history"] = pieces["history"]
    if model.coupling is not None:
        shape = tuple(model.coupling.shape[1:])
        others = pieces.get("coupling", np.zeros(0)).reshape(shape[0] - 1, shape[1])
        made["coupling"] = np.insert(others, cell.number, 0.0, axis=0)
    return made


def _write(model: GLM, design: Design, cells: list[_Cell]) -> None:
    found = [_by_parameter(model, design, cell, cell.place) for cell in cells]
    for name in found[0]:
        model.p[name].set(np.stack([one[name] for one in found]))
    model.clear_state()


def _result(model: GLM, design: Design, cells: list[_Cell], losses: list[float], seconds: list[float]) -> xr.Dataset:
    made = xr.Dataset()
    lag = grid({dims.TIME: design.shape[1]}, Sampling(Quantity(design.dt, "s")))[dims.TIME].variable
    forms = {
        "stimulus.bias": (dims.CELL,),
        "stimulus.weight": (dims.CELL, dims.CHANNEL, dims.TIME, dims.Y, dims.X),
        "history": (dims.CELL, dims.COMPONENT),
        "coupling": (dims.CELL, "source", "coupling_component"),
    }
    for suffix, values in (("", [cell.place for cell in cells]), ("_error", [cell.error for cell in cells])):
        found = [_by_parameter(model, design, cell, one) for cell, one in zip(cells, values, strict=True)]
        for name in found[0]:
            array = np.stack([one[name] for one in found])
            units = design.weight_units if name == "stimulus.weight" else "1"
            made[name + suffix] = (forms[name], array, {"units": units})
    if design.shape[0] == 1:
        made = made.isel({dims.CHANNEL: 0})
    names = ("likelihood", "spikes", "log_factorials")
    likelihood, spikes, log_factorials = (np.array([getattr(cell, name) for cell in cells]) for name in names)
    null = spikes * np.log(spikes / design.rows) - spikes - log_factorials
    made["log_likelihood"] = (dims.CELL, likelihood, {"units": "1", "long_name": "log-likelihood [nat]"})
    made["bits_per_spike"] = (dims.CELL, (likelihood - null) / spikes / math.log(2), {"units": "bit"})
    made["spikes"] = (dims.CELL, spikes, {"units": "count"})
    made["loss"] = ("epoch", np.array(losses), {"units": "1"})
    made["seconds"] = ("epoch", np.array(seconds), {"units": "s"})
    if model.lags:
        with set_options(dt=Quantity(design.dt, "s")):
            made["spike_filters"] = model.spike_filters.rename({dims.TIME: "age"})
    made = made.assign_coords({dims.TIME: lag, **design.labels})
    if "source" in made.dims and dims.CELL in made.coords:
        made = made.assign_coords(source=made[dims.CELL].values)
    return made
