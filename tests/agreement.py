"""The table of docs/agreement.md: tests against independent computations measure, and say what they measured.

``pytest --agreement FILE`` runs only these tests and writes the table; ``make agreement`` does so for the page.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

HEAD = """# Agreement with independent computations

How far each part of the library is from a computation that is not ours: published data, another simulator, scipy, a
closed form. Each row is measured by the tests that assert its bound, the worst of all their cases; `make agreement`
makes this page anew. Double precision, unless the row says otherwise.

| what | against | measure | measured | bound |
|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    against: str
    measure: str
    error: float
    within: float

    def __str__(self) -> str:
        return f"| {self.what} | {self.against} | {self.measure} | {_number(self.error)} | {_number(self.within)} |"


class Agreement:
    """Asserts that an error is within its bound, and keeps the worst for the table.

    Parameters
    ----------
    rows : dict
        Worst row so far, by what, against and measure.
    """

    def __init__(self, rows: dict[tuple[str, str, str], Row]) -> None:
        self._rows = rows

    def __call__(self, what: str, against: str, measure: str, error: float, *, within: float) -> None:
        key = what, against, measure
        row = Row(what, against, measure, float(error), within)
        if key not in self._rows or row.error > self._rows[key].error:
            self._rows[key] = row
        assert error <= within, f"{what} against {against}: {measure} {error:.3g}, wanted at most {within:.3g}"


def relative(got: Any, wanted: Any) -> float:
    """Relative L2 error of an array, tensor or DataArray."""
    found, right = (np.asarray(values.detach() if hasattr(values, "detach") else values) for values in (got, wanted))
    assert found.shape == right.shape
    return float(np.linalg.norm(found - right) / np.linalg.norm(right))


def write(rows: Iterator[Row], path: Path) -> None:
    """Write the page, in the order of what is compared."""
    ordered = sorted(rows, key=lambda row: (row.what.lower(), row.against, row.measure))
    path.write_text(HEAD + "\n".join(map(str, ordered)) + "\n", encoding="utf-8")


def _number(value: float) -> str:
    return "0" if value == 0 else f"{value:.2g}"
