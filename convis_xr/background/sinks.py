"""Where a `Runner` puts the response: memory, a function, or a zarr store that grows."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
import xarray as xr

from convis_xr import dims
from convis_xr.engine import checkpoint, layout
from convis_xr.engine.state import ENCODING, to_arrays
from convis_xr.engine.store import folder_of
from convis_xr.errors import ContractError, explain
from convis_xr.event_table import is_event_table

_AS_THEY_ARE: Any = {"data_vars": "all", "coords": "minimal", "compat": "override", "join": "override"}


class Sink(Protocol):
    """Takes the response piece by piece."""

    def put(self, piece: xr.Dataset) -> None:
        """Take the next piece."""

    def pause(self, state: Mapping[str, torch.Tensor]) -> None:
        """For now nothing more comes; the model is in this state."""

    def get(self, state: Mapping[str, torch.Tensor]) -> xr.Dataset | None:
        """What is there so far."""


class Memory:
    """Keeps the last pieces.

    Parameters
    ----------
    keep : int, optional
        How many; by default all of them.
    """

    def __init__(self, keep: int | None) -> None:
        self._pieces: deque[xr.Dataset] = deque(maxlen=keep)

    def put(self, piece: xr.Dataset) -> None:
        """Keep it, and forget the oldest where there are too many."""
        self._pieces.append(piece)

    def pause(self, state: Mapping[str, torch.Tensor]) -> None:
        """Nothing is to be done."""

    def get(self, state: Mapping[str, torch.Tensor]) -> xr.Dataset | None:
        """The pieces in one Dataset, whose ``.convis.state`` is the state after the last of them."""
        pieces = list(self._pieces)
        if not pieces:
            return None
        names = list(pieces[0].data_vars)
        parts = [xr.concat(rows, dim, **_AS_THEY_ARE) for dim, rows in _by_growing_dimension(pieces).items()]
        joined = xr.merge(parts, compat="override", join="override")[names]
        joined.encoding = {ENCODING: to_arrays(state)}
        return joined


class Function:
    """Hands every piece on; keeps the last one."""

    def __init__(self, function: Callable[[xr.Dataset], Any]) -> None:
        self._function = function
        self._last = Memory(1)

    def put(self, piece: xr.Dataset) -> None:
        """Call the function."""
        self._last.put(piece)
        self._function(piece)

    def pause(self, state: Mapping[str, torch.Tensor]) -> None:
        """Nothing is to be done."""

    def get(self, state: Mapping[str, torch.Tensor]) -> xr.Dataset | None:
        """The last piece."""
        return self._last.get(state)


class Growing:
    """A zarr store that grows along time. It holds the model's state whenever the runner rests.

    Parameters
    ----------
    path : path
        Must not exist.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._folder: Path = folder_of(path)
        if os.path.lexists(self._folder):
            got, cure = str(self._folder), "another path"
            raise ContractError(explain("output", wanted="a path that does not exist", got=got, cure=cure))
        self._begun = False

    def put(self, piece: xr.Dataset) -> None:
        """Write it behind what is there."""
        if self._begun:
            for dim, (rows,) in _by_growing_dimension([piece]).items():
                if rows.sizes[dim]:
                    rows.to_zarr(self._folder, append_dim=dim, consolidated=False)
        else:
            tables = {name: value for name, value in piece.variables.items() if is_event_table(value)}
            chunks = {name: {"chunks": value.shape} for name, value in piece.data_vars.items()}
            chunks |= {name: {"chunks": (layout.EVENT_CHUNK,)} for name in tables}
            piece.to_zarr(self._folder, mode="w-", consolidated=False, zarr_format=3, encoding=chunks)
            self._begun = True
        layout.write_root(self._folder, {})  # so that others can open it at any time

    def pause(self, state: Mapping[str, torch.Tensor]) -> None:
        """Write the state beside the response."""
        if self._begun:
            checkpoint.prepare(self._folder)
            layout.write_state(self._folder, to_arrays(state))
            layout.write_root(self._folder, {})

    def get(self, state: Mapping[str, torch.Tensor]) -> xr.Dataset | None:
        """What is written, lazily."""
        if not self._begun:
            return None
        return xr.open_zarr(self._folder, chunks={})


def _by_growing_dimension(pieces: Sequence[xr.Dataset]) -> dict[str, list[xr.Dataset]]:
    """The variables of each piece that grow along time, and those of each table of events."""
    first = pieces[0]
    growing: dict[str, list[Hashable]] = {}
    for name, value in first.data_vars.items():
        growing.setdefault(str(value.dims[0]) if is_event_table(value) else dims.TIME, []).append(name)
    return {dim: [piece[names] for piece in pieces] for dim, names in growing.items()}


def sink_of(output: Any, keep: int | None) -> Sink:
    """What takes the response.

    Raises
    ------
    ContractError
        Nothing that could, or a path where there is something.
    """
    if output is None:
        return Memory(keep)
    if isinstance(output, str | os.PathLike):
        return Growing(output)
    if callable(output):
        return Function(output)
    wanted = "a function of a Dataset, or the path of a store"
    raise ContractError(
        explain("output", wanted=wanted, got=type(output).__name__, cure="leave it out: .output has it")
    )
