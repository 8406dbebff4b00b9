"""Delays as layers: units, limits, state, gradients. The numbers are those of `tests/kernels/delay`."""

from __future__ import annotations

import numpy as np
import pint_xarray  # noqa: F401 - registers .pint
import pytest
import torch
import xarray as xr

import convis_xr as cx
from convis_xr.filters import Delay, VariableDelay

RNG = np.random.default_rng(3)
ms = lambda array: cx.units.Quantity(np.asarray(array, dtype="float64"), "ms")  # noqa: E731


def film(steps: int = 20, shape: tuple[int, int] = (3, 4)) -> xr.DataArray:
    return cx.as_stimulus(RNG.random((steps, *shape)), dt="2 ms", pixel_size="0.1 deg", units="Hz")


def series(stimulus: xr.DataArray, seconds: float, before: float = 0.0) -> np.ndarray:
    """numpy's interpolation of every pixel's series, ``before`` ahead of it."""
    values = np.concatenate([np.full((30, *stimulus.shape[1:]), before), stimulus.values])
    at = np.arange(-30, stimulus.sizes["time"]) * 2e-3
    wanted = np.arange(stimulus.sizes["time"]) * 2e-3 - seconds
    return np.apply_along_axis(lambda one: np.interp(wanted, at, one), 0, values)


@pytest.mark.parametrize(
    ("delay", "seconds"), [("7 ms", 0.007), ("0.006 s", 0.006), (3, 0.006), (0, 0.0), ("1 us", 1e-6)]
)
def test_a_delay_is_numpys_interpolation(delay: object, seconds: float) -> None:
    stimulus = film()
    result = Delay(delay)(stimulus)
    np.testing.assert_allclose(result, series(stimulus, seconds), atol=1e-12)
    assert result.attrs["units"] == "Hz"


def test_rounding_does_not_make_a_whole_delay_a_fraction() -> None:
    stimulus = film()
    for steps in range(1, 20):
        delayed = Delay(f"{steps * 2} ms")(stimulus).values
        np.testing.assert_array_equal(delayed[steps:], stimulus.values[:-steps])


@pytest.mark.parametrize(("initial", "before"), [("zeros", 0.0), ("5 Hz", 5.0), (None, 0.0)])
def test_what_was_before(initial: str | None, before: float) -> None:
    layer, stimulus = Delay("7 ms"), film()
    layer.initial = initial
    np.testing.assert_allclose(layer(stimulus), series(stimulus, 0.007, before), atol=1e-12)


def test_each_pixel_has_its_own_delay() -> None:
    delays, stimulus = RNG.random((3, 4)) * 12, film()
    result = VariableDelay(ms(delays))(stimulus)
    for (y, x), delay in np.ndenumerate(delays):
        np.testing.assert_allclose(result[:, y, x], series(stimulus, delay / 1e3)[:, y, x], atol=1e-12)


def test_maps_come_in_many_forms() -> None:
    stimulus, steps = film(), np.arange(12).reshape(3, 4) % 5
    wanted = VariableDelay(ms(steps * 2.0))(stimulus)
    labelled = stimulus[0].drop_vars("time").copy(data=steps * 2.0).assign_attrs(units="ms")
    forms = [
        steps,
        torch.from_numpy(steps),
        steps.tolist(),
        labelled,
        labelled.T,
        labelled[::-1],
        labelled.isel(x=slice(None, None, -1)),
        labelled.pint.quantify(),
        cx.Parameter(ms(steps * 2.0)),
    ]
    for form in forms:
        np.testing.assert_allclose(VariableDelay(form)(stimulus), wanted, atol=1e-12)
    layer = VariableDelay(ms(np.zeros((3, 4))), max_delay="10 ms")
    layer.delay = labelled[::-1]
    np.testing.assert_allclose(layer(stimulus), wanted, atol=1e-12)


@pytest.mark.parametrize("variable", [True, False])
def test_delays_can_be_fitted(variable: bool) -> None:
    time = torch.arange(80, dtype=torch.float64)
    x = torch.sin(time / 6).view(1, 1, -1, 1, 1).expand(1, 1, -1, 1, 2).contiguous()
    wanted = torch.sin((time - 3.3) / 6)
    with cx.set_options(dt="1 ms"):
        made = VariableDelay(ms([[5.0, 1.0]]), "8 ms") if variable else Delay("5 ms", max_delay="8 ms")
        optimizer = torch.optim.Adam(made.parameters(), lr=1e-4)
        for _ in range(120):
            made.clear_state()
            optimizer.zero_grad()
            ((made(x)[0, 0, 10:] - wanted[10:, None, None]) ** 2).sum().backward()
            optimizer.step()
    np.testing.assert_allclose(made.delay.detach() * 1e3, 3.3, atol=0.05)


