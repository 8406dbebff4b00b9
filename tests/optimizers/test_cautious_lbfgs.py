from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.optimize import minimize, rosen, rosen_der
from torch import Tensor

import convis_xr as cx
from convis_xr.optimizers import CautiousLBFGS


def place(*values: float, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.tensor(values, dtype=dtype, requires_grad=True)


def rosenbrock(x: Tensor) -> Tensor:
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def descend(x: Tensor, loss: Callable[[Tensor], Tensor], optimizer: torch.optim.Optimizer, calls: int = 1) -> list:
    """The loss at every evaluation."""
    seen = []

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss(x)
        value.backward()
        seen.append(value.item())
        return value

    for _ in range(calls):
        optimizer.step(closure)
    return seen


@pytest.mark.parametrize("size", [2, 5, 12])
def test_rosenbrock_is_solved_as_by_scipy(size: int) -> None:
    start = np.tile([-1.2, 1.0], size)[:size]
    x = place(*start)
    seen = descend(x, rosenbrock, CautiousLBFGS([x], max_iter=300))
    theirs = minimize(rosen, start, jac=rosen_der, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-7})
    np.testing.assert_allclose(x.detach(), theirs.x, atol=1e-5)
    assert len(seen) < 3 * theirs.nfev


def test_an_ill_scaled_quadratic_is_solved_in_closed_form() -> None:
    scales = torch.logspace(-3, 3, 7, dtype=torch.float64)
    goal = torch.arange(7.0, dtype=torch.float64)
    x = place(*[5.0] * 7)
    descend(x, lambda x: (scales * (x - goal) ** 2).sum(), CautiousLBFGS([x], max_iter=200, tolerance_grad=1e-9))
    np.testing.assert_allclose(x.detach(), goal, atol=1e-6)


def test_no_call_makes_the_loss_worse_where_torchs_own_does() -> None:
    """A loss that is steep far out: full steps without a line search go astray."""

    def loss(x: Tensor) -> Tensor:
        return (x**2 + 1).log().sum() + 0.1 * x.abs().sum()

    ends = {}
    for kind in (CautiousLBFGS, torch.optim.LBFGS):
        x = place(30.0, -8.0)
        before = loss(x).item()
        optimizer = kind([x], max_iter=4)
        course = [before]
        for _ in range(10):
            descend(x, loss, optimizer)
            course.append(loss(x).item())
        ends[kind] = course
    ours = ends[CautiousLBFGS]
    assert all(after <= before for before, after in pairwise(ours))
    assert ours[-1] < 1e-3 < ends[torch.optim.LBFGS][-1]


@pytest.mark.parametrize("seed", range(5))
def test_losses_that_are_not_convex_fall_and_the_curvature_stays_positive(seed: int) -> None:
    draws = torch.Generator().manual_seed(seed)
    mixing = torch.randn(6, 6, generator=draws, dtype=torch.float64)
    x = torch.randn(6, generator=draws, dtype=torch.float64).requires_grad_()
    optimizer = CautiousLBFGS([x], max_iter=3)
    last = math.inf
    for _ in range(25):
        descend(x, lambda x: torch.cos(mixing @ x).sum() + 0.05 * (x**2).sum(), optimizer)
        now = (torch.cos(mixing @ x).sum() + 0.05 * (x**2).sum()).item()
        assert now <= last
        last = now
        kept = optimizer.state[x]
        for s, y in zip(kept.get("steps", []), kept.get("changes", []), strict=True):
            assert float(s @ y) > 0


def test_a_pair_of_too_little_curvature_is_not_remembered() -> None:
    # beside a maximum the gradient grows along a downhill step: y's < 0
    x = place(0.1)
    optimizer = CautiousLBFGS([x], max_iter=1, lr=0.5)
    descend(x, lambda x: -(x**2).sum(), optimizer)
    assert x.item() > 0.1
    assert not optimizer.state[x].get("steps")
    x = place(0.1)
    optimizer = CautiousLBFGS([x], max_iter=1, lr=0.5)
    descend(x, lambda x: (x**2).sum(), optimizer)
    assert len(optimizer.state[x]["steps"]) == 1


def test_a_loss_that_is_not_smooth_falls_to_its_kink() -> None:
    x = place(3.0, -2.0)
    descend(x, lambda x: (x - 1).abs().sum() + (x**2).sum() * 0.1, CautiousLBFGS([x], max_iter=50), calls=5)
    np.testing.assert_allclose(x.detach(), [1, 1], atol=0.02)


