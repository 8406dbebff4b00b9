"""`RunContext`: what one run of a model knows and carries, apart from the model, so that threads may share one."""

from __future__ import annotations

import contextvars
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch

from convis_xr.sampling import Sampling


@dataclass(frozen=True)
class InputInfo:
    """What a model may want to know of its input besides the numbers."""

    sampling: Sampling = field(default_factory=Sampling)
    units: str = "1"
    valid_range: tuple[float, float] | None = None


@dataclass
class RunContext:
    """One run: input facts, state by path, seed, and what is assumed before the first frame."""

    #: path of every layer of the model, by ``id``
    paths: dict[int, str]
    info: InputInfo
    #: path to value; layers write it while they compute
    state: dict[str, torch.Tensor] = field(default_factory=dict)
    #: ``"first_frame"``, or None: each layer's own default
    initial: str | None = None
    #: None: each layer's own
    seed: int | None = None
    #: names of the outputs that are wanted, None for the model's default
    outputs: tuple[str, ...] | None = None
    #: layers with state that have been called in this chunk, by ``id``
    called: set[int] = field(default_factory=set)

    @contextmanager
    def active(self) -> Iterator[RunContext]:
        """Layers of the model that compute within this block read and write this context."""
        self.called.clear()
        token = _active.set(self)
        try:
            yield self
        finally:
            _active.reset(token)


_active: contextvars.ContextVar[RunContext | None] = contextvars.ContextVar("convis_xr_run", default=None)


def is_busy() -> bool:
    """Whether some model computes right now, in this thread."""
    return _active.get() is not None


def running(layer: object) -> RunContext | None:
    """The run that ``layer`` computes in right now, if any."""
    context = _active.get()
    return context if context is not None and id(layer) in context.paths else None
