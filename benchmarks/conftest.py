"""Says the speeds in the field's own measure after pytest-benchmark's table of times."""

from __future__ import annotations

from typing import Any

import pytest
import torch


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: Any, config: Any) -> None:
    """Print million pixel-steps per second of every benchmark that noted it."""
    session = getattr(config, "_benchmarksession", None)
    noted = [bench for bench in session.benchmarks if "Mpx/s" in bench.extra_info] if session else []
    if noted:
        terminalreporter.section(f"million pixel-steps per second, {torch.__version__}, best round")
    for bench in noted:
        terminalreporter.write_line(f"{bench.extra_info['Mpx/s']:8.0f}  {bench.fullname}")
