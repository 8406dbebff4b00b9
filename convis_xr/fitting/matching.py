"""A response beside what a model gives: which output, which pixels or channels, which steps, in which unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from convis_xr import dims
from convis_xr.engine.rehearsal import rehearse
from convis_xr.engine.request import Request, resolve
from convis_xr.errors import ContractError, ParameterError, UnitError, explain
from convis_xr.event_table import EventTable
from convis_xr.pairing import check_response, stretch
from convis_xr.tensors import Labels
from convis_xr.units import DIMENSIONS, Quantity, factor, has_dimension, magnitude, parse_unit

#: labels of pixels may be off by this part of the pitch
SLACK = 0.1
#: what a model gives that is told what was recorded
FORCED_OUTPUT = "rate"


@dataclass(frozen=True)
class Match:
    """A model, a stimulus and a response that go together.

    What is predicted and what was recorded are tensors (time, repeat, ...), the latter axes in the order of ``rest``;
    there is one repeat where the response has no such dimension, and always one in what is predicted.
    """

    request: Request
    output: str
    #: how the model's output is labelled
    form: Labels
    #: (time, repeat, *rest), still lazy
    response: xr.DataArray
    #: steps of the stimulus that it belongs to
    part: slice
    #: dimensions of the output in the order of ``rest``
    order: tuple[str, ...]
    #: turn output and response into one unit
    scale: float
    response_scale: float
    #: that unit
    units: str
    #: whether the output has no unit of its own
    bare: bool

    @property
    def forced(self) -> bool:
        """Whether the model is told what was recorded, and gives what follows from that for the next step."""
        return is_forced(self.request.model)

    @property
    def rest(self) -> tuple[str, ...]:
        """Dimensions of the response beside time and repeat."""
        return tuple(str(name) for name in self.response.dims[2:])

    def predicted(self, outputs: Mapping[str, Any]) -> Tensor:
        """What a chunk of the model's outputs says of the response."""
        made: Tensor = outputs[self.output]
        # a model that is told what was recorded has a batch of repeats
        return torch.cat([self._one(part) for part in made.split(1)], 1) if self.forced else self._one(made)

    def _one(self, made: Tensor) -> Tensor:
        """One repeat (time, 1, ...) of an output."""
        index = tuple(slice(None) if name in self.form.sizes else 0 for name in self.form.axes)
        kept = [name for name in self.form.axes if name in self.form.sizes]
        # what only one of both has is of length 1
        order = [dims.TIME, *self.order, *(name for name in kept if name not in (dims.TIME, *self.order))]
        ordered = made[index].permute([kept.index(name) for name in order])
        shape = [self.response.sizes[name] for name in self.rest]
        return ordered.reshape(ordered.shape[0], 1, *shape) * self.scale

    def recorded(self, values: np.ndarray[Any, Any]) -> Tensor:
        """A block of the response; infinity is refused, NaN stands for what was not recorded."""
        if values.dtype.kind == "f" and np.isinf(values).any():
            cure = "a look at what wrote it"
            raise ContractError(explain("response", wanted="finite values or NaN", got="infinity", cure=cure))
        made = torch.from_numpy(np.array(values, "f8" if self.request.dtype == torch.float64 else "f4"))
        return made.to(self.request.device) * self.response_scale


def match(
    model: Any,
    stimulus: Any,
    response: Any,
    *,
    output: str | None,
    cells: Any,
    counts: bool,
    device: Any,
    dtype: Any,
    seed: int | None,
    initial: Any = None,
    state: Any = None,
) -> Match:
    """Find out how the response goes with what the model gives of the stimulus.

    Parameters
    ----------
    model, stimulus, device, dtype, seed, initial, state
        As of `convis_xr.run`.
    response : DataArray (time), (time, cell), (repeat, time, cell), (time, y, x), ...
        NaN stands for what was not recorded.
    output : str, optional
        Which of the model's outputs; needed where it gives several.
    cells : optional
        Where the response's cells are, as of `convis_xr.run`; by default at its coordinates ``y`` and ``x``.
    counts : bool
        Whether both are wanted as counts per step.

    Raises
    ------
    ContractError, UnitError
        They do not go together.
    """
    output = FORCED_OUTPUT if output is None and is_forced(model) else output
    # values are looked at block by block, as they are read
    check_response(_first_step(response), frames=True, missing=True)
    response = check_response(response, frames=True, missing=True) if not _is_lazy(response) else _plain(response)

    def ask(selected: Any) -> tuple[Request, Labels, str]:
        asked = resolve(
            model, stimulus, outputs=output, start=None, stop=None, device=device, dtype=dtype, initial=initial,
            state=state, seed=seed, repeats=None, cells=selected, region=None, nan="raise", sampling=None,
        )  # fmt: skip
        return asked, *_form(asked)

    request, form, name = ask(cells)
    places = _places(response, form, request)
    if cells is None and places is not None:
        request, form, name = ask(places)
    part = stretch(request.stimulus, response, request.info.sampling)
    response = _in_order(response)
    if {*dims.SPACE} <= {*form.sizes} and dims.Y in response.dims:
        response = _top_down(response)
    response, order = _along(response, form, name)
    units = model.output_units(name, request.info.units)
    scales = _scales(units, response.attrs.get("units"), counts, request)
    bare = units == "1"
    return Match(request, name, form, response, part, order, *scales, bare=bare)


