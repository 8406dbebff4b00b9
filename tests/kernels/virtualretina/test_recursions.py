"""The recursions of VirtualRetina's convention: routes against the definition, cuts, rest, gradients, bad input."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from convis_xr.kernels.deriche import deriche_blur
from convis_xr.kernels.dispatch import force
from convis_xr.kernels.recursion import low_pass
from convis_xr.kernels.virtualretina import late, late_gain_control, leaky_low_pass, leaky_rest
from tests.kernels.tolerance import assert_near

DT = 0.002
CAT = {"input_amplification": 150.0, "g_leak": 5.0, "sigma_px": (1.0, 1.7), "tau": 0.01, "gain": 100.0}
CHANGES = [
    {},
    {"gain": 0.0},
    {"g_leak": 0.0},
    {"g_leak": 0.0, "gain": 0.0},
    {"tau": 0.0},
    {"sigma_px": (0.0, 0.05)},
    {"gain": 1e9},
]
every_fast_route = pytest.mark.parametrize("route", ["torch", "compiled"])


def movie(shape: tuple[int, ...] = (2, 2, 8, 5, 9)) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@every_fast_route
@pytest.mark.parametrize("sigma", [(1.5, 1.5), (0.0, 2.0), (0.2, 0.2)], ids=str)
@pytest.mark.parametrize("shape", [(2, 2, 8, 5, 9), (1, 1, 3, 1, 1), (1, 1, 3, 1, 20), (1, 1, 3, 33, 18)], ids=str)
def test_leaky_low_pass_is_its_definition(
    route: str, sigma: tuple[float, float], shape: tuple[int, int, int, int, int]
) -> None:
    x = movie(shape)
    with force("reference"):
        wanted, end = leaky_low_pass(x, x[:, :, 1], 0.01, sigma, DT)
    with force(route):
        got, state = leaky_low_pass(x, x[:, :, 1], 0.01, sigma, DT)
    assert_near(got, wanted)
    assert_near(state, end)


def test_where_each_step_blurs_too_little_time_alone_is_left() -> None:
    """Nothing is blurred where the width of one step is below 0.1 px: 0.2 px sqrt(2 ms / 10 ms)."""
    x = movie()
    assert 0.2 * (DT / 0.01) ** 0.5 < 0.1
    got, _ = leaky_low_pass(x, x[:, :, 0], 0.01, (0.2, 0.2), DT)
    assert_near(got, low_pass(x, x[:, :, 0], 0.01, DT)[0])


@pytest.mark.parametrize("tau", [0.0005, 0.01, 1.0])
def test_leaky_rest_stays(tau: float) -> None:
    frame = movie()[:, :, 0]
    rest = leaky_rest(frame, tau, (1.2, 0.8), DT)
    after, _ = leaky_low_pass(frame.unsqueeze(2).expand(-1, -1, 5, -1, -1), rest, tau, (1.2, 0.8), DT)
    assert_near(after, rest.unsqueeze(2).expand_as(after))
    grey = torch.full_like(frame, 127.5)
    assert torch.equal(leaky_rest(grey, tau, (1.2, 0.8), DT), grey)


@every_fast_route
@pytest.mark.parametrize("change", CHANGES, ids=str)
@pytest.mark.parametrize("begun", [False, True])
def test_gain_control_is_its_definition(route: str, change: dict[str, float], begun: bool) -> None:
    x = movie()
    state = (x[:, :, 0], x[:, :, 1] ** 2 * 20) if begun else (torch.zeros_like(x[:, :, 0]),) * 2
    with force("reference"):
        v, a, end = late_gain_control(x, state, **(CAT | change), dt=DT)
    with force(route):
        got, adaptation, new = late_gain_control(x, state, **(CAT | change), dt=DT)
        bare, none, _ = late_gain_control(x, state, **(CAT | change), dt=DT, with_adaptation=False)
    for one, other in zip((got, adaptation, *new), (v, a, *end), strict=True):
        assert_near(one, other)
    assert none is None
    assert torch.equal(bare, got)


def test_adaptation_reads_the_potential_of_one_step_before() -> None:
    x = torch.zeros(1, 1, 3, 4, 5, dtype=torch.float64)
    x[:, :, 0, 2, 2] = 1.0
    zeros = torch.zeros_like(x[:, :, 0])
    v, a, _ = late_gain_control(x, (zeros, zeros), **CAT, dt=DT)
    assert a is not None
    assert float(v[0, 0, 0].max()) > 0
    assert float(a[0, 0, 0].abs().max()) == 0
    q = 100.0 * v[:, :, 0] ** 2
    assert_near(a[:, :, 1], -math.expm1(-DT / 0.01) * deriche_blur(q / (1 + q / 5e5), (1.0, 1.7)))


@given(cut=st.integers(1, 7), unit=st.integers(0, 1))
def test_any_cut_gives_the_same_bits(cut: int, unit: int) -> None:
    x = movie()
    zeros = torch.zeros_like(x[:, :, 0])
    v, _, end = late_gain_control(x, (zeros, zeros), **CAT, dt=DT)
    y, last = leaky_low_pass(x, zeros, 0.01, (1.1, 0.9), DT)
    one = x[unit : unit + 1]
    state, held = (zeros[:1], zeros[:1]), zeros[:1]
    vs, ys = [], []
    for part in one.split([cut, 8 - cut], 2):
        potential, _, state = late_gain_control(part, state, **CAT, dt=DT)
        smooth, held = leaky_low_pass(part, held, 0.01, (1.1, 0.9), DT)
        vs.append(potential)
        ys.append(smooth)
    for got, wanted in ((vs, v), (ys, y)):
        assert torch.equal(torch.cat(got, 2), wanted[unit : unit + 1])
    for state_got, wanted_end in zip((*state, held), (*end, last), strict=True):
        assert torch.equal(state_got, wanted_end[unit : unit + 1])


def test_a_late_link_carries_its_last_sample() -> None:
    x = movie()
    whole, last = late(x, x[:, :, 3])
    assert torch.equal(whole[:, :, 0], x[:, :, 3])
    assert torch.equal(whole[:, :, 1:], x[:, :, :-1])
    first, before = late(x[:, :, :3], x[:, :, 3])
    second, end = late(x[:, :, 3:], before)
    assert torch.equal(torch.cat([first, second], 2), whole)
    assert torch.equal(end, last)


def test_gradients() -> None:
    x = movie((1, 1, 4, 3, 4)).requires_grad_()
    values = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (0.01, 1.5, 150.0, 5.0, 100.0)]

    def leaky(x: torch.Tensor, tau: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        rest = leaky_rest(x[:, :, 0], tau, (sigma, sigma), DT)
        return leaky_low_pass(x, rest, tau, (sigma, sigma), DT)[0]

    def gain(x: torch.Tensor, tau: torch.Tensor, sigma: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
        start = (x[:, :, 0] * 0, x[:, :, 0] ** 2)
        v, a, _ = late_gain_control(
            x, start, input_amplification=rest[0], g_leak=rest[1], sigma_px=(sigma, sigma), tau=tau, gain=rest[2], dt=DT
        )
        assert a is not None
        return torch.stack([v, a])

    assert torch.autograd.gradcheck(leaky, (x, *values[:2]))
    assert torch.autograd.gradcheck(gain, (x, *values))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tau": 0.0}, "tau: wanted a finite time above 0 s"),
        ({"dt": 0.0}, "dt: wanted a finite time above 0 s"),
        ({"sigma_px": (-1.0, 1.0)}, "sigma_px: wanted a finite width"),
        ({"x": torch.zeros(1, 1, 2, 3, 3)}, "x: wanted float64"),
        ({"state": torch.zeros(1, 1, 3, 4, dtype=torch.float64)}, "state: wanted torch.float64"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, object], message: str) -> None:
    x = torch.zeros(1, 1, 2, 3, 3, dtype=torch.float64)
    given = {"x": x, "state": x[:, :, 0], "tau": 0.01, "sigma_px": (1.0, 1.0), "dt": DT} | change
    with pytest.raises(ValueError, match=message):
        leaky_low_pass(**given)  # type: ignore[arg-type]


def test_gain_control_refuses_what_does_not_fit() -> None:
    x = torch.zeros(1, 1, 2, 3, 3, dtype=torch.float64)
    state = (x[:, :, 0], x[:, :, 0])
    for change, message in (({"gain": -1.0}, "gain"), ({"sigma_px": (1.0, -1.0)}, "sigma_px"), ({"tau": -1.0}, "tau")):
        with pytest.raises(ValueError, match=f"late_gain_control: {message}: wanted"):
            late_gain_control(x, state, **(CAT | change), dt=DT)
    with pytest.raises(ValueError, match="late_gain_control: x: wanted float64"):
        late_gain_control(x.float(), state, **CAT, dt=DT)
