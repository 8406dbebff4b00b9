"""`Layer`: a torch module with physical parameters, explicit state, and labels at its doors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import torch
import xarray as xr

from convis_xr.context import InputInfo, RunContext, is_busy, running
from convis_xr.contract import check_finite, check_stimulus, like, valid_range
from convis_xr.errors import ContractError, explain
from convis_xr.footprint import UNKNOWN, Footprint
from convis_xr.forwarding import Forwarding
from convis_xr.kernels.memory import cast
from convis_xr.options import get_option
from convis_xr.outputs import check_output, join, labelled, narrow
from convis_xr.parameters import Parameter
from convis_xr.sampling import Sampling
from convis_xr.selection import Selection
from convis_xr.tensors import Labels, block_to_tensor, output_labels
from convis_xr.turns import blocks_of, side_by_side
from convis_xr.units import factor, has_dimension, is_bare, magnitude


class Layer(Forwarding):
    """Base class of filters, spiking cells and models.

    Subclass it with ``__init__`` and ``forward(x)``, x being a Tensor (batch, channel, time, y, x). Attributes that are
    `Parameter`, `State`, `Derived` or another Layer (or any torch module) are registered.

    A Layer called with a DataArray answers with one (with a Dataset where it has several outputs); called with a
    tensor, with a tensor. Both go on from the state that the layer holds.

    Examples
    --------
    >>> import convis_xr as cx, torch.nn.functional as F
    >>> class Model(cx.Layer):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.conv1 = cx.filters.Conv3d(1, (20, 1, 1))
    ...         self.conv2 = cx.filters.Conv3d(1, (1, 10, 10))
    ...     def forward(self, x):
    ...         x = F.relu(self.conv1(x))
    ...         return F.relu(self.conv2(x))
    >>> Model()(torch.rand(1, 1, 50, 12, 12)).shape
    torch.Size([1, 1, 50, 12, 12])
    """

    #: unit that ``forward`` wants its input in; None: any, it does not look at it
    units_in: str | None = None
    #: whether input without a unit ("1") is taken to be in ``units_in``
    bare_in: bool = False
    #: unit of the output; None: ``units_in``, or where that is None, too, that of the input
    units_out: str | None = "1"
    #: what is assumed before the first frame: "first_frame", "zeros", a number or quantity; None: `start`
    initial: Any = None
    #: bytes of input that are computed at a time where no gradient is wanted, to stay near the processor; None, and on
    #: a card: chunks as they come. For layers that give the same bits however time is cut.
    block_bytes: int | None = None
    #: whether ``forward`` keeps to `in_turn` where its state goes on: then two blocks are computed side by side
    takes_turns: bool = False
    #: the default of ``initial`` for this class
    start = "zeros"
    #: whether ``forward`` gives only what `selection` asks for; else that is taken from what it gives
    selects: bool = False

    def __init__(self) -> None:
        super().__init__()
        self._info: InputInfo | None = None
        #: shape and dtype of the input that the held state belongs to
        self._form: tuple[Any, ...] | None = None

    # --- what a subclass may declare ------------------------------------------------------------------------

    @property
    def output_names(self) -> tuple[str, ...]:
        """Every output that can be asked for."""
        return ("response",)

    @property
    def default_outputs(self) -> tuple[str, ...]:
        """The outputs that are given where none is asked for."""
        return self.output_names[:1]

    def output_units(self, name: str, input_units: str) -> str:
        """Unit of one output."""
        return (self.units_in or input_units) if self.units_out is None else self.units_out

    def output_labels(
        self, name: str, like: xr.DataArray, shape: tuple[int, ...], selection: Selection | None = None
    ) -> Labels:
        """Dimensions and coordinates of one output of tensor shape ``shape``, where ``like`` is the whole stimulus."""
        return output_labels(like, shape) if selection is None else selection.labels(like, shape)

    def footprint(self, sampling: Sampling) -> Footprint:
        """How far an output looks into the past and the neighbourhood; by default nothing is promised."""
        return UNKNOWN

    def working_arrays(self, outputs: Sequence[str]) -> float:
        """How many arrays as large as the input are alive at once, at most, while ``outputs`` are computed."""
        leaves = sum(1 for module in self.modules() if next(module.children(), None) is None)
        return 2 + 2 * leaves

    # --- what a subclass uses in forward --------------------------------------------------------------------

    @property
    def info(self) -> InputInfo:
        """What is known of the input: sampling, units, valid range."""
        context = running(self)
        if context is not None:
            return context.info
        return self._info if self._info is not None else InputInfo()

    @property
    def sampling(self) -> Sampling:
        """Sampling of the input: that of the run, the last one seen, or that of `set_options`."""
        return self.info.sampling

    @property
    def dt(self) -> float:
        """Time step of the input, s."""
        return self.sampling.need_dt(type(self).__name__)

    @property
    def wanted_outputs(self) -> tuple[str, ...]:
        """Names of the outputs that ``forward`` shall give."""
        context = running(self)
        if context is None:
            return self.default_outputs
        # what a run is asked for are outputs of the model, not of the layers that it is made of
        asked = context.asked.get(id(self)) if context.paths[id(self)] else context.outputs
        return self.default_outputs if asked is None else asked

    @property
    def selection(self) -> Selection | None:
        """What of the frames ``forward`` shall give, where `selects`; None: all of them."""
        context = running(self)
        return None if context is None or context.paths[id(self)] else context.selection

    def start_frame(self, x: torch.Tensor) -> torch.Tensor:
        """What is assumed to have been shown for ever before the first sample of ``x``.

        Parameters
        ----------
        x : Tensor (batch, channel, time, y, x)

        Returns
        -------
        Tensor (batch, channel, y, x)
        """
        context = running(self)
        chosen = context.initial if context is not None and context.initial is not None else self.initial
        chosen = self.start if chosen is None else chosen
        if chosen == "first_frame":
            return x[:, :, 0]
        return torch.full_like(x[:, :, 0], self._start_value(chosen))

    # --- calling --------------------------------------------------------------------------------------------

    def __call__(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Labels in, labels out; tensor in, tensor out."""
        if isinstance(x, xr.DataArray | xr.Dataset):
            return self._on_labels(x, *args)
        context = running(self)
        if context is not None:
            self._note_call(context)
            return super().__call__(x, *args, **kwargs)
        if is_busy():
            name, cure = type(self).__name__, "set it as an attribute, or put it into a torch.nn.ModuleList"
            raise ContractError(explain(name, wanted="a part of the model that calls it", got="a stranger", cure=cure))
        tensor = self._checked(x)
        # bare numbers are in the layer's own unit, whatever labelled data came before
        info = self.info if self.units_in is None else replace(self.info, units=self.units_in)
        context = self._continued(info, tensor)
        self.begin(context, self.initial, tensor[:, :, :1])
        with context.active():
            result = super().__call__(tensor, *args, **kwargs)
        self._hold_after(context, tensor)
        return result

    def new_context(
        self,
        info: InputInfo,
        *,
        state: Mapping[str, torch.Tensor] | None = None,
        seed: int | None = None,
        outputs: Sequence[str] | None = None,
    ) -> RunContext:
        """A run of this model that shares nothing with others but the parameters."""
        paths = {id(module): name for name, module in self.named_modules()}
        checked = None if outputs is None else self._checked_outputs(outputs)
        scale = self._input_scale(info.units)
        return RunContext(paths, info, state=self._checked_state(state or {}), seed=seed, outputs=checked, scale=scale)

    def begin(self, context: RunContext, initial: Any, frame: torch.Tensor) -> None:
        """Put a run that has no state yet where it would be if ``initial`` had always been shown.

        Parameters
        ----------
        context : RunContext
            Is left alone where it has a state already.
        initial : "first_frame", "zeros", number, quantity or None
            None leaves each layer to its own default.
        frame : Tensor (batch, channel, 1, y, x)
            One frame, for shape, dtype and device.
        """
        if context.state or initial is None:
            return
        context.initial = "first_frame"
        if initial == "first_frame":
            return
        value = self._start_value(initial, context.info.units)
        with torch.no_grad():
            self.advance(context, torch.full_like(frame[:, :, :1], value))
        followed = {path for path, state in self._named_states().items() if state.primed}
        context.state = {path: kept for path, kept in context.state.items() if path in followed}

    def advance(
        self, context: RunContext, x: torch.Tensor, dtype: torch.dtype | None = None, *others: torch.Tensor
    ) -> dict[str, Any]:
        """Compute one chunk of a run: outputs by name, tensors or `Events`; the state in ``context`` moves on.

        Parameters
        ----------
        context : RunContext
        x : Tensor (batch, channel, time, y, x), of any real dtype
        dtype : torch.dtype, optional
            A floating one to compute in; by default that of ``x``.
        *others : Tensor
            Further inputs of ``forward``, as ``x``.
        """
        dtype = x.dtype if dtype is None else dtype
        cut = not torch.is_grad_enabled() and x.device.type == "cpu"
        blocks = blocks_of((x, *others), self.block_bytes if cut else None, dtype, self.takes_turns)
        alone = int(context.warns) if cut and self.takes_turns else len(blocks)
        made = side_by_side(lambda parts: self._advance(context, *(cast(part, dtype) for part in parts)), blocks, alone)
        return made[0] if len(made) == 1 else join(made, [parts[0].shape[2] for parts in blocks])

    def _advance(self, context: RunContext, x: torch.Tensor, *others: torch.Tensor) -> dict[str, Any]:
        with context.active():
            result = super().__call__(x if context.scale == 1 else x * context.scale, *others)
        outputs = result if isinstance(result, dict) else {"response": result}
        for name, output in outputs.items():
            check_output(f"{type(self).__name__}: {name}", output, x.shape[2])
        if context.selection is None or self.selects:
            return outputs
        frame = tuple(x.shape[-2:])
        return {name: narrow(name, output, context.selection, frame) for name, output in outputs.items()}

    def compute_dtype(self, data: Any) -> torch.dtype:
        """The dtype to compute in for data of dtype ``data``.

        That of plain torch modules within, else as precise as the data.
        """
        plain = [value.dtype for value in self.parameters() if not isinstance(value, Parameter)]
        return plain[0] if plain else torch.float64 if data == "float64" else torch.float32

    # --- inner workings -------------------------------------------------------------------------------------

    def _on_labels(self, data: Any, *others: Any) -> xr.DataArray | xr.Dataset:
        stimulus, sampling = check_stimulus(data)
        names = tuple(str(dim) for dim in stimulus.dims)
        block = stimulus.values
        check_finite(block, names, {})
        x = block_to_tensor(block, names, device=self._device(), dtype=self.compute_dtype(block.dtype))
        info = InputInfo(self._steady(sampling), stimulus.attrs["units"], valid_range(stimulus))
        context = self._continued(info, x)
        with torch.no_grad():
            self.begin(context, self.initial, x[:, :, :1])
            further = [
                block_to_tensor(like(stimulus, other), names, device=x.device, dtype=x.dtype) for other in others
            ]
            outputs = self.advance(context, x, None, *further)
        made = labelled(outputs, self, stimulus, info.units)
        # only now: a call that fails leaves everything as it was
        self._hold_after(context, x)
        for module in self.modules():
            if isinstance(module, Layer):
                module._info = info
        return made["response"] if list(made) == ["response"] else made

    def _input_scale(self, units: str) -> float:
        """What turns input in ``units`` into the unit that ``forward`` counts in."""
        bare = self.units_in is not None and self.bare_in and has_dimension(units, "dimensionless")
        target = "1" if bare else self.units_in
        return 1.0 if target is None else factor(units, target, f"units of the input of {type(self).__name__}")

    def _note_call(self, context: RunContext) -> None:
        """Two calls in one chunk would share one state, and mix two signals in it."""
        if self._states and id(self) in context.called:
            name = f"{type(self).__name__} at {context.paths[id(self)]!r}"
            got, cure = "another call in the same forward", "a layer of its own for each use: they carry state"
            raise ContractError(explain(name, wanted="one call for each chunk", got=got, cure=cure))
        context.called.add(id(self))

    def _continued(self, info: InputInfo, x: torch.Tensor) -> RunContext:
        """A context that goes on from the held state."""
        held = self._held()
        if held and self._form is not None and self._form != _form(x):
            wanted = f"(batch, channel, y, x, dtype) as before, {self._form}"
            cure = "clear_state() to begin anew"
            raise ContractError(explain("x", wanted=wanted, got=str(_form(x)), cure=cure))
        return self.new_context(info, state=held)

    def _hold_after(self, context: RunContext, x: torch.Tensor) -> None:
        self._hold(context.state)
        self._form = _form(x)

    def _hold(self, state: Mapping[str, torch.Tensor]) -> None:
        super()._hold(state)
        self._form = None  # a state from elsewhere tells not what input it belongs to

    def _apply(self, fn: Any, recurse: bool = True) -> Self:
        self._form = None  # the held state may change its dtype
        return super()._apply(fn, recurse)

    def _steady(self, sampling: Sampling) -> Sampling:
        """The last sampling where the new one differs by rounding only, so that parts of a film are treated alike.

        A part of one sample may not tell its step; then it is the last one, too.
        """
        if self._info is None:
            return sampling
        last = self._info.sampling
        dt = last.dt if sampling.dt_s is None else sampling.dt
        pixel_size = last.pixel_size if sampling.pixel_deg is None else sampling.pixel_size
        filled = Sampling(dt, pixel_size)
        return last if last.agrees(filled) else filled

    def _device(self) -> torch.device:
        first = next(self.parameters(), None)
        return torch.device(get_option("device")) if first is None else first.device

    def _checked(self, x: Any) -> torch.Tensor:
        if not isinstance(x, torch.Tensor) or x.ndim != 5 or 0 in x.shape:
            got = f"shape {tuple(x.shape)}" if hasattr(x, "shape") else type(x).__name__
            cure = "as_stimulus(array, ...) for bare arrays; x[None, None] for a film (time, y, x)"
            raise ContractError(explain("x", wanted="a tensor (batch, channel, time, y, x)", got=got, cure=cure))
        if x.is_complex():
            raise ContractError(explain("x", wanted="real numbers", got=str(x.dtype), cure="x.real"))
        return x if x.is_floating_point() else x.to(torch.get_default_dtype())

    def _checked_outputs(self, outputs: Sequence[str]) -> tuple[str, ...]:
        names = (outputs,) if isinstance(outputs, str) or not isinstance(outputs, Iterable) else tuple(outputs)
        unknown = [name for name in names if name not in self.output_names]
        if unknown or not names:
            got = ", ".join(map(str, unknown)) or "none"
            wanted = f"names among {', '.join(self.output_names)}"
            raise ContractError(explain("outputs", wanted=wanted, got=got, cure=f'outputs=["{self.output_names[0]}"]'))
        return names

    def _start_value(self, chosen: Any, units: str | None = None) -> float:
        if chosen == "zeros":
            return 0.0
        if is_bare(chosen):
            return magnitude(chosen, "dimensionless", "initial")
        if isinstance(chosen, str) and not any(letter.isdigit() for letter in chosen):
            cure = 'initial="first_frame"'
            wanted = '"first_frame", "zeros", a number or a quantity'
            raise ContractError(explain("initial", wanted=wanted, got=repr(chosen), cure=cure))
        return magnitude(chosen, self.info.units if units is None else units, "initial")


def _form(x: torch.Tensor) -> tuple[Any, ...]:
    batch, channel, _, y, width = x.shape
    return batch, channel, y, width, x.dtype
