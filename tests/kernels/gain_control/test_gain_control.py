"""Contrast gain control: the routes agree, cuts change no bit, and the ODE and the closed forms are met."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from convis_xr.kernels import dispatch
from convis_xr.kernels.gain_control import gain_control, gain_control_rest
from convis_xr.kernels.gaussian import gaussian_blur
from tests.agreement import relative
from tests.kernels.tolerance import assert_near

ROUTES = ["reference", "torch", "compiled"]
CAT = {"input_amplification": 150.0, "g_leak": 5.0, "sigma_px": (1.0, 1.7), "tau": 0.01, "gain": 100.0}
CHANGES = [
    {},
    {"gain": 0.0},
    {"g_leak": 0.0},
    {"tau": 0.0},
    {"sigma_px": (0.0, 0.0)},
    {"sigma_px": (6.0, 0.0)},
    {"g_leak": 0.0, "gain": 0.0},
    {"g_leak": 1e6},
]


def movie(shape=(2, 2, 12, 5, 9), dtype=torch.float64):
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(1))


def zeros(x):
    return torch.zeros_like(x[:, :, 0]), torch.zeros_like(x[:, :, 0])


def uniform(values):
    return torch.as_tensor(values, dtype=torch.float64).view(1, 1, -1, 1, 1)


@pytest.mark.parametrize("route", ["torch", "compiled"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("change", CHANGES, ids=str)
@pytest.mark.parametrize("begun", [False, True])
def test_routes_agree_with_the_reference(route, dtype, change, begun):
    x = movie(dtype=dtype)
    state = (x[:, :, 0], x[:, :, 1] ** 2 * 20) if begun else zeros(x)
    with dispatch.force("reference"):
        v, a, end = gain_control(x, state, **(CAT | change), dt=0.002)
    with dispatch.force(route):
        actual, adaptation, new = gain_control(x, state, **(CAT | change), dt=0.002)
    for one, other in zip((actual, adaptation, *new), (v, a, *end), strict=True):
        assert_near(one, other)


@pytest.mark.parametrize("shape", [(1, 1, 3, 1, 1), (1, 3, 2, 1, 40), (2, 1, 2, 33, 17), (1, 1, 4, 70, 130)])
def test_the_compiled_route_serves_every_size(shape):
    x = movie(shape, torch.float32)
    with dispatch.force("reference"):
        expected = gain_control(x, zeros(x), **CAT, dt=0.001)
    with dispatch.force("compiled"):
        actual = gain_control(x, zeros(x), **CAT, dt=0.001)
    assert_near(actual[0], expected[0])
    assert_near(actual[1], expected[1])


@pytest.mark.parametrize("route", ["torch", "compiled"])
@given(data=st.data())
def test_any_cut_gives_the_same_bits(route, data):
    x = movie(dtype=torch.float32)
    cuts = sorted(data.draw(st.sets(st.integers(1, 11))))
    batch, channel = data.draw(st.integers(0, 1)), data.draw(st.integers(0, 1))
    with dispatch.force(route):
        whole, adaptation, _ = gain_control(x, zeros(x), **CAT, dt=0.001)
        one = x[batch : batch + 1, channel : channel + 1]
        state, parts = zeros(one), []
        for start, stop in zip([0, *cuts], [*cuts, 12], strict=True):
            *part, state = gain_control(one[:, :, start:stop], state, **CAT, dt=0.001)
            parts.append(part)
    assert torch.equal(torch.cat([part[0] for part in parts], 2)[0, 0], whole[batch, channel])
    assert torch.equal(torch.cat([part[1] for part in parts], 2)[0, 0], adaptation[batch, channel])


@pytest.mark.parametrize("route", ["torch", "compiled"])
def test_the_order_in_memory_does_not_matter(route):
    x = movie(dtype=torch.float32)
    state = (x[:, :, 0], x[:, :, 1].abs())
    turned = [part.transpose(-1, -2).contiguous().transpose(-1, -2) for part in (x, *state)]
    with dispatch.force(route):
        v, a, end = gain_control(x, state, **CAT, dt=0.001)
        other, adaptation, new = gain_control(turned[0], (turned[1], turned[2]), **CAT, dt=0.001)
    assert_near(other, v)
    assert_near(adaptation, a)
    for one, two in zip(new, end, strict=True):
        assert_near(one, two)


@pytest.mark.parametrize("route", ROUTES)
def test_the_future_does_not_change_the_past(route):
    x = movie()
    other = x.clone()
    other[:, :, 7:] = 100.0
    with dispatch.force(route):
        one, two = gain_control(x, zeros(x), **CAT, dt=0.001), gain_control(other, zeros(x), **CAT, dt=0.001)
    assert torch.equal(one[0][:, :, :7], two[0][:, :, :7])
    assert torch.equal(one[1][:, :, :7], two[1][:, :, :7])


@pytest.mark.parametrize("route", ROUTES)
def test_the_error_against_the_differential_equation_falls_with_the_step(route, agreement):
    def slope(t, y):
        return [150.0 - (5.0 + y[1]) * y[0], (100.0 * y[0] ** 2 - y[1]) / 0.01]

    times = np.linspace(0, 0.1, 101)[1:]
    exact = solve_ivp(slope, (0, 0.1), [0, 0], t_eval=times, rtol=1e-10, atol=1e-12).y
    errors = []
    for finer in (1, 2, 4, 8):
        x = uniform(np.ones(100 * finer))
        with dispatch.force(route):
            v, a, _ = gain_control(x, zeros(x), **CAT, dt=0.001 / finer)
        found = np.stack([part.flatten().numpy()[finer - 1 :: finer] for part in (v, a)])
        errors.append(np.abs(found - exact).max(1) / np.abs(exact).max(1))
    ratios = np.array(errors[:-1]) / np.array(errors[1:])
    for name, error in zip(("potential", "adaptation"), errors[-1], strict=True):
        oracle, measure = "scipy.integrate.solve_ivp", "max, of the peak, at steps of 0.125 ms"
        agreement(f"contrast gain control: {name}", oracle, measure, error, within=0.01)
    assert np.all((ratios[:, 1] > 1.9) & (ratios[:, 1] < 2.1)), ratios  # a: linearly
    assert np.all(ratios[:, 0] > 1.9), ratios  # V, which feels a half a step early and half a step late: even faster


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("leak", [0.0, 50.0])
def test_without_gain_it_is_a_leaky_integrator(route, leak, agreement):
    x = torch.ones(1, 1, 50, 2, 2, dtype=torch.float64)
    with dispatch.force(route):
        v, a, _ = gain_control(x, zeros(x), **(CAT | {"gain": 0.0, "g_leak": leak}), dt=0.001)
    t = uniform(np.arange(1, 51) * 0.001)
    exact = (150.0 / leak * (1 - torch.exp(-leak * t)) if leak else 150.0 * t).expand_as(v)
    agreement("contrast gain control, gain 0", "closed form", "relative L2", relative(v, exact), within=1e-12)
    assert not a.any()


@pytest.mark.parametrize("route", ROUTES)
def test_the_blur_acts_once_on_what_enters_the_adaptation(route):
    # A flash of one pixel: what adapts afterwards decays, and keeps the width that one blur gave it.
    x = torch.zeros(1, 1, 30, 21, 21, dtype=torch.float64)
    x[0, 0, 0, 10, 10] = 1.0
    parameters = CAT | {"g_leak": 1e9, "input_amplification": 1e9}  # V follows I at once
    with dispatch.force(route):
        _, a, _ = gain_control(x, zeros(x), **parameters, dt=0.001)
    c = math.exp(-0.1)
    once = gaussian_blur(x[:, :, 0] * 100.0, CAT["sigma_px"]) * (1 - c)
    for k in (0, 10, 29):
        torch.testing.assert_close(a[:, :, k], c**k * once, rtol=1e-6, atol=1e-12)


def test_gradients_are_those_of_small_differences():
    x = movie((1, 2, 4, 3, 3)).requires_grad_()
    state = [part.requires_grad_() for part in (movie((1, 2, 3, 3)), movie((1, 2, 3, 3)).abs() * 10)]
    leaves = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (150.0, 5.0, 0.8, 0.6, 0.01, 100.0)]

    def run(x, v, a, amplification, leak, sigma_y, sigma_x, tau, gain):
        out, adaptation, end = gain_control(
            x, (v, a), input_amplification=amplification, g_leak=leak, sigma_px=(sigma_y, sigma_x), tau=tau, gain=gain,
            dt=0.002,
        )  # fmt: skip
        return out, adaptation, *end

    assert torch.autograd.gradcheck(run, (x, *state, *leaves), rtol=1e-4)


@pytest.mark.parametrize("zero", ["gain", "g_leak", "tau"])
def test_gradients_are_finite_where_a_parameter_is_zero(zero):
    leaves = {k: torch.tensor(v, dtype=torch.float64, requires_grad=True) for k, v in CAT.items() if k != "sigma_px"}
    leaves[zero] = torch.tensor(0.0, dtype=torch.float64, requires_grad=True)
    x = movie()
    v, a, _ = gain_control(x, zeros(x), **leaves, sigma_px=CAT["sigma_px"], dt=0.001)
    (v.sum() + a.sum()).backward()
    assert all(leaf.grad.isfinite() for leaf in leaves.values())
    assert zero == "tau" or leaves[zero].grad != 0


@pytest.mark.parametrize("route", ROUTES)
def test_the_adaptation_is_left_out_when_not_wanted(route):
    x = movie()
    with dispatch.force(route):
        v, a, state = gain_control(x, zeros(x), **CAT, dt=0.001)
        w, nothing, other = gain_control(x, zeros(x), **CAT, dt=0.001, with_adaptation=False)
    assert nothing is None
    assert torch.equal(v, w)
    assert all(torch.equal(one, two) for one, two in zip(state, other, strict=True))
    assert torch.equal(a[:, :, -1], state[1])


@pytest.mark.parametrize("route", ROUTES)
def test_no_sample_leaves_the_state_alone(route):
    x = movie()
    state = (x[:, :, 0], x[:, :, 1].abs())
    with dispatch.force(route):
        v, a, end = gain_control(x[:, :, :0], state, **CAT, dt=0.001)
    assert v.shape == a.shape == (2, 2, 0, 5, 9)
    assert all(torch.equal(one, two) for one, two in zip(state, end, strict=True))


@pytest.mark.parametrize("route", ROUTES)
def test_not_a_number_is_not_hidden(route):
    x = movie()
    x[0, 0, 3, 2, 2] = math.nan
    with dispatch.force(route):
        v, _, _ = gain_control(x, zeros(x), **CAT, dt=0.001)
    assert v[0, 0, 3:, 2, 2].isnan().all()
    assert v[0, 1].isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "change", [{}, {"g_leak": 0.0}, {"gain": 0.0}, {"gain": 1e6}, {"sigma_px": (0.0, 0.0)}], ids=str
)
def test_rest_stays_at_rest(dtype, change):
    frame = movie((2, 2, 9, 8), dtype)
    frame[0, 0, :3] = 0
    parameters = CAT | change
    if parameters["sigma_px"] == (0.0, 0.0) and parameters["g_leak"] == 0:
        frame[0, 0, :3] = 1
    tau = parameters.pop("tau")
    v, a = gain_control_rest(frame, **parameters)
    out, adaptation, _ = gain_control(
        frame[:, :, None].expand(-1, -1, 50, -1, -1), (v, a), **parameters, tau=tau, dt=0.001
    )
    tolerance = {"rtol": 5e-5, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 1e-10, "atol": 1e-12}
    torch.testing.assert_close(out[:, :, -1], v, **tolerance)
    torch.testing.assert_close(adaptation[:, :, -1], a, **tolerance)


def test_rest_of_a_frame_does_not_depend_on_its_batch():
    frames = movie((3, 2, 6, 7)) * torch.tensor([1e-6, 1.0, 1e4], dtype=torch.float64)[:, None, None, None]
    parameters = {name: value for name, value in CAT.items() if name != "tau"}
    v, a = gain_control_rest(frames, **parameters)
    for i in range(3):
        one = gain_control_rest(frames[i : i + 1], **parameters)
        assert torch.equal(one[0], v[i : i + 1])
        assert torch.equal(one[1], a[i : i + 1])


@pytest.mark.parametrize("gain", [0.0, 1e-6, 100.0])
@pytest.mark.parametrize("leak", [5.0, 50.0])
def test_gradients_of_the_rest_are_those_of_the_equation(leak, gain):
    """Of a uniform frame: a (g0 + a)^2 = gain (A I)^2, solved and differentiated by hand."""
    amplification, current = 150.0, 0.3
    values = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (amplification, leak, gain)]
    frame = torch.full((1, 1, 3, 4), current, dtype=torch.float64)
    v, a = gain_control_rest(
        frame, input_amplification=values[0], g_leak=values[1], sigma_px=(1.0, 1.0), gain=values[2]
    )
    drive = amplification * current
    real = max(float(r.real) for r in np.roots([1, 2 * leak, leak**2, -gain * drive**2]) if abs(r.imag) < 1e-9)
    np.testing.assert_allclose(float(a[0, 0, 1, 1].detach()), real, rtol=1e-9, atol=1e-12)
    slope = (leak + real) ** 2 + 2 * real * (leak + real)
    by_a = [2 * gain * amplification * current**2 / slope, -2 * real * (leak + real) / slope, drive**2 / slope]
    got = torch.autograd.grad(a[0, 0, 1, 1], values, retain_graph=True)
    np.testing.assert_allclose([float(g) for g in got], by_a, rtol=1e-9, atol=1e-12)
    by_v = [current / (leak + real), -drive / (leak + real) ** 2, 0.0]
    wanted = [direct - drive / (leak + real) ** 2 * through for direct, through in zip(by_v, by_a, strict=True)]
    got = torch.autograd.grad(v[0, 0, 1, 1], values)
    np.testing.assert_allclose([float(g) for g in got], wanted, rtol=1e-9, atol=1e-12)


def test_rest_in_the_dark_and_without_any_leak():
    parameters = {"input_amplification": 150.0, "sigma_px": (1.0, 1.0), "g_leak": 0.0}
    v, a = gain_control_rest(torch.zeros(1, 1, 4, 4), gain=100.0, **parameters)
    assert not v.any()
    assert not a.any()
    with pytest.raises(ValueError, match="g_leak: wanted a leak or a gain above 0"):
        gain_control_rest(torch.ones(1, 1, 4, 4), gain=0.0, **parameters)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dt": 0.0}, "dt: wanted a finite number above 0"),
        ({"g_leak": -1.0}, "g_leak: wanted a finite number of 0 or more"),
        ({"gain": math.inf}, "gain: wanted a finite number"),
        ({"tau": -0.1}, "tau: wanted a finite number of 0 or more"),
        ({"input_amplification": math.nan}, "input_amplification: wanted a finite number"),
        ({"sigma_px": (-1.0, 0.0)}, "sigma_px: wanted a standard deviation"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    x = movie()
    with pytest.raises(ValueError, match=message):
        gain_control(x, zeros(x), **({**CAT, "dt": 0.001} | change))


def test_a_state_or_movie_of_another_kind_is_refused():
    x = movie()
    with pytest.raises(ValueError, match=r"state \(a\): wanted torch.float64 of shape \(2, 2, 5, 9\)"):
        gain_control(x, (zeros(x)[0], torch.zeros(2, 2, 5, 8)), **CAT, dt=0.001)
    with pytest.raises(ValueError, match="x: wanted a floating point tensor"):
        gain_control(x[0], zeros(x), **CAT, dt=0.001)
