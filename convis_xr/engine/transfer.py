"""How a chunk gets to where it is computed, and its results back: copies beside the work of a card, none without one.

What crosses the bus is the stimulus in its own dtype (film: a byte a pixel; it is cast and scaled on the card) and the
outputs in theirs (spikes: a byte).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch

from convis_xr.engine.source import Block
from convis_xr.events import Events
from convis_xr.tensors import block_to_tensor

#: of each trial, outputs by name or a state by path
Trial = Mapping[str, Any]
Made = TypeVar("Made")


def transfer_to(device: torch.device, names: tuple[str, ...], dtype: torch.dtype) -> Local:
    """How blocks with the dimensions ``names`` get to a device that computes in ``dtype``."""
    return Card(device, names, dtype) if device.type == "cuda" else Local(device, names, dtype)


class Local:
    """Where the processor computes, everything stays where it is."""

    def __init__(self, device: torch.device, names: tuple[str, ...], dtype: torch.dtype) -> None:
        self._device, self._names, self._dtype = device, names, dtype

    def ahead(self, blocks: Iterator[Block]) -> Iterator[Block]:
        """The same blocks, on their way to the device; called by the thread that reads ahead."""
        return blocks

    def show(self, block: Block) -> torch.Tensor:
        """A block of `ahead` as a tensor (batch, channel, time, y, x) on the device, in the dtype that it has."""
        x = block_to_tensor(block.values, self._names, device=self._device)
        if x.dtype == self._dtype and x.data_ptr() == block.values.ctypes.data:
            return x.clone()  # a module that works in place would change the stimulus
        return x

    def fetch(
        self,
        outputs: Sequence[Trial],
        states: Sequence[Trial],
        finish: Callable[[Sequence[Trial], Sequence[Trial]], Made],
    ) -> Callable[[], Made]:
        """Give ``finish`` outputs and states in the host's memory: what it makes of them is asked for behind."""
        made = finish(outputs, states)
        return lambda: made


@dataclass(frozen=True)
class _Sent(Block):
    """A block on its way to a card."""

    x: torch.Tensor
    there: Any


class Card(Local):
    """A card computes one chunk while the next one comes and the results of the last one go, by two streams of copies.

    Both go through memory that the system does not move; torch keeps what is free of it for the next chunk.
    """

    def __init__(self, device: torch.device, names: tuple[str, ...], dtype: torch.dtype) -> None:
        super().__init__(device, names, dtype)
        self._coming, self._going = torch.cuda.Stream(device), torch.cuda.Stream(device)

    def ahead(self, blocks: Iterator[Block]) -> Iterator[Block]:
        """As `Local.ahead`."""
        for block in blocks:
            sent = self._send(block)
            del block  # or it would be held while the next one is read
            yield sent
            del sent

    def show(self, block: Block) -> torch.Tensor:
        """As `Local.show`; what is launched from now on waits for the block, the processor does not."""
        assert isinstance(block, _Sent)
        now = torch.cuda.current_stream(self._device)
        now.wait_event(block.there)
        block.x.record_stream(now)
        return block.x

    def fetch(
        self,
        outputs: Sequence[Trial],
        states: Sequence[Trial],
        finish: Callable[[Sequence[Trial], Sequence[Trial]], Made],
    ) -> Callable[[], Made]:
        """As `Local.fetch`; the copies are waited for by the thread that writes behind."""
        # the next chunk may change a state in place, before it has been copied
        kept = [{path: value.clone() for path, value in state.items()} for state in states]
        self._going.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._going):
            here = [
                [{name: self._back(value) for name, value in one.items()} for one in some] for some in (outputs, kept)
            ]
            done = self._going.record_event()

        def when_there() -> Made:
            done.synchronize()
            return finish(*here)

        return when_there

    def _send(self, block: Block) -> _Sent:
        values = block_to_tensor(block.values, self._names, device="cpu")
        with torch.cuda.stream(self._coming):
            return _Sent(block.first, block.values, to_card(values, self._device), self._coming.record_event())

    def _back(self, value: Any) -> Any:
        if isinstance(value, Events):
            parts = {name: self._back(getattr(value, name)) for name in ("step", "offset", "cell")}
            return replace(value, **parts)
        if value.device.type == "cpu":
            return value  # a counter of steps
        value.record_stream(self._going)
        return to_host(value)


def to_card(values: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Begin to copy a tensor of the host to a card, on the current stream."""
    return values.pin_memory().to(device, non_blocking=True)


def to_host(value: torch.Tensor) -> torch.Tensor:
    """Begin to copy a tensor of a card to the host, on the current stream."""
    room = torch.empty(value.shape, dtype=value.dtype, pin_memory=True)
    return room.copy_(value.detach(), non_blocking=True)
