"""`speed`: times a function, in the field's own measure, and notes it for the table that `table.py` prints."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

OURS = "convis_xr"


class Speed:
    """Times functions by pytest-benchmark; the best round counts, since all that disturbs makes slower."""

    def __init__(self, benchmark: BenchmarkFixture) -> None:
        self._benchmark = benchmark

    def __call__(
        self,
        row: str,
        function: Callable[[], object],
        pixels: float,
        *,
        by: str = OURS,
        wanted: float | None = None,
        unit: str = "Mpx/s",
        rounds: int = 5,
    ) -> float:
        """Note ``pixels / seconds`` of the best round under a row of the table, in millions where the unit says so."""
        self._benchmark.pedantic(function, rounds=rounds, warmup_rounds=1)
        value = pixels / self._benchmark.stats.stats.min / (1e6 if unit == "Mpx/s" else 1)
        self.note(row, value, by=by, wanted=wanted, unit=unit)
        return value

    def note(self, row: str, value: float, *, by: str = OURS, wanted: float | None = None, unit: str) -> None:
        """Note a number that was computed of several times, such as a ratio."""
        facts = {"row": row, "by": by, "value": value, "unit": unit, "wanted": wanted}
        self._benchmark.extra_info.update(facts, threads=torch.get_num_threads())


def fastest(functions: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Seconds of each, taken in turns."""
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(rounds):
        for function, taken in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            taken.append(time.perf_counter() - start)
    return [min(taken) for taken in times]


@pytest.fixture
def speed(benchmark: BenchmarkFixture) -> Speed:
    return Speed(benchmark)


@pytest.fixture(autouse=True)
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """Two threads, or as many as ``@pytest.mark.threads(n)`` says."""
    marker = request.node.get_closest_marker("threads")
    before, wanted = torch.get_num_threads(), marker.args[0] if marker else 2
    torch.set_num_threads(wanted)
    yield wanted
    torch.set_num_threads(before)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: Any, config: Any) -> None:
    """Print what was noted after pytest-benchmark's table of times."""
    session = getattr(config, "_benchmarksession", None)
    noted = [bench.extra_info for bench in session.benchmarks if "row" in bench.extra_info] if session else []
    if noted:
        terminalreporter.section(f"speeds, best round, torch {torch.__version__}")
    for info in noted:
        terminalreporter.write_line("{value:10.4g} {unit:12} {threads} threads  {row}, {by}".format(**info))
