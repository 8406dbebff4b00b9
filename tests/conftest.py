"""Settings that hold for every test: random examples are the same on every run, and workers share the cores."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# Set before anything imports torch or matplotlib. Two workers with two threads each would only fight over two cores.
os.environ.setdefault("MPLBACKEND", "Agg")
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# The first example of a test may compile a kernel: no deadline, and being slow is no fault.
settings.register_profile(
    "quick", derandomize=True, deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", settings.get_profile("quick"), max_examples=200)
settings.load_profile("quick")