@pytest.mark.parametrize("variable", [True, False])
def test_gradients(variable: bool) -> None:
    made = VariableDelay(ms([[2.3, 0.4]]), "4 ms") if variable else Delay("2.3 ms")
    x = torch.randn(2, 1, 6, 1, 2, dtype=torch.float64, requires_grad=True)

    def response(x: torch.Tensor, delay: torch.Tensor) -> torch.Tensor:
        made.clear_state()
        return torch.func.functional_call(made, {"delay": delay}, (x,))

    with cx.set_options(dt="1 ms"):
        assert torch.autograd.gradcheck(response, (x, made.delay.detach().clone().requires_grad_()))


def test_a_delay_may_change_within_what_is_kept() -> None:
    stimulus, layer = film(), Delay("2 ms", max_delay="12 ms")
    first = layer(stimulus[:10])
    layer.delay = "12 ms"
    second = layer(stimulus[10:])
    np.testing.assert_array_equal(first, Delay("2 ms")(stimulus)[:10])
    np.testing.assert_array_equal(second, stimulus[4:14])
    short = Delay("2 ms")
    short(stimulus[:10])
    short.delay = "12 ms"
    with pytest.raises(cx.ContractError, match=r"delay: wanted 7 frames of the past, got 2 .*max_delay="):
        short(stimulus[10:])
    short.delay = "1 ms"
    np.testing.assert_allclose(short(stimulus[10:]), series(stimulus, 0.001)[10:])


def test_what_cannot_be() -> None:
    for make in (lambda: Delay(2.5), lambda: Delay("2 deg"), lambda: Delay(3, max_delay="5 ms")):
        with pytest.raises(cx.UnitError, match="delay: wanted"):
            make()
    for make in (lambda: Delay("-1 ms"), lambda: Delay("6 ms", max_delay="5 ms"), lambda: VariableDelay("5 ms")):
        with pytest.raises(cx.ParameterError, match="delay: wanted"):
            make()
    with pytest.raises(cx.UnitError, match="delay: wanted times, or whole samples, got bare float64"):
        VariableDelay(np.zeros((3, 4)))
    with pytest.raises(cx.ParameterError, match="delay: wanted delays"):
        VariableDelay(ms(np.zeros(4)))
    with pytest.raises(cx.ContractError, match=r"delay: wanted a map of \(3, 4\) px, got \(4, 3\)"):
        VariableDelay(ms(np.zeros((4, 3))))(film())
    with pytest.raises(cx.ContractError, match="a time step"):
        Delay("5 ms")(torch.zeros(1, 1, 3, 1, 1))
    coarse = cx.as_stimulus(np.zeros((1, 3, 4)), dt="1 ms", pixel_size="0.2 deg", units="ms")[0].drop_vars("time")
    with pytest.raises(cx.ContractError, match=r"delay: wanted pixels of 0.1 x 0.1 deg.*got 0.2 x 0.2 deg"):
        VariableDelay(coarse)(film())


@pytest.mark.parametrize("out", [-0.001, 0.009])
def test_an_optimizer_that_goes_too_far_is_told(out: float) -> None:
    layer = VariableDelay(ms(np.full((3, 4), 2.0)), max_delay="8 ms")
    layer.delay.data[1, 1] = out
    with pytest.raises(cx.ParameterError, match=r"delay: wanted delays from 0 to 0.008 \[s\]"):
        layer(film())


def test_a_map_has_the_dims_y_and_x() -> None:
    labelled = xr.DataArray(np.ones((3, 4)), dims=("y", "depth"), attrs={"units": "ms"})
    with pytest.raises(cx.ParameterError, match=r"delay: wanted a map of dims \('y', 'x'\), got \('y', 'depth'\)"):
        VariableDelay(labelled)
    with pytest.raises(cx.ParameterError, match=r"delay: wanted delays \(y, x\), .* got shape \(0, 0\)"):
        VariableDelay(cx.units.Quantity(np.zeros((0, 0)), "ms"))