def is_forced(model: Any) -> bool:
    """Whether a model takes recorded counts (repeat, 1, time, 1, cell) as a second input: it says so itself."""
    return bool(getattr(model, "teacher_forced", False))


def _first_step(response: Any) -> Any:
    has_time = isinstance(response, xr.DataArray) and dims.TIME in response.dims and response.size
    return response.isel({dims.TIME: slice(0, 1)}) if has_time else response


def _is_lazy(response: xr.DataArray) -> bool:
    return response.chunks is not None


def _plain(response: xr.DataArray) -> xr.DataArray:
    from convis_xr.sampling import dequantified

    made: xr.DataArray = dequantified(response)
    return made


def _form(request: Request) -> tuple[Labels, str]:
    """How the output is labelled, and its name."""
    with torch.no_grad():
        forms = rehearse(request).forms
    if len(forms) > 1:
        wanted, first = f"one of {', '.join(forms)}", next(iter(forms))
        raise ContractError(explain("output", wanted=wanted, got="none named", cure=f'output="{first}"'))
    ((name, form),) = forms.items()
    if isinstance(form, EventTable):
        cure = "an output with a value for each step"
        raise ContractError(explain("output", wanted="values over time", got=f"{name!r}, a table of events", cure=cure))
    return form, name


def _places(response: xr.DataArray, form: Labels, request: Request) -> xr.Dataset | None:
    """Where the response's cells are, if the model gives frames of the stimulus' pixels."""
    if any(form.sizes.get(name) != request.whole.sizes.get(name) for name in dims.SPACE):
        return None
    along = [name for name in dims.SPACE if name in response.coords and response[name].dims == (dims.CELL,)]
    if len(along) < 2 or not {*dims.SPACE} <= {*form.sizes}:
        return None
    return xr.Dataset(coords={name: response[name].variable for name in dims.SPACE})


def _in_order(response: xr.DataArray) -> xr.DataArray:
    if dims.REPEAT not in response.dims:
        response = response.expand_dims(dims.REPEAT)
    return response.transpose(dims.TIME, dims.REPEAT, ...)


def _top_down(response: xr.DataArray) -> xr.DataArray:
    """Row 0 on top, as in what a model gives."""
    rows = response.coords.get(dims.Y)
    if rows is None or rows.size < 2 or rows[0] > rows[-1]:
        return response
    return response.isel({dims.Y: slice(None, None, -1)})


def _along(response: xr.DataArray, form: Labels, name: str) -> tuple[xr.DataArray, tuple[str, ...]]:
    """The response without dimensions that neither needs, and the output's dimensions in the order of the rest."""
    sizes = {dim: size for dim, size in form.sizes.items() if dim != dims.TIME}
    called = {dims.CHANNEL: dims.CELL} if dims.CHANNEL in sizes and dims.CELL not in sizes else {}
    called = called if dims.CHANNEL not in response.dims else {}
    theirs = {called.get(dim, dim): dim for dim in sizes}
    rest = [str(dim) for dim in response.dims[2:]]
    one_only = {dim for dim in rest if dim not in theirs and response.sizes[dim] == 1}
    wide = {dim: size for dim, size in sizes.items() if size > 1 or called.get(dim, dim) in rest}
    ours = {dim: response.sizes[dim] for dim in rest if dim not in one_only}
    if ours != {called.get(dim, dim): size for dim, size in wide.items()}:
        wanted = f"what output {name!r} has beside time, {sizes or 'nothing'}"
        got = str({dim: response.sizes[dim] for dim in rest} or "nothing")
        raise ContractError(explain("response", wanted=wanted, got=got, cure=_cure(ours, sizes)))
    for dim in dims.SPACE:
        _check_labels(response, form, dim)
    return response, tuple(theirs[dim] for dim in rest if dim in theirs)


