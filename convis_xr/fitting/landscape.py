"""The loss of a model along directions in its parameters, by forward runs alone."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr

from convis_xr import dims
from convis_xr.contract import check_stimulus
from convis_xr.engine.runner import run
from convis_xr.errors import ContractError, ParameterError, explain
from convis_xr.layer import Layer
from convis_xr.pairing import check_response, stretch
from convis_xr.parameters import Parameter
from convis_xr.parameters.parameter import read_value
from convis_xr.units import is_bare

#: from path to what is added to the parameter, in its base unit
Direction = Mapping[str, Any]
Loss = Callable[[xr.DataArray, xr.DataArray], Any]
Values = dict[str, npt.NDArray[Any]]


def mean_squared_error(prediction: xr.DataArray, response: xr.DataArray) -> float:
    """The mean of squares of what was not predicted; NaN in the response is passed over."""
    return float(((prediction - response) ** 2).mean())


def directions(
    model: Layer,
    stimulus: xr.DataArray,
    response: xr.DataArray,
    along: Mapping[str, Any],
    *,
    offsets: Sequence[float] | npt.NDArray[Any] | None = None,
    loss: Loss = mean_squared_error,
    output: str = "response",
    **options: Any,
) -> xr.DataArray:
    """The loss around where a model stands, along straight lines through its parameters.

    Only forward runs are needed, so it serves models that have no gradient, and tells of one that has whether it can
    be trusted. The model is the same afterwards.

    Parameters
    ----------
    model : Layer
    stimulus : DataArray
        As of `convis_xr.run`; may be lazy.
    response : DataArray (time, ...)
        With the dimensions of the output, on a stretch of the stimulus' time labels.
    along : mapping
        Name of a direction to what an offset of 1 adds to the parameters. Where the name is the path of a parameter, a
        quantity or array: ``{"tau": "1 ms"}``. Else a mapping of paths to such: what `random_direction`, `between` and
        `difference_gradient` give, or one of your own.
    offsets : sequence of float, optional
        Multiples of that; by default 21 from -1 to 1.
    loss : callable
        ``loss(prediction, response) -> float``, of labelled arrays of the same steps; by default the mean squared
        error.
    output : str
        Which output of the model is compared.
    **options
        As of `convis_xr.run`: ``seed``, ``chunk``, ``memory``, ``initial``, ...

    Returns
    -------
    DataArray (direction, offset)
        NaN where a parameter would leave its bounds. Coordinates along ``direction``: ``span``, what an offset of 1
        means in ``span_units`` (the parameter's value; for directions in several parameters or arrays, the length of
        what is added, in base units). The attribute ``loss_here`` is the loss where the model stands.

    Raises
    ------
    ParameterError
        A path that the model has not, what cannot be added to its parameter, or offsets that are no numbers.
    ContractError
        A response that does not fit, or a loss that gives no number.

    Examples
    --------
    >>> import convis_xr as cx
    >>> flash = cx.as_stimulus(np.repeat([0.0, 1.0, 0.0], 50), dt="1 ms", units="1")
    >>> truth, model = cx.filters.LowPass("10 ms"), cx.filters.LowPass("14 ms")
    >>> loss = directions(model, flash, truth(flash), {"tau": "8 ms"}, progress=False)
    >>> float(loss.sel(direction="tau").idxmin()), loss.span.item(), loss.span_units.item()
    (-0.5, 0.008, 's')
    """
    course = _course(offsets)
    if not isinstance(along, Mapping) or not along:
        got, cure = type(along).__name__, 'along={"tau": "1 ms"}'
        raise ParameterError(explain("along", wanted="at least one named direction", got=got, cure=cure))
    steps = {name: _checked(model, name, given) for name, given in along.items()}
    compare = _Comparison(model, stimulus, response, loss, output, options)
    here = compare.at({}, 0.0)
    values = np.array([[compare.at(step, offset) for offset in course] for step in steps.values()])
    spans = [_span(model, step) for step in steps.values()]
    coords = {
        "direction": list(steps),
        "offset": ("offset", course, {"units": "1"}),
        "span": ("direction", [span for span, _ in spans], {"long_name": "what an offset of 1 means, in span_units"}),
        "span_units": ("direction", [units for _, units in spans]),
    }
    return xr.DataArray(values, coords, ("direction", "offset"), "loss", {"units": "1", "loss_here": here})


def random_direction(model: Layer, *, size: float = 0.1, seed: int = 0, paths: Sequence[str] | None = None) -> Values:
    """A direction drawn at random: normal numbers, each parameter's scaled to its own size.

    Parameters
    ----------
    model : Layer
    size : float
        Length of what is added to a parameter, as a part of the parameter's own (where that is 0: in its base unit).
    seed : int
    paths : sequence of str, optional
        Which parameters; by default all that may be fitted.

    Returns
    -------
    dict of str to ndarray
        In base units.

    Examples
    --------
    >>> import convis_xr as cx
    >>> step = random_direction(cx.filters.LowPass("10 ms"), size=0.1, seed=1)
    >>> round(abs(float(step["tau"])), 6)
    0.001
    """
    _check_number("size", size)
    draws, made = np.random.default_rng(seed), {}
    for path in _paths(model, paths):
        value = model.p[path].detach().cpu().numpy().astype(np.float64)
        drawn = np.asarray(draws.standard_normal(value.shape))
        made[path] = drawn / (np.linalg.norm(drawn) or 1.0) * (np.linalg.norm(value) or 1.0) * size
    return made


def between(model: Layer, other: Layer | Mapping[str, Any]) -> Values:
    """The direction from where a model stands, offset 0, to another set of parameters, offset 1.

    Parameters
    ----------
    model : Layer
    other : Layer or mapping
        Another model of the same parameters, or what `get_parameters` gave.
    """
    if not isinstance(other, Layer | Mapping):
        wanted, cure = "a model or a mapping of paths to values", "model.get_parameters() of another"
        raise ParameterError(explain("other", wanted=wanted, got=type(other).__name__, cure=cure))
    values = other.get_parameters() if isinstance(other, Layer) else dict(other)
    own = model.get_parameters()
    unknown = sorted(set(values) ^ set(own))
    if unknown:
        got, cure = f"a difference in {unknown[0]}", "a model of the same kind, or what its get_parameters() gave"
        raise ParameterError(explain("other", wanted="the same parameters", got=got, cure=cure))
    changes = {path: _in_base_units(model, path, values[path]) - own[path] for path in own}
    return {path: change for path, change in changes.items() if change.any()}


def difference_gradient(
    model: Layer,
    stimulus: xr.DataArray,
    response: xr.DataArray,
    *,
    paths: Sequence[str] | None = None,
    spacing: float = 1e-3,
    size: float = 0.1,
    loss: Loss = mean_squared_error,
    output: str = "response",
    **options: Any,
) -> Values:
    """The direction in which the loss grows fastest, relative to the size of each parameter, by central differences.

    Parameters
    ----------
    model, stimulus, response, loss, output, **options
        As of `directions`.
    paths : sequence of str, optional
        Which parameters; by default all that may be fitted. There are two runs for each number in them.
    spacing : float
        Of the differences, as a part of a parameter's mean size; wider in single precision, or for spikes.
    size : float
        Length of the direction, where each parameter counts in its own mean size.

    Returns
    -------
    dict of str to ndarray
        In base units.
    """
    _check_number("spacing", spacing, above_zero=True)
    _check_number("size", size)
    compare = _Comparison(model, stimulus, response, loss, output, options)
    slopes, scales = {}, {}
    for path in _paths(model, paths):
        value = model.p[path].detach().cpu().numpy().astype(np.float64)
        scales[path] = float(np.sqrt((value**2).mean())) or 1.0
        slopes[path] = np.zeros(value.shape)
        for index in np.ndindex(value.shape):
            step = np.zeros(value.shape)
            step[index] = spacing * scales[path]
            ends = [compare.at({path: step}, sign) for sign in (1.0, -1.0)]
            slopes[path][index] = (ends[0] - ends[1]) / (2 * spacing)
    length = np.sqrt(sum(float((slope**2).sum()) for slope in slopes.values()))
    if not np.isfinite(length) or length == 0:
        got, cure = f"a slope of {length:g}", "parameters inside of their bounds, or a wider spacing"
        raise ContractError(explain("loss", wanted="one that changes with the parameters", got=got, cure=cure))
    return {path: slope / length * size * scales[path] for path, slope in slopes.items()}


class _Comparison:
    """The loss of a model at any place near where it stands, to which it always returns."""

    def __init__(
        self, model: Layer, stimulus: Any, response: Any, loss: Loss, output: str, options: Mapping[str, Any]
    ) -> None:
        shown, sampling = check_stimulus(stimulus)
        self._response = check_response(response, frames=True, missing=True)
        self._part = stretch(shown, self._response, sampling)
        self._model, self._stimulus, self._loss, self._output = model, shown, loss, output
        # the same random numbers at every place
        self._options = {"seed": 0, "progress": False, "outputs": [output], **options}
        missing = set(self._response.dims) - {dims.TIME} - set(self._predict().dims)
        if missing:
            got, cure = f"a dimension {sorted(map(str, missing))[0]!r} that the output has not", "one like the output"
            raise ContractError(explain("response", wanted="the output's dimensions", got=got, cure=cure))

    def at(self, step: Direction, offset: float) -> float:
        """The loss there; NaN where a parameter cannot have that value."""
        own = {path: self._model.p[path].detach().clone() for path in step}
        try:
            with torch.no_grad():
                for path, added in step.items():
                    moved = own[path].double() + offset * torch.as_tensor(np.asarray(added, np.float64))
                    parameter = self._model.p[path]
                    if isinstance(parameter, Parameter):
                        parameter.check(moved)
                    parameter.copy_(moved)
            found = self._loss(self._predict(), self._response)
        except ParameterError:
            return float("nan")
        finally:
            with torch.no_grad():
                for path, value in own.items():
                    self._model.p[path].copy_(value)
        if np.ndim(found) or not np.issubdtype(np.asarray(found).dtype, np.number):
            got = f"shape {np.shape(found)}" if np.ndim(found) else type(found).__name__
            cure = "lambda prediction, response: float(((prediction - response) ** 2).mean())"
            raise ContractError(explain("loss", wanted="a number", got=got, cure=cure))
        return float(found)

    def _predict(self) -> xr.DataArray:
        made = run(self._model, self._stimulus, **self._options)[self._output].isel({dims.TIME: self._part})
        return made.assign_coords({dims.TIME: self._response[dims.TIME]})


def _checked(model: Layer, name: str, given: Any) -> Values:
    """A direction as arrays in base units."""
    step = given if isinstance(given, Mapping) else {name: given}
    made = {}
    for path, added in step.items():
        [known] = _paths(model, [path])
        made[known] = _in_base_units(model, known, added)
    return made


def _in_base_units(model: Layer, path: str, given: Any) -> npt.NDArray[Any]:
    """A quantity or array, in the form of a parameter; an array without a unit counts in base units."""
    parameter = model.p[path]
    wants_unit = parameter.ndim == 0 and not isinstance(given, np.ndarray | float)
    if isinstance(parameter, Parameter) and (wants_unit or not is_bare(given)):
        values = read_value(given, parameter.dimension, path).cpu().double().numpy()
    else:
        values = np.asarray(given, np.float64)
    if values.shape != tuple(parameter.shape):
        wanted, got = f"numbers of shape {tuple(parameter.shape)}", f"shape {values.shape}"
        raise ParameterError(explain(path, wanted=wanted, got=got, cure="an array like the parameter"))
    if not np.isfinite(values).all():
        raise ParameterError(explain(path, wanted="finite numbers", got="NaN or infinity", cure="finite numbers"))
    return values


def _course(offsets: Any) -> npt.NDArray[np.float64]:
    if offsets is None:
        return np.linspace(-1, 1, 21)
    given = np.asarray(offsets)
    if given.ndim == 1 and given.dtype.kind in "iuf" and np.isfinite(given).all():
        return given.astype(np.float64)
    cure = "offsets=[-1, 0, 1]"
    raise ParameterError(explain("offsets", wanted="a sequence of finite numbers", got=repr(offsets), cure=cure))


def _check_number(name: str, value: Any, *, above_zero: bool = False) -> None:
    if isinstance(value, numbers.Real) and np.isfinite(float(value)) and (float(value) > 0 or not above_zero):
        return
    wanted = "a number above 0" if above_zero else "a finite number"
    raise ParameterError(explain(name, wanted=wanted, got=repr(value), cure=f"{name}=0.1"))


def _paths(model: Layer, paths: Sequence[str] | None) -> list[str]:
    """Checked paths of parameters; by default those that may be fitted."""
    if paths is None:
        return [path for path, value in model.named_parameters() if value.requires_grad]
    paths = [paths] if isinstance(paths, str) else paths
    known = dict(model.named_parameters())
    for path in paths:
        if path not in known:
            wanted, cure = f"a path among {', '.join(known) or 'none'}", "one of these"
            raise ParameterError(explain("parameter", wanted=wanted, got=path, cure=cure))
    return list(paths)


def _span(model: Layer, step: Values) -> tuple[float, str]:
    """Length of a step, and its unit where it is in one parameter."""
    units = {getattr(model.p[path], "units", "1") for path in step}
    if len(step) == 1 and next(iter(step.values())).ndim == 0:
        return float(next(iter(step.values()))), units.pop()
    length = float(np.sqrt(sum((value**2).sum() for value in step.values())))
    return length, units.pop() if len(units) == 1 else "1"
