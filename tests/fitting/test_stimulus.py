"""Stimuli fitted to a goal: closed forms of linear models, exact projections, closed loop, errors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

import convis_xr as cx
from convis_xr.fitting import optimize_stimulus
from convis_xr.fitting.stimulus import _Allowed

FIELD = np.random.default_rng(3).standard_normal((4, 3, 2))


def cell() -> cx.filters.RF:
    made = cx.filters.RF(1, (4, 3, 2))
    made.set_weight(FIELD)
    return made


def grey(value: float = 0.0, valid_range: tuple[float, float] | None = None) -> xr.DataArray:
    values = np.full((4, 3, 2), value)
    return cx.as_stimulus(values, dt="10 ms", pixel_size="0.1 deg", units="1", valid_range=valid_range)


def last(outputs: dict[str, torch.Tensor]) -> torch.Tensor:
    return outputs["response"][0, 0, -1].sum()


def test_of_a_linear_cell_it_is_the_matched_filter() -> None:
    found = optimize_stimulus(cell(), last, grey(), rms=0.3)
    matched = FIELD[::-1] / np.sqrt((FIELD**2).mean()) * 0.3
    np.testing.assert_allclose(found.stimulus, matched, atol=1e-6)
    # by Cauchy and Schwarz nothing gives more
    assert float(found.goal[-1]) == pytest.approx(0.3 * np.sqrt(24) * np.linalg.norm(FIELD), rel=1e-6)
    assert found.attrs["settled"]
    assert (np.diff(found.goal) >= 0).all()


def test_within_limits_of_range_alone_it_is_the_sign_of_the_field() -> None:
    found = optimize_stimulus(cell(), last, grey(0.5, (0, 1)))
    np.testing.assert_allclose(found.stimulus, FIELD[::-1] > 0, atol=1e-9)
    assert list(found.stimulus.attrs["valid_range"]) == [0, 1]


def test_range_and_power_together_are_as_scipy_finds() -> None:
    found = optimize_stimulus(cell(), last, grey(0.5, (0, 1)), rms=0.35, tolerance=1e-9)
    weights = FIELD[::-1].ravel()
    power = {"type": "ineq", "fun": lambda x: 24 * 0.35**2 - ((x - 0.5) ** 2).sum(), "jac": lambda x: 1 - 2 * x}
    theirs = minimize(
        lambda x: -weights @ x,
        np.full(24, 0.5),
        jac=lambda x: -weights,
        bounds=[(0, 1)] * 24,
        constraints=power,
        method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 500},
    )
    np.testing.assert_allclose(found.stimulus.values.ravel(), theirs.x, atol=1e-4)
    assert float(np.sqrt(((found.stimulus - 0.5) ** 2).mean())) <= 0.35 + 1e-9


@given(
    values=st.lists(st.floats(-3, 3), min_size=3, max_size=3),
    rms=st.floats(0.05, 2),
    mean=st.floats(-0.4, 0.9),
)
def test_the_projection_is_the_nearest_point_that_is_allowed(values: list[float], rms: float, mean: float) -> None:
    allowed, x = _Allowed.of((-0.5, 1.0), rms, mean), torch.tensor(values, dtype=torch.float64)
    made = allowed.project(x)
    assert float(made.min()) >= -0.5 - 1e-12
    assert float(made.max()) <= 1 + 1e-12
    assert float((made - mean).square().mean().sqrt()) <= rms * (1 + 1e-9)
    # a projection onto a convex set: (x - p)'(q - p) <= 0 for every q of the set
    draws = torch.from_numpy(np.random.default_rng(0).uniform(-0.5, 1.0, (200, 3)))
    others = torch.stack([allowed.project(one) for one in draws])
    assert float(((x - made) * (others - made)).sum(1).max()) <= 1e-6


def test_a_quadratic_model_gets_its_strongest_axis() -> None:
    """Energy of two fields: the best stimulus is the leading eigenvector of the sum of their outer products."""
    fields = np.random.default_rng(5).standard_normal((2, 24))
    model = cx.filters.RF(1, 2, (4, 3, 2))
    model.set_weight(fields.reshape(2, 1, 4, 3, 2))
    model.bias = [0.0, 0.0]

    def energy(outputs: dict[str, torch.Tensor]) -> torch.Tensor:
        return outputs["response"][0, :, -1].square().sum()

    found = optimize_stimulus(model, energy, grey(), rms=1.0, steps=500, tolerance=1e-9)
    leading = np.linalg.eigh(fields.T @ fields)[1][:, -1].reshape(4, 3, 2)[::-1]
    ours = found.stimulus.values / np.linalg.norm(found.stimulus)
    assert abs((ours * leading).sum()) == pytest.approx(1, abs=1e-6)


def test_labels_unit_and_seed_are_kept() -> None:
    like = grey(100.0).assign_attrs(units="cd/m^2")
    model = cell()
    before = {path: value.copy() for path, value in model.get_parameters().items()}
    first, again, other = (
        optimize_stimulus(model, last, like, rms=5.0, mean=100.0, steps=1, seed=s) for s in (1, 1, 2)
    )
    assert first.stimulus.attrs["units"] == "cd/m^2"
    assert first.stimulus.coords.to_dataset().identical(like.coords.to_dataset())
    cx.contract.check_stimulus(first.stimulus) if hasattr(cx, "contract") else cx.run(
        model, first.stimulus, progress=False
    )
    assert (first.stimulus == again.stimulus).all()
    assert not (first.stimulus == other.stimulus).all()
    assert all((value == before[path]).all() for path, value in model.get_parameters().items())
    assert model.get_state() == {}


def test_a_target_is_reached_piece_by_piece_in_closed_loop() -> None:
    """Each piece is made from the state that the last one left; the low-pass follows the target throughout."""
    model, pieces, reached = cx.filters.LowPass("20 ms"), [], []
    state: dict[str, torch.Tensor] | None = None
    for number in range(3):
        like = cx.as_stimulus(np.zeros(10), dt="5 ms", units="1")
        target = np.sin((np.arange(10) + 10 * number) / 4)

        def near(outputs: dict[str, torch.Tensor], target: np.ndarray = target) -> torch.Tensor:
            return -(outputs["response"].flatten() - torch.from_numpy(target)).square().sum()

        found = optimize_stimulus(model, near, like, state=state, steps=500, tolerance=1e-10)
        ran = cx.run(model, found.stimulus, state=state, progress=False)
        state = dict(ran.convis.state)
        pieces.append(found)
        reached.append(ran.response.values)
    np.testing.assert_allclose(np.concatenate(reached), np.sin(np.arange(30) / 4), atol=1e-3)
    whole = cx.as_stimulus(np.concatenate([piece.stimulus for piece in pieces]), dt="5 ms", units="1")
    np.testing.assert_allclose(cx.run(model, whole, progress=False).response, np.sin(np.arange(30) / 4), atol=1e-3)


def test_a_cell_of_a_population_is_excited_within_its_range() -> None:
    like = cx.as_stimulus(np.full((20, 7, 7), 0.5), dt="10 ms", pixel_size="0.1 deg", units="1", valid_range=(0, 1))
    model = cx.models.LN((5, 3, 3), nonlinearity="softplus")

    def middle(outputs: dict[str, torch.Tensor]) -> torch.Tensor:
        return outputs["response"][0, 0, -1, 3, 3]

    found = optimize_stimulus(model, middle, like, rms=0.05, steps=100)
    assert float(found.goal[-1]) > float(found.goal[0])
    # power is not wasted on what the cell does not see
    assert float(abs(found.stimulus[:10] - 0.5).max()) < 1e-3
    shown = cx.run(model, found.stimulus, progress=False).response
    assert float(shown[-1, 3, 3]) == pytest.approx(float(found.goal[-1]), rel=1e-5)


def test_wrong_goals_and_limits_are_told() -> None:
    with pytest.raises(cx.ContractError, match=r"goal: wanted a real scalar Tensor, got torch.float64 of shape"):
        optimize_stimulus(cell(), lambda outputs: outputs["response"], grey(), rms=1.0)
    with pytest.raises(cx.ContractError, match="goal: wanted a value with a gradient"):
        optimize_stimulus(cell(), lambda outputs: outputs["response"].detach().sum(), grey(), rms=1.0)
    with pytest.raises(cx.ContractError, match="goal: wanted a finite value"):
        optimize_stimulus(cell(), lambda outputs: outputs["response"].sum() * float("nan"), grey(), rms=1.0)
    with pytest.raises(cx.ContractError, match=r"limits: wanted \(low, high\)"):
        optimize_stimulus(cell(), last, grey(), limits=(1, 0))
    with pytest.raises(cx.ContractError, match="rms: wanted a finite number above 0"):
        optimize_stimulus(cell(), last, grey(), rms=0.0)
    with pytest.raises(cx.ContractError, match="mean: wanted a value within"):
        optimize_stimulus(cell(), last, grey(), limits=(0, 1), mean=2.0)
    with pytest.raises(cx.ParameterError, match="start: wanted"):
        optimize_stimulus(cell(), last, grey(), rms=1.0, start="zeros")
    with pytest.raises(cx.ContractError, match="like"):
        optimize_stimulus(cell(), last, np.zeros((4, 3, 2)), rms=1.0)  # type: ignore[arg-type]
    for limits in ((0, np.inf), (-np.inf, np.inf), (0, np.nan), (0, 1, 2), 0.5, ("0", "1")):
        with pytest.raises(cx.ContractError, match=r"limits: wanted \(low, high\), two finite numbers"):
            optimize_stimulus(cell(), last, grey(), limits=limits)  # type: ignore[arg-type]
    for mean in (np.nan, "x"):
        with pytest.raises(cx.ContractError, match="mean: wanted a finite number"):
            optimize_stimulus(cell(), last, grey(), rms=1.0, mean=mean)  # type: ignore[arg-type]
    with pytest.raises(cx.ContractError, match="rms: wanted a finite number above 0"):
        optimize_stimulus(cell(), last, grey(), rms="1")  # type: ignore[arg-type]
    wrong = {"steps": (-1, 1.5), "tolerance": (-1, np.nan), "seed": (1.5,), "dtype": (torch.int64, float)}
    for name, value in ((name, value) for name, values in wrong.items() for value in values):
        with pytest.raises(cx.ParameterError, match=f"{name}: wanted a"):
            optimize_stimulus(cell(), last, grey(), rms=1.0, **{name: value})


def test_goals_that_are_none_or_look_elsewhere_are_told() -> None:
    model = cell()
    with pytest.raises(cx.ParameterError, match="goal: wanted a callable, got NoneType"):
        optimize_stimulus(model, None, grey(), rms=1.0)  # type: ignore[arg-type]
    with pytest.raises(cx.ContractError, match="goal: wanted a value that depends on the stimulus"):
        optimize_stimulus(model, lambda outputs: model.weight.sum(), grey(), rms=1.0)
    with pytest.raises(cx.ContractError, match=r"goal: wanted a real scalar Tensor, got torch.complex128"):
        optimize_stimulus(model, lambda outputs: last(outputs) * 1j, grey(), rms=1.0)
