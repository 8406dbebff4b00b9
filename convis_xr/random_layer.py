"""`RandomLayer`: base class of layers that draw random numbers, the same ones however a run is cut."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from convis_xr.context import running
from convis_xr.errors import ParameterError, explain
from convis_xr.kernels.lif import cells_of
from convis_xr.kernels.philox import key_of
from convis_xr.layer import Layer
from convis_xr.parameters import State


class RandomLayer(Layer):
    """A layer whose random numbers are functions of seed, trial, layer path, absolute time step and cell.

    Parameters
    ----------
    seed : int
        Which random numbers; `run(seed=)` overrides it.

    Raises
    ------
    ParameterError
        The seed is no whole number.

    Examples
    --------
    >>> from convis_xr.kernels.philox import uniform
    >>> class Dropout(RandomLayer):
    ...     def forward(self, x):
    ...         frames = []
    ...         for frame, source in zip(x.unbind(2), self.sources(x), strict=True):
    ...             frames.append(frame * (uniform(stream=0, dtype=x.dtype, **source) < 0.5))
    ...         self.count(x)
    ...         return torch.stack(frames, 2)
    >>> kept = Dropout(seed=3)(torch.ones(1, 1, 100, 4, 4)).mean()
    >>> 0.4 < float(kept) < 0.6
    True
    """

    step: Any

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        if isinstance(seed, bool) or not hasattr(seed, "__index__"):
            raise ParameterError(explain("seed", wanted="a whole number", got=repr(seed), cure="seed=0"))
        self.seed = seed
        self.step = State(doc="index of the next time step", primed=False)

    @property
    def key(self) -> tuple[int, int]:
        """Key of this layer's random numbers: a function of the seed and of the layer's path in the model."""
        context = running(self)
        path = "" if context is None else context.paths[id(self)]
        seed = self.seed if context is None or context.seed is None else context.seed
        return key_of(seed, path)

    @property
    def repeat(self) -> int:
        """Number of the trial."""
        context = running(self)
        return 0 if context is None else context.repeat

    @property
    def next_step(self) -> int:
        """Absolute index of the next sample."""
        return 0 if self.step is None else int(self.step)

    def cells(self, x: Tensor) -> Tensor:
        """Index in the full frame of the cells of ``x`` (batch, channel, time, y, x): (batch, channel, y, x), int64."""
        context = running(self)
        shape = (*x.shape[:2], *x.shape[3:])
        window = None if context is None else context.window
        return cells_of(shape, x.device) if window is None else window.cells(shape, x.device)

    def sources(self, x: Tensor) -> list[dict[str, Any]]:
        """For every time step of ``x`` what tells its draws: ``cells, key, step, repeat`` of `kernels.philox`."""
        first = self.source(x)
        return [{**first, "step": first["step"] + k} for k in range(x.shape[2])]

    def source(self, x: Tensor, cells: Tensor | None = None) -> dict[str, Any]:
        """What tells all draws for ``x``, by the names of the kernels: ``cells, key, step, repeat``.

        ``cells`` (batch, channel, y, x) are indices in the full frame, where they are not those of the frame of ``x``.
        """
        index = self.cells(x) if cells is None else cells
        return {"key": self.key, "step": self.next_step, "repeat": self.repeat, "cells": index}

    def count(self, x: Tensor) -> None:
        """Go on by the time steps of ``x``."""
        self.step = torch.tensor(self.next_step + x.shape[2])
