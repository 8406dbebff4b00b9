"""`RunContext`: what one run of a model knows and carries, apart from the model, so that threads may share one."""

from __future__ import annotations

import contextvars
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch

from convis_xr.sampling import Sampling
from convis_xr.selection import Selection


@dataclass(frozen=True)
class InputInfo:
    """What a model may want to know of its input besides the numbers."""

    sampling: Sampling = field(default_factory=Sampling)
    units: str = "1"
    valid_range: tuple[float, float] | None = None


@dataclass(frozen=True)
class Window:
    """Where the frames that a model is shown lie within the full frame: cells are counted in the full one."""

    top: int
    left: int
    #: height and width of the full frame, pixels
    full: tuple[int, int]

    def cells(self, shape: Sequence[int], device: torch.device | None = None) -> torch.Tensor:
        """Index within the full frame (channel, y, x flattened) of every cell of frames that are a part of it.

        Parameters
        ----------
        shape : four int
            Lengths of batch, channel, y and x.
        device : torch.device, optional

        Returns
        -------
        Tensor (batch, channel, y, x), int64

        Examples
        --------
        >>> Window(top=1, left=2, full=(3, 4)).cells((1, 2, 1, 2)).tolist()
        [[[[6, 7]], [[18, 19]]]]
        """
        batch, channels, height, width = shape
        rows = torch.arange(channels, device=device).view(-1, 1, 1) * self.full[0]
        rows = rows + torch.arange(self.top, self.top + height, device=device).view(1, -1, 1)
        columns = torch.arange(self.left, self.left + width, device=device)
        return (rows * self.full[1] + columns).unsqueeze(0).expand(batch, -1, -1, -1)


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
    #: number of the trial: trials differ in their random numbers alone
    repeat: int = 0
    #: where the frames lie within the full frame, None where they are the full one
    window: Window | None = None
    #: what is wanted of the frames that are shown, None: all of them
    selection: Selection | None = None
    #: turns the input into the unit that the model counts in
    scale: float = 1.0
    #: names of the outputs that are wanted, None for the model's default
    outputs: tuple[str, ...] | None = None
    #: names of the outputs that parts of the model are asked for by what they are a part of, by ``id``
    asked: dict[int, tuple[str, ...]] = field(default_factory=dict)
    #: whether layers may warn of what concerns the run as a whole: only the first time that they compute
    warns: bool = field(init=False)

    def __post_init__(self) -> None:
        self.warns = not self.state

    @property
    def called(self) -> set[int]:
        """Layers with state that have been called in this chunk, by ``id``; of each thread its own."""
        return _called.get()

    @contextmanager
    def active(self) -> Iterator[RunContext]:
        """Layers of the model that compute within this block read and write this context."""
        token, called = _active.set(self), _called.set(set())
        try:
            yield self
        finally:
            _active.reset(token)
            _called.reset(called)
            self.warns = False


_active: contextvars.ContextVar[RunContext | None] = contextvars.ContextVar("convis_xr_run", default=None)
_called: contextvars.ContextVar[set[int]] = contextvars.ContextVar("convis_xr_called")


def is_busy() -> bool:
    """Whether some model computes right now, in this thread."""
    return _active.get() is not None


def running(layer: object) -> RunContext | None:
    """The run that ``layer`` computes in right now, if any."""
    context = _active.get()
    return context if context is not None and id(layer) in context.paths else None
