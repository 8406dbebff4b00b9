"""Spikes with a memory: every route draws what the plain loops draw, and theory's rates come out."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from convis_xr.kernels.dispatch import force
from convis_xr.kernels.glm import filtered_counts, glm
from convis_xr.kernels.poisson import poisson
from convis_xr.kernels.refused import Refused

DT = 2e-3


def scene(
    batch: int = 2, steps: int = 60, cells: int = 3, lags: int = 5, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor, Tensor]:
    draws = torch.Generator().manual_seed(3)
    drive = 5 + torch.randn(batch, steps, cells, generator=draws, dtype=dtype)
    past = torch.randint(0, 2, (batch, lags, cells), generator=draws).to(dtype)
    weight = torch.randn(cells, cells, lags, generator=draws, dtype=dtype)
    weight = (0.7 * weight - 0.4) / max(lags, 1) ** 0.5
    return drive, past, weight


@pytest.mark.parametrize("route", ["torch", "compiled"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("cells", "lags"), [(3, 5), (1, 1), (2, 0), (1, 70)])
def test_every_route_draws_what_the_loops_draw(route: str, dtype: torch.dtype, cells: int, lags: int) -> None:
    drive, past, weight = scene(cells=cells, lags=lags, dtype=dtype)
    options = {"dt": DT, "key": (7, 9), "step": 2**32 - 20, "repeat": 3}
    with force("reference"):
        expected, end = glm(drive, past, weight, **options)
    with force(route):  # type: ignore[arg-type]
        counts, after = glm(drive, past, weight, **options)
    assert int(expected.sum()) > 10
    torch.testing.assert_close(counts, expected, rtol=0, atol=0)
    torch.testing.assert_close(after, end, rtol=0, atol=0)


@given(cuts=st.lists(st.integers(1, 59), max_size=6), route=st.sampled_from(["torch", "compiled"]))
def test_any_cut_in_time_gives_the_same_bits(cuts: list[int], route: str) -> None:
    drive, past, weight = scene()
    with force(route):  # type: ignore[arg-type]
        whole, end = glm(drive, past, weight, dt=DT, key=(1, 2))
        pieces, known = [], past
        ends = sorted({0, *cuts, drive.shape[1]})
        for low, high in pairwise(ends):
            counts, known = glm(drive[:, low:high], known, weight, dt=DT, key=(1, 2), step=low)
            pieces.append(counts)
    assert torch.equal(torch.cat(pieces, 1), whole)
    assert torch.equal(known, end)


def test_without_a_memory_the_counts_are_those_of_poisson_cells() -> None:
    drive, past, weight = scene()
    counts, _ = glm(drive, past, weight * 0, dt=DT, key=(1, 2), repeat=1)
    rate = drive.double().exp().permute(0, 2, 1)[:, :, :, None, None].permute(0, 3, 2, 4, 1)
    cells = torch.arange(3).view(1, 1, 1, 3).expand(2, 1, 1, 3)
    expected = poisson(rate, dt=DT, key=(1, 2), repeat=1, cells=cells)
    torch.testing.assert_close(counts, expected[:, 0, :, 0], rtol=0, atol=0)


def test_a_refractory_period_lowers_the_rate_as_renewal_theory_says() -> None:
    """Silent for n steps after a spike: 1 spike in n + 1/p steps, p the probability of one in a free step."""
    rate, dead, steps = 100.0, 5, 200_000
    weight = torch.full((1, 1, dead), -60.0)
    counts, _ = glm(torch.full((1, steps, 1), math.log(rate)), torch.zeros(1, dead, 1), weight, dt=1e-3, key=(0, 1))
    # in a free step several may fall together, which are one event
    fired = (counts > 0).sum().item()
    p = 1 - math.exp(-rate * 1e-3)
    mean = steps / (dead + 1 / p)
    spread = math.sqrt(steps * (1 - p) / p**2 / (dead + 1 / p) ** 3)
    assert abs(fired - mean) < 4 * spread


def test_a_spike_of_one_cell_raises_the_rate_of_another_at_its_lag_only() -> None:
    steps = 100_000
    weight = torch.zeros(2, 2, 4)
    weight[1, 0, 2] = 1.5
    counts, _ = glm(torch.full((1, steps, 2), math.log(20.0)), torch.zeros(1, 4, 2), weight, dt=1e-3, key=(0, 1))
    first, second = counts[0].double().numpy().T
    for lag in range(1, 6):
        after = second[lag:][first[:-lag] == 1].mean() / 1e-3
        expected = 20 * math.exp(1.5 if lag == 3 else 0)
        n = (first == 1).sum()
        assert abs(after - expected) < 4 * math.sqrt(expected * 1e-3 / n) / 1e-3 + 1.5
    assert np.corrcoef(first, second)[0, 1] < 0.02


@pytest.mark.parametrize("route", ["reference", "torch", "compiled"])
@pytest.mark.parametrize("start", [5.0, 5000.0])
def test_spikes_that_excite_each_other_without_end_are_told(route: str, start: float) -> None:
    drive, past, weight = torch.full((1, 40, 1), start), torch.zeros(1, 2, 1), torch.full((1, 1, 2), 3.0)
    with force(route), pytest.raises(OverflowError, match=r"cell 0 .*excite each other without end"):  # type: ignore[arg-type]
        glm(drive, past, weight, dt=1e-2, key=(0, 0))


def test_what_does_not_fit_is_told() -> None:
    drive, past, weight = scene()
    for wrong, message in (
        ((drive[0], past, weight), "drive: wanted a floating point tensor"),
        ((drive, past[:, 1:], weight), r"past: wanted \(2, 5, 3\)"),
        ((drive, past, weight[1:]), r"weight: wanted \(3, 3, lag\)"),
        ((drive, past.double(), weight), "wanted torch.float32"),
    ):
        with pytest.raises(ValueError, match=message):
            glm(*wrong, dt=DT, key=(0, 0))
    with pytest.raises(Refused, match="drive: wanted finite numbers"):
        glm(drive * math.nan, past, weight, dt=DT, key=(0, 0))
    with pytest.raises(ValueError, match="dt: wanted a finite number above 0"):
        glm(drive, past, weight, dt=0.0, key=(0, 0))
    with pytest.raises(ValueError, match="cells: wanted 3 indices"):
        glm(drive, past, weight, dt=DT, key=(0, 0), cells=torch.arange(2))


@given(
    steps=st.integers(1, 30),
    lags=st.integers(1, 12),
    cells=st.integers(1, 3),
    components=st.integers(1, 3),
    route=st.sampled_from(["torch", "compiled"]),
)
def test_counts_through_a_basis_are_those_of_the_loops(
    steps: int, lags: int, cells: int, components: int, route: str
) -> None:
    draws = torch.Generator().manual_seed(5)
    known = torch.randint(0, 3, (2, lags + steps, cells), generator=draws).double()
    basis = torch.randn(components, lags, generator=draws, dtype=torch.float64)
    with force("reference"):
        expected = filtered_counts(known[:, lags:], known[:, :lags], basis)
    with force(route):  # type: ignore[arg-type]
        made = filtered_counts(known[:, lags:], known[:, :lags], basis)
    torch.testing.assert_close(made, expected, rtol=1e-12, atol=1e-12)


@given(cut=st.integers(1, 59))
def test_counts_through_a_basis_do_not_depend_on_a_cut(cut: int) -> None:
    draws = torch.Generator().manual_seed(6)
    known = torch.randint(0, 3, (1, 64, 2), generator=draws).double()
    basis = torch.randn(3, 4, generator=draws, dtype=torch.float64)
    whole = filtered_counts(known[:, 4:], known[:, :4], basis)
    first = filtered_counts(known[:, 4 : 4 + cut], known[:, :4], basis)
    rest = filtered_counts(known[:, 4 + cut :], known[:, cut : 4 + cut], basis)
    assert torch.equal(torch.cat([first, rest], 1), whole)


def test_a_past_of_another_length_than_the_basis_is_told() -> None:
    with pytest.raises(ValueError, match=r"filtered_counts: past: wanted \(1, 4, 2\), got \(1, 3, 2\)"):
        filtered_counts(torch.zeros(1, 5, 2), torch.zeros(1, 3, 2), torch.zeros(1, 4))
