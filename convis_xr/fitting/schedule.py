"""Which blocks are looked at for each step of an epoch, and in which order."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from convis_xr import dims
from convis_xr.errors import ContractError, explain
from convis_xr.fitting.blocks import Block, Predictor, Reader, State, Window
from convis_xr.fitting.descent import Held, Streamed, Unbroken, Work
from convis_xr.fitting.evaluation import Tally
from convis_xr.fitting.matching import Match

#: all blocks, or repeats, for a step
ALL = "all"


@dataclass(frozen=True)
class Batch:
    """What a step is made of."""

    #: blocks, in random order; 0: one after the other; None: all of them
    blocks: int | None = 0
    #: repeats, drawn at random; None: all of them
    repeats: int | None = None

    @classmethod
    def of(cls, given: Any) -> Batch:
        """From what a user says.

        Raises
        ------
        ContractError

        Examples
        --------
        >>> Batch.of(None), Batch.of("all"), Batch.of({"repeat": 5})
        (Batch(blocks=0, repeats=None), Batch(blocks=None, repeats=None), Batch(blocks=0, repeats=5))
        """
        if given is None:
            return cls()
        table = dict(given) if isinstance(given, Mapping) else {dims.TIME: given}
        wanted = 'a number of blocks, "all", or {"time": blocks, "repeat": repeats}'
        for name, number in table.items():
            good = number == ALL or (isinstance(number, int) and not isinstance(number, bool) and number > 0)
            if name not in (dims.TIME, dims.REPEAT) or not good:
                raise ContractError(explain("batch", wanted=wanted, got=repr(given), cure="batch=8"))
        blocks, repeats = table.get(dims.TIME, 0), table.get(dims.REPEAT)
        return cls(None if blocks == ALL else blocks, None if repeats == ALL else repeats)


@dataclass(frozen=True)
class Schedule:
    """The steps of an epoch.

    Parameters
    ----------
    predictor : Predictor
    reader : Reader
    first, stop : int
        Steps of the stimulus that are trained on.
    batch : Batch
    burn_in : int
        Steps shown before a block that is out of order.
    horizon : float
        Steps through which gradients flow back from the end of a block, at least.
    seed : int
    """

    predictor: Predictor
    reader: Reader
    first: int
    stop: int
    batch: Batch
    burn_in: int
    horizon: float
    seed: int

    def epoch(self, number: int, last: Tally) -> Generator[Work]:
        """What is descended on, step by step.

        Parameters
        ----------
        number : int
            Of the epoch: it draws an order of its own.
        last : Tally
            Of the training part: how many samples there are.
        """
        random = np.random.default_rng([self.seed, number])
        whole = self.stop - self.first <= self.reader.chunk
        if self.batch.blocks is None and not whole:
            yield self._pass(last, self._drawn(random))
        elif self.batch.blocks:
            yield from self._batches(random)
        else:
            yield from self._one_by_one(random)

    def _one_by_one(self, random: np.random.Generator) -> Generator[Work]:
        for window in self._windows():
            drawn = self._drawn(random)
            window.block = window.block if drawn is None else window.block.of_repeats(drawn)
            if window.block.is_usable(self.predictor.loss):
                yield Held(self.predictor, [window])
            else:  # nothing to learn, but the state goes on
                with torch.no_grad():
                    self.predictor.follow(window)

    def _batches(self, random: np.random.Generator) -> Iterator[Work]:
        begins = np.arange(self.first, self.stop, self.reader.chunk)
        random.shuffle(begins)
        assert self.batch.blocks is not None
        for low in range(0, len(begins), self.batch.blocks):
            drawn = self._drawn(random)
            windows = [self._warmed(int(first), drawn) for first in begins[low : low + self.batch.blocks]]
            windows = [window for window in windows if window.block.is_usable(self.predictor.loss)]
            if windows:
                yield Held(self.predictor, windows)

    def _pass(self, last: Tally, drawn: Tensor | None) -> Work:
        """A whole pass as one step."""

        def windows() -> Iterator[Window]:
            for window in self._windows():
                window.block = window.block if drawn is None else window.block.of_repeats(drawn)
                yield window

        if math.isinf(self.horizon):
            return Unbroken(self.predictor, windows)
        return Streamed(self.predictor, windows, lambda: self._totals(last, drawn))

    def _totals(self, last: Tally, drawn: Tensor | None) -> Tensor:
        """Sums of the loss over the training part."""
        if self.predictor.loss.is_mean and drawn is None:
            return last.loss
        with torch.no_grad():
            context = self.predictor.context(self.predictor.lead(self.reader, 0, self.first, {}))
            total = torch.zeros(())
            for block in self.reader.recorded(self.first, self.stop):
                total = total + self.predictor.compare(context, block if drawn is None else block.of_repeats(drawn))
        return total

    def _windows(self) -> Iterator[Window]:
        """Block after block; each must be followed before the next one is asked for, if its state is wanted."""
        earlier: deque[tuple[Block, State]] = deque(maxlen=self._blocks_before())
        followed = self._followed(self.first, 0)
        state = self.predictor.lead(self.reader, 0, followed, {})
        for block in self.reader.shown(followed, self.first):
            earlier.append((block, state))
            state = self.predictor.passed(block, state)
        for block in self.reader.recorded(self.first, self.stop):
            window = Window(block, tuple(one for one, _ in earlier), earlier[0][1] if earlier else state)
            yield window
            earlier.append((block, state))
            state = window.after

    def _blocks_before(self) -> int | None:
        """How many blocks before each one are followed with it; None: all of them."""
        more = self.horizon - self.reader.chunk
        return None if math.isinf(more) else max(0, math.ceil(more / self.reader.chunk))

    def _followed(self, first: int, shown: int) -> int:
        """From where on gradients are followed to a block that begins at ``first``; before ``shown`` there is none."""
        return max(shown, first - int(min(first, max(0.0, self.horizon - self.reader.chunk))))

    def _warmed(self, first: int, drawn: Tensor | None) -> Window:
        """A block out of order, and a state for its start."""
        stop = min(first + self.reader.chunk, self.stop)
        shown = max(0, first - self.burn_in)
        followed = self._followed(first, shown)
        state = self.predictor.lead(self.reader, shown, followed, {})
        (block,) = self.reader.recorded(first, stop)
        before = tuple(self.reader.shown(followed, first))
        return Window(block if drawn is None else block.of_repeats(drawn), before, state)

    def _drawn(self, random: np.random.Generator) -> Tensor | None:
        repeats = self.reader.match.response.sizes[dims.REPEAT]
        if self.batch.repeats is None:
            return None
        return torch.from_numpy(np.sort(random.permutation(repeats)[: self.batch.repeats]))


def burn_in_of(match: Match, given: Any, batch: Batch) -> int:
    """Steps that are shown before a block out of order: as given, or as many as the model remembers.

    Raises
    ------
    ContractError
        Nothing was given, and the model does not say how long it remembers.
    """
    sampling = match.request.info.sampling
    if match.forced and batch.repeats is not None:
        got, cure = "some of the repeats for a model that goes on with each of them", "a number of blocks"
        raise ContractError(explain("batch", wanted="all repeats", got=got, cure=cure))
    if given is not None:
        return sampling.steps(given, "burn_in")
    if not batch.blocks:
        return 0
    memory = match.request.model.footprint(sampling).memory
    if math.isinf(memory):
        wanted = "a length, for blocks in random order of a model that does not tell how long it remembers"
        raise ContractError(explain("burn_in", wanted=wanted, got="none", cure='burn_in="0.5 s"'))
    return math.ceil(memory)


def horizon_of(match: Match, given: Any, chunk: int) -> float:
    """Steps through which gradients flow back; by default those of a block.

    Raises
    ------
    ContractError
        Fewer than a block has.
    """
    if given is None:
        return chunk
    if isinstance(given, float) and math.isinf(given) and given > 0:
        return math.inf
    steps = match.request.info.sampling.steps(given, "horizon")
    if steps < chunk:
        cure = f"chunk={steps}, or horizon=math.inf for all of the past"
        wanted = f"no fewer than the {chunk} steps of a block"
        raise ContractError(explain("horizon", wanted=wanted, got=f"{steps} steps", cure=cure))
    return steps


def split_of(first: int, stop: int, validation: Any) -> int:
    """The step at which validation begins: a fraction of what was recorded, at its end.

    Raises
    ------
    ContractError
        No fraction from 0 on and below 1, or one that leaves a part without a step.

    Examples
    --------
    >>> split_of(0, 100, 0.2), split_of(0, 100, 0)
    (80, 100)
    """
    good = isinstance(validation, int | float) and not isinstance(validation, bool) and 0 <= validation < 1
    held = round(float(validation) * (stop - first)) if good else 0
    if not good or held == stop - first or (validation > 0 and held == 0):
        wanted = f"a fraction, from 0 on and below 1, of {stop - first} steps"
        raise ContractError(explain("validation", wanted=wanted, got=repr(validation), cure="validation=0.2"))
    return stop - held
