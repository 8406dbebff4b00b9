"""Bilinear sampling: against scipy, the same bits on every route, gradients, edges, bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.interpolate import RegularGridInterpolator

from convis_xr.kernels.dispatch import force
from convis_xr.kernels.sampling import bilinear

SHAPES = [(2, 1, 3, 5, 6), (4, 1, 7), (3, 2), (1, 1), (2, 0, 3, 3)]


def positions(height: int, width: int, number: int = 40, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    draw = np.random.default_rng(seed)
    return tuple(torch.from_numpy(draw.uniform(-1, size, number)) for size in (height, width))  # type: ignore[return-value]


@pytest.mark.parametrize("route", ["reference", "torch", "compiled"])
def test_it_is_what_scipy_interpolates(route: Any) -> None:
    x = torch.rand(3, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    rows, columns = positions(5, 6)
    with force(route):
        made = bilinear(x, rows, columns)
    grid = RegularGridInterpolator((np.arange(5.0), np.arange(6.0)), x.movedim(0, -1).numpy())
    expected = grid(np.stack([rows.clamp(0, 4), columns.clamp(0, 5)], 1)).T
    np.testing.assert_allclose(made, expected, rtol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_route_gives_the_same_bits(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    x = torch.rand(shape, dtype=dtype, generator=torch.Generator().manual_seed(2))
    rows, columns = positions(*shape[-2:])
    made = {}
    for route in ("reference", "torch", "compiled"):
        with force(route):  # type: ignore[arg-type]
            made[route] = bilinear(x, rows, columns)
    assert made["torch"].shape == (*shape[:-2], 40)
    assert torch.equal(made["torch"], made["reference"])
    assert torch.equal(made["compiled"], made["reference"])


@pytest.mark.parametrize("route", ["reference", "torch", "compiled"])
def test_the_centre_of_a_pixel_is_the_pixel_whatever_is_beside_it(route: Any) -> None:
    x = torch.full((3, 3), torch.nan)
    x[1, 1] = 7.0
    with force(route):
        made = bilinear(x, torch.tensor([1.0, 1.0]).double(), torch.tensor([1.0, 1.5]).double())
    assert made[0] == 7.0
    assert made[1].isnan()


def test_gradients_reach_frames_and_positions() -> None:
    x = torch.rand(2, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(3), requires_grad=True)
    rows = torch.tensor([0.3, 2.7, 1.1], dtype=torch.float64, requires_grad=True)
    columns = torch.tensor([3.6, 0.2, 2.4], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(bilinear, (x, rows, columns))


def test_no_cell_at_all() -> None:
    none = torch.empty(0, dtype=torch.float64)
    assert bilinear(torch.rand(2, 3, 3), none, none).shape == (2, 0)


@pytest.mark.parametrize(
    ("x", "rows", "columns", "message"),
    [
        (torch.zeros(3), [0.0], [0.0], "x: wanted a floating point tensor"),
        (torch.zeros(3, 3, dtype=torch.int64), [0.0], [0.0], "x: wanted a floating point tensor"),
        (torch.zeros(0, 3), [0.0], [0.0], "x: wanted a floating point tensor"),
        (torch.zeros(3, 3), [0.0], [0.0, 1.0], "columns: wanted float64 of shape"),
        (torch.zeros(3, 3), [float("nan")], [0.0], "rows: wanted finite positions"),
    ],
)
def test_bad_input(x: torch.Tensor, rows: list[float], columns: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bilinear(x, torch.tensor(rows, dtype=torch.float64), torch.tensor(columns, dtype=torch.float64))


def test_positions_in_single_precision_are_refused() -> None:
    with pytest.raises(ValueError, match="rows: wanted float64"):
        bilinear(torch.zeros(3, 3), torch.zeros(1), torch.zeros(1))
