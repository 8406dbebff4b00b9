"""Settings that hold for every test: random examples are the same on every run, and workers share the cores."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.agreement import Agreement, Row, write

# Set before anything imports torch or matplotlib. Two workers with two threads each would only fight over two cores.
os.environ.setdefault("MPLBACKEND", "Agg")
# Where there is no graphics card, its programs are run by Triton's interpreter.
if not Path("/dev/nvidiactl").exists():
    os.environ.setdefault("TRITON_INTERPRET", "1")
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# The first example of a test may compile a kernel: no deadline, and being slow is no fault.
settings.register_profile(
    "quick", derandomize=True, deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", settings.get_profile("quick"), max_examples=200)
settings.load_profile("quick")

_rows = pytest.StashKey[dict[tuple[str, str, str], Row]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--agreement", metavar="FILE", help="run what measures agreement, and write the table of it")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_rows] = {}
    if find_spec("triton") is None:  # an extra: modules that only its route imports have no examples to collect
        config.option.ignore_glob = [*(config.option.ignore_glob or []), "*/triton_*.py"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--agreement"):
        items[:] = [item for item in items if "agreement" in getattr(item, "fixturenames", ())]


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    target = session.config.getoption("--agreement")
    if target and exitstatus == pytest.ExitCode.OK:
        write(iter(session.config.stash[_rows].values()), Path(target))


@pytest.fixture
def agreement(request: pytest.FixtureRequest) -> Agreement:
    """Assert that an error is within a bound, and note it for docs/agreement.md."""
    return Agreement(request.config.stash[_rows])
