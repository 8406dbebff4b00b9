"""Stimulus and response block by block, and what a model predicts of a block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor

from convis_xr import dims
from convis_xr.context import RunContext
from convis_xr.engine.source import read_blocks
from convis_xr.engine.stream import ahead
from convis_xr.engine.transfer import Local
from convis_xr.fitting.losses import Loss
from convis_xr.fitting.matching import Match

State = Mapping[str, Tensor]
Read = TypeVar("Read")


@dataclass(frozen=True)
class Block:
    """Consecutive steps of a stimulus, and what was recorded in them."""

    first: int
    stop: int
    #: (batch, channel, time, y, x), in the dtype of the stimulus
    x: Tensor
    #: (time, repeat, ...), NaN where nothing was recorded; None for steps that are only shown
    y: Tensor | None = None

    @property
    def valid(self) -> Tensor:
        """Where something was recorded."""
        assert self.y is not None
        return torch.isfinite(self.y)

    def is_usable(self, loss: Loss) -> bool:
        """Whether the loss can be computed of it."""
        if self.y is None:
            return False
        valid = self.valid
        return loss.is_usable(torch.where(valid, self.y, 0), valid)

    def of_repeats(self, index: Tensor) -> Block:
        """With some repeats of the response alone."""
        return Block(self.first, self.stop, self.x, None if self.y is None else self.y[:, index])


class Reader:
    """Reads blocks of time; each block of the source once where they are asked for in order; a thread reads ahead.

    Parameters
    ----------
    match : Match
    chunk : int
        Steps in a block, at most.
    """

    def __init__(self, match: Match, chunk: int) -> None:
        self.match, self.chunk = match, chunk
        names = tuple(str(name) for name in match.request.stimulus.dims)
        self._transfer = Local(match.request.device, names, match.request.dtype)

    def shown(self, first: int, stop: int) -> Iterator[Block]:
        """The stimulus alone, from step ``first`` up to ``stop``."""
        stimulus = self.match.request.stimulus.isel({dims.TIME: slice(0, stop)})
        axis = stimulus.get_axis_num(dims.TIME)
        if first >= stop:
            return
        for block in self._coming(read_blocks(stimulus, self.chunk, first=first, nan="raise"), stop - first):
            known = self._known(block.first, block.stop(axis)) if self.match.forced else None
            yield Block(block.first, block.stop(axis), self._transfer.show(block), known)

    def recorded(self, first: int, stop: int) -> Iterator[Block]:
        """Stimulus and response, from step ``first`` of the stimulus up to ``stop``."""
        begins = self.match.part.start
        stimulus = self.match.request.stimulus.isel({dims.TIME: slice(0, stop)})
        response = self.match.response.isel({dims.TIME: slice(0, stop - begins)})
        axis = stimulus.get_axis_num(dims.TIME)
        if first >= stop:
            return
        shown = read_blocks(stimulus, self.chunk, first=first, nan="raise")
        values = read_blocks(response, self.chunk, first=first - begins, nan="propagate")
        for block, recorded in self._coming(zip(shown, values, strict=True), stop - first):
            x = self._transfer.show(block)
            yield Block(block.first, block.stop(axis), x, self.match.recorded(recorded.values))

    def _coming(self, blocks: Iterator[Read], steps: int) -> Iterator[Read]:
        """The blocks of so many steps; for a single one no thread is begun."""
        return ahead(blocks) if steps > self.chunk else blocks

    def _known(self, first: int, stop: int) -> Tensor:
        """What was recorded in steps that are only shown; nothing before the recording."""
        begins = self.match.part.start
        part = self.match.response.isel({dims.TIME: slice(max(0, first - begins), max(0, stop - begins))})
        made = self.match.recorded(part.compute(scheduler="synchronous").values)
        before = made.new_zeros(stop - first - len(made), *made.shape[1:])
        return torch.cat([before, made])


@dataclass
class Window:
    """A block that a loss is computed of, what is shown before it, and the state to begin with."""

    block: Block
    #: steps before the block through which gradients flow back
    before: tuple[Block, ...] = ()
    #: at the start of all that; none: what was assumed before the first frame
    state: State = field(default_factory=dict)
    #: at the end of the block
    after: State = field(default_factory=dict)


class Predictor:
    """Shows blocks to a model and compares what it gives.

    Parameters
    ----------
    match : Match
    loss : Loss
    """

    def __init__(self, match: Match, loss: Loss) -> None:
        self.match, self.loss = match, loss

    def context(self, state: State) -> RunContext:
        """A run that goes on from a copy of ``state``, or begins."""
        held = state or self.match.request.state
        device = self.match.request.device
        return self.match.request.context(0, {path: value.to(device, copy=True) for path, value in held.items()})

    def predict(self, context: RunContext, block: Block) -> Tensor:
        """What the model says of the response in a block; the context moves on."""
        return self.match.predicted(self.show(context, block))

    def show(self, context: RunContext, block: Block) -> Mapping[str, Any]:
        """Move on; what the model gives."""
        request = self.match.request
        told = []
        if self.match.forced:
            assert block.y is not None
            told.append(block.y.reshape(*block.y.shape[:2], -1).permute(1, 0, 2)[:, None, :, None])
        return request.model.advance(context, block.x, request.dtype, *told)

    def compare(self, context: RunContext, block: Block) -> Tensor:
        """The loss's sums over a block."""
        return self.sums(self.loss, self.predict(context, block), block)

    def sums(self, loss: Loss, prediction: Tensor, block: Block) -> Tensor:
        """Sums of any loss over a block whose prediction is known."""
        assert block.y is not None
        valid = block.valid
        response = torch.where(valid, block.y, 0).to(prediction.dtype)
        return loss.sums(prediction.expand(response.shape), response, valid)

    def follow(self, window: Window) -> Tensor:
        """The loss's sums over a window, with gradients from its start on."""
        context = self.context(window.state)
        for block in window.before:
            self.show(context, block)
        sums = self.compare(context, window.block)
        window.after = state_of(context)
        return sums

    def passed(self, block: Block, state: State) -> State:
        """The state after a block that begins with ``state``, without a gradient."""
        context = self.context(state)
        with torch.no_grad():
            self.show(context, block)
        return state_of(context)

    def lead(self, reader: Reader, first: int, stop: int, state: State) -> State:
        """Show steps without a gradient; the state after them."""
        context = self.context(state)
        with torch.no_grad():
            for block in reader.shown(first, stop):
                self.show(context, block)
        return state_of(context) if stop > first else state


def state_of(context: RunContext) -> State:
    """A copy of where a run stands, cut off from what it was computed by."""
    return {path: value.detach().clone() for path, value in context.state.items()}
