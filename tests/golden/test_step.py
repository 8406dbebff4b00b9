"""A uniform screen that steps up and down: only time matters, and the recursions give what VirtualRetina computes.

VirtualRetina reads, at every link between two of its objects, the other's value of one step before: so its surround is
our low-pass of the centre one step late, and its centre with an undershoot our high-pass one step late.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from convis_xr.kernels.dispatch import force
from convis_xr.kernels.recursion import low_pass, partial_high_pass, rest

DATA = Path(__file__).parents[1] / "data" / "golden"
every_route = pytest.mark.parametrize("route", ["reference", "torch", "compiled"])


def load(name: str) -> tuple[Tensor, dict[str, float], float, dict[str, np.ndarray]]:
    """Return the input of the OPL (1, 1, time, 1, 37), its parameters, the time step, and the traces (time, 37)."""
    with np.load(DATA / f"{name}_step.npz") as file:
        parameters = json.loads(str(file["params"]))
        rows, columns = file["cells_yx"].T
        luminance = file["input"][:, rows, columns].astype(np.float64)
        traces = {stage: file[f"{stage}_trace"].astype(np.float64) for stage in ("center", "surround")}
    gain = parameters["opl"]["amp"] / parameters["range"]
    return torch.from_numpy(gain * luminance)[None, None, :, None, :], parameters["opl"], parameters["step"], traces


def late(y: Tensor) -> Tensor:
    """Shift by one step; the movie starts at rest, so its first value stands for the one before."""
    return torch.cat([y[:, :, :1], y[:, :, :-1]], dim=2)


def assert_golden(y: Tensor, trace: np.ndarray) -> None:
    assert np.linalg.norm(y[0, 0, :, 0].numpy() - trace) <= 1e-6 * np.linalg.norm(trace)
    assert np.ptp(trace[:, 0]) > 0.5, "a trace that does not move would prove nothing"


@every_route
def test_primate_centre_and_surround(route: str) -> None:
    x, opl, dt, traces = load("primate")
    with force(route):
        centre, _ = low_pass(x, rest(x[:, :, 0])[0], opl["tau_c"], dt)
        surround, _ = low_pass(late(centre), rest(centre[:, :, 0])[0], opl["tau_s"], dt)
    assert opl["w_u"] == 0
    assert_golden(centre, traces["center"])
    assert_golden(opl["w"] * surround, traces["surround"])


@every_route
def test_cat_centre_with_undershoot_and_surround(route: str) -> None:
    x, opl, dt, traces = load("cat")
    with force(route):
        low, _ = low_pass(x, rest(x[:, :, 0])[0], opl["tau_c"], dt)
        high, _ = partial_high_pass(low, rest(low[:, :, 0])[0], opl["tau_u"], opl["w_u"], dt)
        centre = late(high)
        surround, _ = low_pass(late(centre), rest(centre[:, :, 0])[0], opl["tau_s"], dt)
    assert opl["w_u"] > 0
    assert_golden(centre, traces["center"])
    assert_golden(opl["w"] * surround, traces["surround"])
