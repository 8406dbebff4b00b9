"""What a layer gives, by name: tensors (batch, channel, time, y, x), or `Events`. Checked, joined, labelled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import xarray as xr

from convis_xr import dims
from convis_xr.errors import ContractError, explain
from convis_xr.event_table import EventTable
from convis_xr.events import Events
from convis_xr.kernels.memory import joined
from convis_xr.selection import Selection
from convis_xr.tensors import Labels

Output = torch.Tensor | Events


def check_output(who: str, output: Any, steps: int) -> None:
    """Raise a ContractError where ``forward`` gave something else than one sample for each of the input."""
    if isinstance(output, Events):
        return
    if not isinstance(output, torch.Tensor) or output.ndim != 5 or output.shape[2] != steps:
        got = f"shape {tuple(output.shape)}" if isinstance(output, torch.Tensor) else type(output).__name__
        wanted = f"a tensor (batch, channel, time: {steps}, y, x) from forward"
        cure = "return one sample for each of the input, or a dict of such tensors"
        raise ContractError(explain(who, wanted=wanted, got=got, cure=cure))


def join(parts: Sequence[Mapping[str, Any]], lengths: Sequence[int]) -> dict[str, Any]:
    """The outputs of consecutive stretches of time, of so many steps each, as those of one."""
    made: dict[str, Any] = {}
    for name, first in parts[0].items():
        values = [part[name] for part in parts]
        made[name] = Events.join(values, lengths) if isinstance(first, Events) else joined(values, 2)
    return made


def narrow(name: str, output: Any, selection: Selection, frame: tuple[int, ...]) -> Any:
    """What is wanted of an output that has the frame of the input.

    Raises
    ------
    ContractError
        The output has another one: its pixels are not those of the stimulus.
    """
    own = tuple(output.shape[-2:])
    if own != frame:
        wanted = f"an output {name!r} of the stimulus' frame, {frame} pixels"
        cure = "a run over the whole frame, and a part of its result"
        raise ContractError(explain("region, cells", wanted=wanted, got=f"{own} pixels", cure=cure))
    return output.within(selection) if isinstance(output, Events) else selection.take(output)


def forms(
    outputs: Mapping[str, Any],
    labels_of: Callable[[str, tuple[int, ...]], Labels],
    time: xr.DataArray,
    *,
    zero: float = 0.0,
    repeats: int | None = None,
) -> dict[str, Labels | EventTable]:
    """How the outputs are labelled, in one Dataset.

    Where there are cells or events of several owners, or beside frames, dimensions are called after their owners.

    Parameters
    ----------
    outputs : dict of Tensor or Events
        Of a stretch of any length.
    labels_of : callable
        Labels of an output by name and tensor shape, as `Layer.output_labels`.
    time : DataArray (time)
        The time coordinate of all that is shown.
    zero : float, s
        Label of its first sample where it is made of dates.
    repeats : int, optional
        Number of trials; None: there is no such dimension.
    """
    found = {name: labels_of(name, _tensor_shape(output, time.size)) for name, output in outputs.items()}
    tables = {name for name, output in outputs.items() if isinstance(output, Events)}
    alone = len({name if name in tables else labels.owner for name, labels in found.items()}) == 1
    made: dict[str, Labels | EventTable] = {}
    for name, labels in found.items():
        if name in tables:
            made[name] = EventTable(name, labels, time, zero, repeats is not None, alone)
        else:
            named = labels if alone else labels.beside_others()
            made[name] = named if repeats is None else named.repeated(repeats)
    return made


def labelled(outputs: Mapping[str, Any], layer: Any, like: xr.DataArray, units: str) -> xr.Dataset:
    """What ``layer`` gave of the stimulus ``like``, in ``units``, labelled."""
    found = forms(outputs, lambda name, shape: layer.output_labels(name, like, shape), like.coords[dims.TIME])
    tables = [
        form.dataset(form.rows([outputs[name]], 0)) for name, form in found.items() if isinstance(form, EventTable)
    ]
    frames = {name: form for name, form in found.items() if isinstance(form, Labels)}
    arrays = {name: form.wrap(outputs[name], layer.output_units(name, units), name) for name, form in frames.items()}
    return xr.merge([xr.Dataset(arrays), *tables]) if tables else xr.Dataset(arrays)


def _tensor_shape(output: Output, steps: int) -> tuple[int, ...]:
    batch, channel, *others = output.shape
    return (batch, channel, steps, *others[-2:])
