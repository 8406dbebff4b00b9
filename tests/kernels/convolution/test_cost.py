"""The model of costs: what it says, and that the choice follows it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from convis_xr.kernels.convolution import causal_convolution, costs
from convis_xr.kernels.convolution.cost import Constants, estimate
from convis_xr.kernels.convolution.measure import measure


@pytest.mark.parametrize(
    ("kernel", "best"),
    [
        ((1, 1, 3, 3, 3), "direct"),
        ((1, 1, 1, 11, 11), "direct"),
        ((1, 1, 20, 10, 10), "fourier"),
        ((8, 1, 20, 10, 10), "fourier"),
        ((1, 1, 100, 11, 11), "fourier"),
        ((1, 1, 100, 1, 1), "direct"),
        ((1, 1, 5000, 1, 1), "fourier"),
    ],
)
def test_short_kernels_are_direct_and_long_ones_are_not(kernel: tuple[int, ...], best: str) -> None:
    assert estimate(kernel, (100, 100)).best == best


def test_low_rank_is_considered_where_passes_are_given_and_is_not_always_best() -> None:
    kernel, frame = (1, 1, 20, 10, 10), (100, 100)
    assert "low_rank" not in estimate(kernel, frame).nanoseconds
    assert estimate(kernel, frame, (1, 1)).best == "low_rank"
    assert estimate(kernel, frame, (20, 200)).best == "fourier"


def test_it_can_be_printed_the_cheapest_first_and_given_other_constants() -> None:
    kernel, frame = (1, 1, 3, 3, 3), (100, 100)
    first, *rows = str(estimate(kernel, frame, (3, 9))).splitlines()
    assert first == "kernel (1, 1, 3, 3, 3), frame (100, 100)"
    assert next(row.split()[0] for row in rows) == "direct"
    assert {row.split()[0] for row in rows} == {"direct", "fourier", "low_rank"}
    assert estimate(kernel, frame, constants=replace(Constants(), transform=0.0, lag=0.0)).best == "fourier"


def test_the_default_is_the_cheapest_to_the_bit() -> None:
    weight, x = torch.rand(1, 1, 20, 9, 9), torch.rand(1, 1, 8, 20, 20)
    history = torch.rand(1, 1, 19, 20, 20)
    best = costs(weight, (20, 20), steps=8).best
    chosen, forced = (causal_convolution(x, history, weight, method=method)[0] for method in (None, best))
    assert torch.equal(chosen, forced)


@pytest.mark.parametrize("kernel", [(1, 1, 20, 10, 10), (8, 1, 20, 10, 10), (1, 1, 100, 11, 11), (1, 1, 400, 1, 1)])
def test_one_frame_does_not_pay_for_spectra_of_all_before_it(kernel: tuple[int, ...]) -> None:
    assert estimate(kernel, (100, 100), steps=1).best == "direct"
    assert estimate(kernel, (100, 100), steps=200).best == estimate(kernel, (100, 100)).best == "fourier"


def test_constants_can_be_measured_anew() -> None:
    found = measure(steps=8, rounds=1)
    assert isinstance(found, Constants)
    assert all(value >= 0 for value in vars(found).values())
    assert found.transform > 0
