"""What a run gives, as plain facts: which the planner reads, and a store keeps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from convis_xr import dims


@dataclass(frozen=True)
class OutputFacts:
    """One output of a run, as the rehearsal showed it."""

    name: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    units: str

    @classmethod
    def of(cls, row: dict[str, Any]) -> OutputFacts:
        """From what JSON makes of it."""
        return cls(row["name"], tuple(row["dims"]), tuple(row["shape"]), row["dtype"], row["units"])

    @property
    def frame_bytes(self) -> int:
        """Bytes of one time step."""
        sizes = dict(zip(self.dims, self.shape, strict=True))
        return math.prod(size for name, size in sizes.items() if name != dims.TIME) * np.dtype(self.dtype).itemsize

    @property
    def attrs(self) -> dict[str, str]:
        """Attributes of the labelled variable."""
        words = self.name.replace("_", " ").replace(".", " ")
        return {"units": self.units, "long_name": words}

    def part(self, first: int, last: int) -> tuple[slice, ...]:
        """The index of a stretch of time."""
        return tuple(slice(first, last) if name == dims.TIME else slice(None) for name in self.dims)

    def origin(self, first: int) -> tuple[int, ...]:
        """The index of the first value of a time step."""
        return tuple(first if name == dims.TIME else 0 for name in self.dims)


@dataclass(frozen=True)
class TableFacts:
    """One table of events: how long it gets is known at the end only."""

    name: str
    dim: str
    #: name and dtype of the variable and of each coordinate along it
    columns: tuple[tuple[str, str], ...]
    #: cells that may fire, of all trials
    cells: int

    @classmethod
    def of(cls, row: dict[str, Any]) -> TableFacts:
        """From what JSON makes of it."""
        columns = tuple((name, dtype) for name, dtype in row["columns"])
        return cls(row["name"], row["dim"], columns, row["cells"])

    @property
    def row_bytes(self) -> int:
        """Bytes of one event."""
        return sum(np.dtype(dtype).itemsize for _, dtype in self.columns)
