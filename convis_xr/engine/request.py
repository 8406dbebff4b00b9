"""`Request`: what is asked of a run, checked and resolved; and the trial of a model on one frame."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import xarray as xr

from convis_xr import dims
from convis_xr.context import InputInfo, RunContext
from convis_xr.contract import as_stimulus, check_stimulus, valid_range
from convis_xr.errors import ContractError, explain
from convis_xr.layer import Layer
from convis_xr.sampling import Sampling
from convis_xr.scales import whole
from convis_xr.streams import Stream
from convis_xr.tensors import output_labels
from convis_xr.units import DIMENSIONS, factor, is_bare, magnitude

#: how NaN and infinity in a stimulus are met
NAN_POLICIES = ("raise", "propagate")


@dataclass(frozen=True)
class Request:
    """A model, the part of a stimulus to show it, and how."""

    model: Layer
    #: canonical order, only the part that is to be shown
    stimulus: xr.DataArray
    #: index of its first sample in the stimulus that was given
    offset: int
    info: InputInfo
    dtype: torch.dtype
    device: torch.device
    outputs: tuple[str, ...] | None
    initial: Any
    state: dict[str, torch.Tensor]
    seed: int | None
    nan: str
    #: name of the file that the stimulus comes from, where it says
    source: str | None

    @property
    def steps(self) -> int:
        """Samples to be shown."""
        return self.stimulus.sizes[dims.TIME]

    @property
    def frame_shape(self) -> tuple[int, int, int, int, int]:
        """Tensor shape of one frame."""
        batch, channel, _, y, x = (self.stimulus.sizes.get(name, 1) for name in dims.STIMULUS)
        return batch, channel, 1, y, x

    def context(self, state: Mapping[str, torch.Tensor] | None = None) -> RunContext:
        """A fresh run: begun, or going on from ``state`` (by default from the state that was asked for)."""
        held = {name: value.clone() for name, value in (self.state if state is None else state).items()}
        made = self.model.new_context(self.info, state=held, seed=self.seed, outputs=self.outputs)
        frame = torch.zeros(self.frame_shape, dtype=self.dtype, device=self.device)
        self.model.begin(made, self.model.initial if self.initial is None else self.initial, frame)
        return made


@dataclass(frozen=True)
class OutputFacts:
    """One output of a run, as the trial showed it."""

    name: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    units: str

    @property
    def frame_bytes(self) -> int:
        """Bytes of one time step."""
        sizes = dict(zip(self.dims, self.shape, strict=True))
        return math.prod(size for name, size in sizes.items() if name != dims.TIME) * np.dtype(self.dtype).itemsize

    @property
    def attrs(self) -> dict[str, str]:
        """Attributes of the labelled variable."""
        words = self.name.replace("_", " ").replace(".", " ")
        return {"units": self.units, "long_name": words}

    def part(self, first: int, last: int) -> tuple[slice, ...]:
        """The index of a stretch of time."""
        return tuple(slice(first, last) if name == dims.TIME else slice(None) for name in self.dims)


def resolve(
    model: Any,
    stimulus: Any,
    *,
    outputs: Sequence[str] | str | None,
    start: Any,
    stop: Any,
    device: Any,
    dtype: Any,
    initial: Any,
    state: Mapping[str, Any] | None,
    seed: int | None,
    nan: str,
    sampling: Sampling | None,
) -> Request:
    """Check every argument of a run that does not concern memory or the store."""
    if not isinstance(model, Layer):
        cure = "a class Model(cx.Layer) that calls the torch module in its forward"
        if isinstance(model, str):
            cure = f"cx.models.Retina({model!r})"
        raise ContractError(explain("model", wanted="a convis_xr.Layer", got=type(model).__name__, cure=cure))
    if nan not in NAN_POLICIES:
        raise ContractError(explain("nan", wanted='"raise" or "propagate"', got=repr(nan), cure='nan="raise"'))
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int | np.integer)):
        raise ContractError(explain("seed", wanted="a whole number", got=repr(seed), cure="seed=0"))
    if initial is not None and state is not None:
        cure = "one of them: a state says by itself what was before the first frame"
        raise ContractError(explain("initial", wanted="no initial= beside state=", got=repr(initial), cure=cure))
    if state is not None and not isinstance(state, Mapping):
        cure = "state=result.convis.state"
        raise ContractError(explain("state", wanted="a dict of tensors", got=type(state).__name__, cure=cure))
    if isinstance(stimulus, Stream):
        stimulus = stimulus.upcoming(stop)
    array, scale = _labelled(stimulus, sampling)
    first, last = _part(array, scale, start, stop)
    source = getattr(stimulus, "encoding", {}).get("source")
    return Request(
        model=model,
        stimulus=array.isel({dims.TIME: slice(first, last)}),
        offset=first,
        info=InputInfo(scale, array.attrs["units"], valid_range(array)),
        dtype=_dtype(model, dtype, array.dtype),
        device=_device(model, device),
        outputs=None if outputs is None else (outputs,) if isinstance(outputs, str) else tuple(outputs),
        initial=initial,
        state={name: torch.as_tensor(value) for name, value in (state or {}).items()},
        seed=seed,
        nan=nan,
        source=None if source is None else str(source).rstrip("/").rpartition("/")[2],
    )


def trial(request: Request) -> tuple[tuple[OutputFacts, ...], int]:
    """Show the model one grey frame, from the start, in a context that is thrown away.

    Returns
    -------
    tuple of OutputFacts, int
        What it gives, and the bytes of its state.
    """
    context = request.context({})
    # not of zeros, which have no logarithm: the middle of the scale, or 1 in the unit of the model
    scale = context.info.valid_range
    grey = 1 / context.scale if scale is None else sum(scale) / 2
    frame = torch.full(request.frame_shape, grey, dtype=request.dtype, device=request.device)
    try:
        made = request.model.advance(context, frame)
    except Exception as error:
        error.add_note("This was met while the model was tried on a single frame; every length of chunk must do.")
        raise
    _check_state(request, context)
    state = sum(value.numel() * value.element_size() for value in context.state.values())
    wanted = tuple(made) if request.outputs is None else request.outputs
    outputs = tuple(_facts(request, name, made) for name in wanted)
    _check_together(outputs)
    return outputs, state


def _facts(request: Request, name: str, made: Mapping[str, torch.Tensor]) -> OutputFacts:
    if name not in made:
        cure = "return a dict with every name of output_names that is in self.wanted_outputs"
        raise ContractError(explain("model", wanted=f"an output {name!r}", got=", ".join(made) or "none", cure=cure))
    shape = list(made[name].shape)
    shape[2] = request.steps
    labels = output_labels(request.stimulus, tuple(shape))
    dtype = str(made[name].dtype).removeprefix("torch.")
    units = request.model.output_units(name, request.info.units)
    return OutputFacts(name, tuple(labels.sizes), tuple(labels.sizes.values()), dtype, units)


def _check_state(request: Request, context: RunContext) -> None:
    """A state that was given is as the stimulus asks for: nothing is broadcast or cast."""
    request.model._checked_state(request.state)
    for path, given in request.state.items():
        needed = context.state.get(path, given)
        if needed.shape != given.shape or needed.dtype != given.dtype:
            got = f"shape {tuple(given.shape)}, {given.dtype}"
            wanted = f"shape {tuple(needed.shape)}, {needed.dtype} for this stimulus"
            cure = "the state of a run over frames of the same size, and the same dtype="
            raise ContractError(explain(f"state[{path!r}]", wanted=wanted, got=got, cure=cure))


def _check_together(outputs: tuple[OutputFacts, ...]) -> None:
    """Outputs of one Dataset share their dimensions."""
    seen: dict[str, tuple[int, str]] = {}
    for output in outputs:
        for dim, size in zip(output.dims, output.shape, strict=True):
            known, other = seen.setdefault(dim, (size, output.name))
            if known != size:
                got = f"{dim}={known} in {other!r}, {dim}={size} in {output.name!r}"
                cure = f'one run for each: outputs=["{other}"]'
                raise ContractError(explain("outputs", wanted="outputs of one frame size", got=got, cure=cure))


def _labelled(stimulus: Any, sampling: Sampling | None) -> tuple[xr.DataArray, Sampling]:
    if isinstance(stimulus, xr.DataArray | xr.Dataset):
        if sampling is not None:
            cure = "leave sampling= out"
            got = "labelled data, which carry their own"
            raise ContractError(explain("sampling", wanted="a bare array beside it", got=got, cure=cure))
        return check_stimulus(stimulus)
    if isinstance(stimulus, str | os.PathLike):
        cure = f"cx.open_stimulus({os.fspath(stimulus)!r})"
        raise ContractError(explain("stimulus", wanted="data", got=f"the path {os.fspath(stimulus)!r}", cure=cure))
    scale = Sampling() if sampling is None else sampling
    return check_stimulus(as_stimulus(stimulus, scale.dt, scale.pixel_size, units="1"))


def _part(array: xr.DataArray, sampling: Sampling, start: Any, stop: Any) -> tuple[int, int]:
    """First sample to show, and the one after the last: numbers are indices, quantities labels of the time axis."""
    steps = array.sizes[dims.TIME]
    first = 0 if start is None else _index(array, sampling, start, "start")
    last = steps if stop is None else _index(array, sampling, stop, "stop")
    if not 0 <= first < last <= steps:
        zero, dt = _origin(array), sampling.dt_s
        span = f"{steps} samples" + ("" if dt is None else f", {zero:.6g} s to {zero + steps * dt:.6g} s")
        got = f"start={start!r}, stop={stop!r}"
        cure = "start before stop, both within the stimulus"
        raise ContractError(explain("start, stop", wanted=f"a part of the stimulus ({span})", got=got, cure=cure))
    return first, last


def _index(array: xr.DataArray, sampling: Sampling, where: Any, name: str) -> int:
    if is_bare(where):
        return whole(where, name)
    after = (magnitude(where, "time", name) - _origin(array)) / sampling.need_dt(name)
    return math.ceil(after - 1e-6)  # a label that a rounding error has moved is still met


def _origin(array: xr.DataArray) -> float:
    """Label of the first sample, s; dates count from the first sample."""
    coordinate = array.coords[dims.TIME]
    first = coordinate[:1].values[0]
    if coordinate.dtype.kind == "M":
        return 0.0
    if coordinate.dtype.kind == "m":
        return float(first / np.timedelta64(1, "ns")) * 1e-9
    return float(first) * factor(coordinate.attrs["units"], DIMENSIONS["time"].unit, dims.TIME)


def _dtype(model: Layer, dtype: Any, stimulus: np.dtype[Any]) -> torch.dtype:
    if dtype is None:
        return model.compute_dtype(stimulus)
    known = {"float32": torch.float32, "float64": torch.float64}
    name = str(dtype).removeprefix("torch.") if isinstance(dtype, str | torch.dtype) else np.dtype(dtype).name
    if name not in known:
        raise ContractError(explain("dtype", wanted="float32 or float64", got=name, cure='dtype="float32"'))
    return known[name]


def _device(model: Layer, device: Any) -> torch.device:
    own = model._device()
    try:
        wanted = own if device is None else torch.device(device)
    except (RuntimeError, TypeError) as error:
        cure = f'device="{own}"'
        raise ContractError(explain("device", wanted="a device of torch", got=repr(device), cure=cure)) from error
    if next(model.parameters(), None) is not None and (wanted.type, wanted.index or 0) != (own.type, own.index or 0):
        cure = f'model.to("{wanted}"): a run does not move a model that others may share'
        raise ContractError(explain("device", wanted=f"{own}, where the model is", got=str(wanted), cure=cure))
    return wanted
