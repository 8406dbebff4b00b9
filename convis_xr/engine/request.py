"""`Request`: what is asked of a run, checked and resolved."""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import xarray as xr

from convis_xr import dims
from convis_xr.context import InputInfo, RunContext, Window
from convis_xr.contract import as_stimulus, check_stimulus, valid_range
from convis_xr.engine.selection import resolve_selection, shown_part
from convis_xr.engine.trials import states_of
from convis_xr.errors import ContractError, explain
from convis_xr.layer import Layer
from convis_xr.sampling import Sampling
from convis_xr.scales import whole
from convis_xr.selection import Box, Selection
from convis_xr.streams import Stream
from convis_xr.tensors import Labels
from convis_xr.units import DIMENSIONS, factor, is_bare, magnitude

#: how NaN and infinity in a stimulus are met
NAN_POLICIES = ("raise", "propagate")


@dataclass(frozen=True)
class Request:
    """A model, the part of a stimulus to show it, and how."""

    model: Layer
    #: canonical order, only the part that is to be shown: a stretch of time, and what the selection needs of the frame
    stimulus: xr.DataArray
    #: the same stretch of time with the whole frame
    whole: xr.DataArray
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
    #: number of trials; None: one, and no dimension for it
    repeats: int | None
    #: what is wanted of the whole frame, None: all of it
    selection: Selection | None
    #: where in the whole frame lies what is shown, None: it is the whole
    shown: Box | None
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

    @property
    def zero(self) -> float:
        """Label of the first sample that is shown, s, on an axis of dates, which count from the first one given."""
        return self.offset * (self.info.sampling.dt_s or 0.0)

    def labels(self, name: str, shape: tuple[int, ...]) -> Labels:
        """The labels of one output of tensor shape ``shape``."""
        return self.model.output_labels(name, self.whole, shape, self.selection)

    def states(self, state: Mapping[str, torch.Tensor] | None = None) -> list[dict[str, torch.Tensor]]:
        """A copy of the state of each trial, on the device of the run."""
        given = self.state if state is None else state
        return states_of({path: value.to(self.device) for path, value in given.items()}, self.repeats)

    def contexts(self, state: Mapping[str, torch.Tensor] | None = None) -> list[RunContext]:
        """A fresh run for each trial: begun, or going on from ``state`` (by default from what was asked for)."""
        return [self.context(repeat, held) for repeat, held in enumerate(self.states(state))]

    def context(
        self, repeat: int = 0, state: Mapping[str, torch.Tensor] | None = None, *, warns: bool = False
    ) -> RunContext:
        """A fresh run of one trial, which is begun where it has no ``state``; of one that ``warns`` layers may."""
        made = self.model.new_context(self.info, state=state, seed=self.seed, outputs=self.outputs)
        made.warns = warns
        made.repeat, made.window, made.selection = repeat, self._window(), self._selection()
        frame = torch.zeros(self.frame_shape, dtype=self.dtype, device=self.device)
        self.model.begin(made, self.model.initial if self.initial is None else self.initial, frame)
        return made

    def _window(self) -> Window | None:
        if self.shown is None:
            return None
        full = self.whole.sizes.get(dims.Y, 1), self.whole.sizes.get(dims.X, 1)
        return Window(self.shown.top, self.shown.left, full)

    def _selection(self) -> Selection | None:
        """What is wanted of the frames that are shown."""
        if self.shown is None or self.selection is None:
            return self.selection
        return self.selection.moved(-self.shown.top, -self.shown.left)


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
    repeats: int | None,
    cells: Any,
    region: Any,
    nan: str,
    sampling: Sampling | None,
) -> Request:
    """Check every argument of a run that does not concern memory or the store."""
    _check_arguments(model, nan, seed, repeats, initial, state)
    if isinstance(stimulus, Stream):
        stimulus = stimulus.upcoming(stop)
    array, scale = _labelled(stimulus, sampling)
    first, last = _part(array, scale, start, stop)
    source = getattr(stimulus, "encoding", {}).get("source")
    stretch = array.isel({dims.TIME: slice(first, last)})
    selection = resolve_selection(array, region, cells)
    frame = array.sizes.get(dims.Y, 1), array.sizes.get(dims.X, 1)
    shown = None if selection is None else shown_part(selection, model.footprint(scale), frame)
    return Request(
        model=model,
        stimulus=stretch if shown is None else stretch.isel(shown.indexers(stretch.dims)),
        whole=stretch,
        offset=first,
        info=InputInfo(scale, array.attrs["units"], valid_range(array)),
        dtype=_dtype(model, dtype, array.dtype),
        device=_device(model, device),
        outputs=None if outputs is None else (outputs,) if isinstance(outputs, str) else tuple(outputs),
        initial=initial,
        state={name: torch.as_tensor(value) for name, value in (state or {}).items()},
        seed=seed,
        nan=nan,
        repeats=None if repeats is None else int(repeats),
        selection=selection,
        shown=shown,
        source=None if source is None else str(source).rstrip("/").rpartition("/")[2],
    )


def _check_arguments(model: Any, nan: Any, seed: Any, repeats: Any, initial: Any, state: Any) -> None:
    """What can be said of arguments without a look at the stimulus."""
    if not isinstance(model, Layer):
        cure = "a class Model(cx.Layer) that calls the torch module in its forward"
        if isinstance(model, str):
            cure = f"cx.models.Retina({model!r})"
        raise ContractError(explain("model", wanted="a convis_xr.Layer", got=type(model).__name__, cure=cure))
    arguments = inspect.signature(model.forward).parameters.values()
    needed = [one.name for one in arguments if one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD]
    if len(needed) > 1:
        got = f"{type(model).__name__}, whose forward takes {', '.join(needed)}"
        cure = "model(a, b) on labelled data, or a model that makes all of them of one stimulus"
        raise ContractError(explain("model", wanted="a model of one stimulus", got=got, cure=cure))
    if nan not in NAN_POLICIES:
        raise ContractError(explain("nan", wanted='"raise" or "propagate"', got=repr(nan), cure='nan="raise"'))
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int | np.integer)):
        raise ContractError(explain("seed", wanted="a whole number", got=repr(seed), cure="seed=0"))
    if repeats is not None and (isinstance(repeats, bool) or not isinstance(repeats, int | np.integer) or repeats < 1):
        raise ContractError(
            explain("repeats", wanted="a number of trials, 1 or more", got=repr(repeats), cure="repeats=10")
        )
    if initial is not None and state is not None:
        cure = "one of them: a state says by itself what was before the first frame"
        raise ContractError(explain("initial", wanted="no initial= beside state=", got=repr(initial), cure=cure))
    if state is not None and not isinstance(state, Mapping):
        cure = "state=result.convis.state"
        raise ContractError(explain("state", wanted="a dict of tensors", got=type(state).__name__, cure=cure))


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