def test_a_wall_of_infinity_is_not_crossed() -> None:
    x = place(0.5)
    descend(x, lambda x: (-x.log() + 1e-3 * x**2).sum(), CautiousLBFGS([x], max_iter=60))
    assert x.item() == pytest.approx(math.sqrt(500), rel=1e-5)
    y = place(2.0)
    descend(y, lambda y: (y - 3 * y.log()).sum(), CautiousLBFGS([y], lr=50.0))  # the first step goes below 0
    assert y.item() == pytest.approx(3, rel=1e-5)


def test_where_no_step_helps_nothing_is_moved() -> None:
    x = place(1.0, 2.0)

    def misled() -> Tensor:
        x.grad = -2 * x.detach()  # uphill is told to be downhill
        return (x.detach() ** 2).sum()

    assert float(CautiousLBFGS([x]).step(misled)) == 5
    assert x.tolist() == [1, 2]


def test_batches_may_change_from_call_to_call() -> None:
    draws = torch.Generator().manual_seed(1)
    data = torch.randn(400, 5, generator=draws, dtype=torch.float64)
    truth = torch.arange(1.0, 6, dtype=torch.float64)
    response = data @ truth + 0.1 * torch.randn(400, generator=draws, dtype=torch.float64)
    x = place(*[0.0] * 5)
    optimizer = CautiousLBFGS([x], max_iter=5)
    for batch in range(8):
        part = slice(batch * 50, batch * 50 + 50)
        descend(x, lambda x, part=part: ((data[part] @ x - response[part]) ** 2).mean(), optimizer)
    np.testing.assert_allclose(x.detach(), truth, atol=0.1)


def test_parameters_of_several_dtypes_and_those_that_are_fixed() -> None:
    kinds = ((5.0, torch.float32), (3.0, torch.float64), (1.0, torch.float64))
    small, exact, fixed = (torch.tensor(value, dtype=dtype) for value, dtype in kinds)
    small.requires_grad_()
    exact.requires_grad_()
    optimizer = CautiousLBFGS([small, exact, fixed])

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = (small - 1) ** 2 + (exact - 1e-3) ** 2 * 10 + fixed
        loss.backward()
        return loss

    optimizer.step(closure)
    assert small.item() == pytest.approx(1, abs=1e-5)
    assert exact.item() == pytest.approx(1e-3, abs=1e-9)
    assert fixed.item() == 1
    assert small.dtype == torch.float32


def test_wrong_options_and_losses_are_told() -> None:
    x = place(1.0)
    with pytest.raises(cx.ParameterError, match=r"lr: wanted a finite number above 0, got -1"):
        CautiousLBFGS([x], lr=-1)
    with pytest.raises(cx.ParameterError, match=r"max_iter: wanted a whole number above 0, got 2.5"):
        CautiousLBFGS([x], max_iter=2.5)  # type: ignore[arg-type]
    with pytest.raises(cx.ParameterError, match="all parameters in one group, got 2 groups"):
        CautiousLBFGS([{"params": [x]}, {"params": [place(2.0)]}])
    with pytest.raises(cx.ParameterError, match="a finite loss and gradient, got a loss of nan"):
        descend(x, lambda x: (x * math.nan).sum(), CautiousLBFGS([x]))
    with pytest.raises(cx.ParameterError, match="may be fitted, got none"):
        CautiousLBFGS([torch.ones(1)]).step(lambda: 1.0)
    with pytest.raises(cx.ParameterError, match="may be fitted, got none"):
        CautiousLBFGS([torch.ones(0, requires_grad=True)]).step(lambda: 1.0)
    for options in ({"lr": "1"}, {"lr": [1]}, {"tolerance_grad": None}, {"caution": None}):
        with pytest.raises(cx.ParameterError, match=f"{next(iter(options))}: wanted a finite number"):
            CautiousLBFGS([x], **options)


def test_a_straight_piece_of_a_loss_adds_no_curvature_even_without_caution() -> None:
    x = place(3.0, 2.0)
    descend(x, lambda x: x.sum(), CautiousLBFGS([x], caution=0, max_iter=3))
    assert bool(x.isfinite().all())
    assert float(x.detach().sum()) < 5
