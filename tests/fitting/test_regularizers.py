"""Regularisers: sums by numpy, invariance to the sampling, gradients, and what errors say."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import convis_xr as cx
from convis_xr.fitting import L1, L2, DoG, SmoothSpace, SmoothTime


def model_of(weight: np.ndarray) -> cx.models.LN:
    made = cx.models.LN(weight.shape).double()
    made.conv.set_weight(weight)
    return made


def course(dt: float) -> np.ndarray:
    """Samples k(t) dt of a smooth kernel of 200 ms."""
    t = np.arange(0, 0.2, dt) + dt / 2
    return np.sin(np.pi * t / 0.2) ** 4 * dt


def spot(pitch: float) -> np.ndarray:
    """Samples k(y, x) dy dx of a Gaussian of 0.3 deg."""
    at = (np.arange(round(3 / pitch)) + 0.5) * pitch - 1.5
    return np.exp(-(at[:, None] ** 2 + at**2) / (2 * 0.3**2)) * pitch**2


def test_sums_are_those_of_numpy() -> None:
    weight = np.random.default_rng(1).standard_normal((4, 3, 2))
    model = model_of(weight)
    assert L1("conv.weight", 0.3)(model).item() == pytest.approx(0.3 * np.abs(weight).sum())
    assert L2("conv.weight", 0.3)(model).item() == pytest.approx(0.3 * (weight**2).sum())
    with cx.set_options(dt="5 ms", pixel_size="0.2 deg"):
        rough = SmoothTime("conv.weight", 2.0, scale="10 ms")(model).item()
        assert rough == pytest.approx(2 * 2**5 * (np.diff(weight, 2, 0) ** 2).sum())
        wrinkled = SmoothSpace("conv.weight", 2.0, scale="0.4 deg")(model).item()
    yy, xx, yx = np.diff(weight, 2, 1), np.diff(weight, 2, 2), np.diff(np.diff(weight, 1, 1), 1, 2)
    assert wrinkled == pytest.approx(2 * 2**6 * ((yy**2).sum() + (xx**2).sum() + 2 * (yx**2).sum()))


def test_roughness_in_time_is_that_of_the_kernel_at_any_time_step() -> None:
    """The integral of the square of the second derivative of sin^4, by quadrature."""
    t = np.linspace(0, 0.2, 200_001)
    second = np.gradient(np.gradient(np.sin(np.pi * t / 0.2) ** 4, t), t)
    exact = 0.05**5 * np.trapezoid(second**2, t)
    for dt in (2e-3, 1e-3, 0.5e-3):
        with cx.set_options(dt=f"{dt} s"):
            made = SmoothTime("conv.weight", 1.0, scale="50 ms")(model_of(course(dt)[:, None, None])).item()
        assert made == pytest.approx(exact, rel=0.02)


def test_roughness_in_space_is_that_of_the_kernel_at_any_pixel_size() -> None:
    """Of a Gaussian: the thin-plate energy is 2 pi / sigma^2."""
    exact = 0.2**6 * 2 * np.pi / 0.3**2
    for pitch in (0.1, 0.05, 0.025):
        with cx.set_options(pixel_size=f"{pitch} deg"):
            made = SmoothSpace("conv.weight", 1.0, scale="0.2 deg")(model_of(spot(pitch)[None])).item()
        assert made == pytest.approx(exact, rel=0.1 if pitch == 0.1 else 0.03)


def test_the_sampling_is_that_of_the_data_that_the_layer_was_shown() -> None:
    model = model_of(course(5e-3)[:, None, None])
    with pytest.raises(cx.ContractError, match=r"SmoothTime of conv.weight: wanted a time step"):
        SmoothTime("conv.weight")(model)
    model(cx.as_stimulus(np.zeros(50), dt="5 ms", units="1"))
    seen = SmoothTime("conv.weight")(model).item()
    with cx.set_options(dt="5 ms"):
        assert SmoothTime("conv.weight")(model_of(course(5e-3)[:, None, None])).item() == seen > 0


def test_what_is_a_difference_of_gaussians_costs_nothing_and_the_rest_its_square() -> None:
    pixels = (np.arange(15) - 7) * 0.1
    # y grows upward, rows go down
    square = ((-pixels)[:, None] - 0.2) ** 2 + (pixels - 0.1) ** 2
    kernel = 2 * np.exp(-square / 2 / 0.15**2) - 0.3 * np.exp(-square / 2 / 0.4**2)
    prior = DoG("conv.weight", 1.0, "0.15 deg", "0.4 deg", ("0.2 deg", "0.1 deg"))
    with cx.set_options(pixel_size="0.1 deg"):
        assert prior(model_of(np.stack([kernel, -3 * kernel]))).item() < 1e-20
        away = np.random.default_rng(0).standard_normal((15, 15))
        basis = np.stack([np.exp(-square.ravel() / 2 / s**2) for s in (0.15, 0.4)], 1)
        rest = away.ravel() - basis @ np.linalg.lstsq(basis, away.ravel(), rcond=None)[0]
        assert prior(model_of((kernel + away)[None])).item() == pytest.approx((rest**2).sum())
        centred = DoG("conv.weight", 1.0, "0.15 deg", "0.4 deg")
        assert centred(model_of(kernel[None])).item() > 0.1


@pytest.mark.parametrize("kind", [L1, L2, SmoothTime, SmoothSpace, DoG])
def test_gradients_flow_to_the_parameter(kind: type) -> None:
    model = model_of(np.random.default_rng(1).standard_normal((5, 6, 7)))
    with cx.set_options(dt="10 ms", pixel_size="0.1 deg"):
        value = kind("conv.weight", 0.7)(model)
        value.backward()
        assert value.shape == ()
        step = 1e-6 * model.conv.weight.grad
        before = value.item()
        expected = 1e-6 * float((model.conv.weight.grad**2).sum())
        with torch.no_grad():
            model.conv.weight += step
        assert kind("conv.weight", 0.7)(model).item() - before == pytest.approx(expected, rel=1e-3)


def test_ridge_regression_by_l2_is_that_of_numpy() -> None:
    draws = np.random.default_rng(2)
    film = cx.as_stimulus(draws.standard_normal(300), dt="1 ms", units="1")
    model = cx.models.L((4, 1, 1), bias=False).double()
    target = torch.from_numpy(draws.standard_normal(300))
    x = torch.from_numpy(film.values)[None, None, :, None, None]
    optimizer, prior = model.set_optimizer.CautiousLBFGS(max_iter=50), L2("conv.weight", 5.0)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        model.clear_state()
        loss = ((model(x).flatten() - target) ** 2).sum() + prior(model)
        loss.backward()
        return loss

    optimizer.step(closure)
    rows = np.stack([np.concatenate([np.zeros(lag), film.values[: 300 - lag]]) for lag in range(4)], 1)
    exact = np.linalg.solve(rows.T @ rows + 5 * np.eye(4), rows.T @ target.numpy())
    np.testing.assert_allclose(model.conv.weight.detach().flatten(), exact, atol=1e-6)


def test_wrong_paths_and_strengths_are_told() -> None:
    model = model_of(np.ones((3, 2, 2)))
    with pytest.raises(
        cx.ParameterError, match=r"wanted one of conv.weight, conv.bias, got conv.wieght. Cure: conv.weight"
    ):
        L2("conv.wieght")(model)
    with pytest.raises(cx.ParameterError, match=r"conv: wanted one parameter, got several. Cure: one of conv.weight"):
        L2("conv")(model)
    with pytest.raises(cx.ParameterError, match="strength: wanted a number of 0 or more, got -1"):
        L1("conv.weight", -1)
    with cx.set_options(dt="1 ms", pixel_size="0.1 deg"):
        with pytest.raises(cx.ContractError, match=r"conv.bias: wanted a weight"):
            SmoothTime("conv.bias")(model)
        with pytest.raises(cx.UnitError, match="scale"):
            SmoothTime("conv.weight", 1.0, scale="1 deg")(model)
        with pytest.raises(cx.ContractError, match="two Gaussians that the pixels tell apart"):
            DoG("conv.weight", 1.0, "0.1 deg", "0.1 deg")(model)
        with pytest.raises(cx.ContractError, match="two Gaussians that the pixels tell apart"):
            DoG("conv.weight", 1.0, position=("90 deg", "0 deg"))(model)
        for wrong in ("0 deg", ("0 deg",)):
            with pytest.raises(cx.ParameterError, match="position: wanted a pair"):
                DoG("conv.weight", 1.0, position=wrong)(model)
        for kind, unit in ((SmoothTime, "ms"), (SmoothSpace, "deg")):
            for size in (-1, 0):
                with pytest.raises(cx.ParameterError, match="scale: wanted a scale above 0"):
                    kind("conv.weight", 1.0, scale=f"{size} {unit}")(model)
    assert L1("conv.weight", np.float32(0.5))(model).item() == 6