def _cure(ours: Mapping[str, int], sizes: Mapping[str, int]) -> str:
    if dims.CELL in ours and {*dims.SPACE} <= {*sizes}:
        return 'coordinates "y" and "x" along the response\'s cells, or cells=[(row, column), ...]'
    if dims.CELL not in ours and {*dims.SPACE} <= {*sizes} and not {*dims.SPACE} <= {*ours}:
        return "a model of one cell (population=False), or cells=[(row, column)]"
    if {*dims.SPACE} <= {*ours} & {*sizes}:
        return "the same pixels of both: response.interp(y=, x=), or stimulus.isel(y=, x=)"
    return "an output with a value for each of them"


def _check_labels(response: xr.DataArray, form: Labels, dim: str) -> None:
    """Pixels of both are the same ones."""
    if dim not in response.coords or dim not in form.coords or form.coords[dim].dims != response[dim].dims:
        return
    if not response[dim].dims:
        return
    degrees = []
    for place in (form.coords[dim], response[dim]):
        units = str(place.attrs.get("units", "1"))
        degrees.append(place.values * factor(units, DIMENSIONS["angle"].unit, f"units of {dim}"))
    wanted, got = degrees
    pitch = np.abs(np.diff(np.unique(wanted))).min() if np.unique(wanted).size > 1 else np.inf
    if wanted.shape != got.shape or np.abs(wanted - got).max() > SLACK * pitch:
        texts = [f"{dim} from {some[0]:.6g} to {some[-1]:.6g} degree" for some in degrees]
        cure = "one frame for both: response.interp(y=, x=), or its own pixels' coordinates"
        raise ContractError(explain("response", wanted=f"pixels of the output, {texts[0]}", got=texts[1], cure=cure))


def _scales(output: str, response: Any, counts: bool, request: Request) -> tuple[float, float, str]:
    """What turns the output and the response into one unit, and that unit."""
    if response is None:
        cure = 'response.attrs["units"] = "count"'
        raise UnitError(explain("response", wanted="a unit of its values", got="none", cure=cure))
    theirs = parse_unit(response, "units of the response")
    per_second = has_dimension(theirs, "rate")
    dt = request.info.sampling.dt_s or 0.0
    response_scale = 1.0
    if counts and per_second:
        response_scale, theirs = magnitude(Quantity(1.0, theirs), "rate", "response") * dt, "count"
    if output == "1":
        return response_scale, response_scale, theirs
    if has_dimension(output, "rate") and theirs in ("count", "1"):
        return magnitude(Quantity(1.0, output), "rate", "output") * dt, response_scale, "count"
    if output == "count" and per_second and not counts:
        return 1 / dt / magnitude(Quantity(1.0, theirs), "rate", "response"), 1.0, theirs
    return factor(output, theirs, "response, against the unit of the output"), response_scale, theirs


def fitted_parameters(model: torch.nn.Module, asked: Sequence[str] | str | None) -> dict[str, torch.nn.Parameter]:
    """The parameters of a fit by path: those that ask for gradients, and of these the ones that are named.

    Parameters
    ----------
    model : Module
    asked : str or sequence of str, optional
        Paths, or what they begin with: "opl.center" means all of its parameters.

    Raises
    ------
    ParameterError
        There is none of that path, or none at all.
    """
    own = dict(model.named_parameters())
    free = {path: one for path, one in own.items() if one.requires_grad}
    if asked is None:
        if not free:
            cure = "model.p.<path>.requires_grad_()"
            raise ParameterError(explain("parameters", wanted="some that ask for a gradient", got="none", cure=cure))
        return free
    names = [asked] if isinstance(asked, str) else list(asked)
    chosen: dict[str, torch.nn.Parameter] = {}
    for name in names:
        found = {path: one for path, one in own.items() if path == name or path.startswith(f"{name}.")}
        found = {path: one for path, one in found.items() if not getattr(one, "whole", False)}
        if not found:
            wanted = f"paths among {', '.join(own) or 'none'}"
            raise ParameterError(explain("parameters", wanted=wanted, got=str(name), cure="a path of model.p"))
        chosen |= found
    if not chosen:
        raise ParameterError(explain("parameters", wanted="a path at least", got="none", cure="leave it out"))
    return {path: own[path] for path in own if path in chosen}


def narrowed(found: Match, repeats: Sequence[int]) -> Match:
    """With these repeats of the response alone."""
    return replace(found, response=found.response.isel({dims.REPEAT: list(repeats)}))
