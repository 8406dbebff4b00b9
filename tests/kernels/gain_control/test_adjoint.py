"""The adjoint of the gain control, written by hand: it has the gradients of torch and of small differences."""

from __future__ import annotations

import math

import pytest
import torch

from convis_xr.kernels import dispatch
from convis_xr.kernels.gain_control import gain_control
from tests.kernels.tolerance import TOLERANCE

CAT = {"input_amplification": 150.0, "g_leak": 5.0, "sigma_y": 1.0, "sigma_x": 1.7, "tau": 0.01, "gain": 100.0}
NAMES = ("x", "v", "a", *CAT)
CHANGES = [
    {},
    {"gain": 0.0},
    {"g_leak": 0.0},
    {"tau": 0.0},
    {"tau": 10.0},
    {"sigma_y": 0.0, "sigma_x": 0.0},
    {"sigma_y": 6.0, "sigma_x": 0.0},
    {"g_leak": 0.0, "gain": 0.0},
    {"g_leak": 1e3},
    {"input_amplification": 0.0},
]
SHAPES = [(1, 1, 1, 1, 1), (1, 1, 3, 1, 7), (2, 3, 5, 7, 1), (1, 2, 7, 5, 11), (1, 1, 4, 3, 37), (1, 1, 3, 41, 17)]


def leaves(shape, dtype, change, begun=True):
    """Everything that the gain control is differentiable in."""
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(shape, dtype=torch.float64, generator=generator)
    v, a = torch.randn((2, *shape[:2], *shape[3:]), dtype=torch.float64, generator=generator)
    state = (v, a**2 * 20) if begun else (v * 0, a * 0)
    numbers = (torch.tensor(value, dtype=torch.float64) for value in (CAT | change).values())
    return [part.requires_grad_() for part in (*(part.to(dtype) for part in (x, *state)), *numbers)]


def run(x, v, a, amplification, leak, sigma_y, sigma_x, tau, gain):
    out, adaptation, end = gain_control(
        x, (v, a), input_amplification=amplification, g_leak=leak, sigma_px=(sigma_y, sigma_x), tau=tau, gain=gain,
        dt=0.002,
    )  # fmt: skip
    return out, adaptation, *end


def gradients(route, given, which=slice(None), dtype=torch.float64):
    """Gradients of a loss of the outputs chosen, each of which has weights of its own, with all else that is known."""
    generator = torch.Generator().manual_seed(3)
    with dispatch.force(route):
        outputs = run(*given)
    weights = [torch.randn(y.shape, dtype=torch.float64, generator=generator).to(y) for y in outputs]
    loss = sum((y * weight).sum() for y, weight in list(zip(outputs, weights, strict=True))[which])
    return outputs, torch.autograd.grad(loss, given, allow_unused=True, materialize_grads=True)


def same(name, one, other, dtype=torch.float64):
    """Compare gradients, in units of the largest of their kind."""
    scale = max(float(other.abs().max()), 1e-3)
    message = f"{name}: {{}}".format
    torch.testing.assert_close(one.double() / scale, other.double() / scale, **TOLERANCE[dtype], msg=message)


@pytest.mark.parametrize("change", CHANGES, ids=str)
@pytest.mark.parametrize("begun", [False, True])
def test_gradients_are_those_of_torch(change, begun):
    given = leaves((2, 2, 13, 5, 9), torch.float64, change, begun)
    _, wanted = gradients("torch", given)
    _, actual = gradients("compiled", given)
    for name, one, other in zip(NAMES, actual, wanted, strict=True):
        same(name, one, other)


@pytest.mark.parametrize("steps", [31, 32, 33, 97])
def test_blocks_of_time_change_no_gradient(steps):
    """Those of the widths are made a block of steps at a time."""
    given = leaves((2, 1, steps, 3, 5), torch.float64, {})
    _, wanted = gradients("torch", given)
    _, actual = gradients("compiled", given)
    for name, one, other in zip(NAMES, actual, wanted, strict=True):
        same(name, one, other)


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_gradients_in_single_precision_are_those_in_double(change):
    wide, narrow = (leaves((2, 2, 13, 5, 9), dtype, change) for dtype in (torch.float64, torch.float32))
    with torch.no_grad():
        for one, other in zip(wide, narrow, strict=True):
            one.copy_(other)
    _, wanted = gradients("compiled", wide)
    _, actual = gradients("compiled", narrow)
    for name, one, other in zip(NAMES, actual, wanted, strict=True):
        same(name, one, other, torch.float32)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_gradients_are_those_of_small_differences(shape):
    change = {"sigma_y": 0.8, "sigma_x": 2.1}
    assert torch.autograd.gradcheck(run, leaves(shape, torch.float64, change), fast_mode=True, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "which", [slice(0, 1), slice(1, 2), slice(2, 3), slice(3, 4)], ids=["v", "a", "end v", "end a"]
)
def test_every_output_has_its_gradient_alone(which):
    given = leaves((1, 2, 6, 4, 5), torch.float64, {})
    _, wanted = gradients("torch", given, which)
    _, actual = gradients("compiled", given, which)
    for name, one, other in zip(NAMES, actual, wanted, strict=True):
        same(name, one, other)


@pytest.mark.parametrize("name", NAMES)
def test_each_gradient_is_the_same_alone(name):
    given = leaves((1, 2, 6, 4, 5), torch.float64, {})
    _, together = gradients("compiled", given)
    for one, other in zip(NAMES, given, strict=True):
        other.requires_grad_(one == name)
    generator = torch.Generator().manual_seed(3)
    with dispatch.force("compiled"):
        outputs = run(*given)
    loss = sum((y * torch.randn(y.shape, dtype=torch.float64, generator=generator)).sum() for y in outputs)
    [alone] = torch.autograd.grad(loss, [given[NAMES.index(name)]])
    assert torch.equal(alone, together[NAMES.index(name)])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_numbers_have_the_same_bits_as_without_a_gradient(dtype):
    given = leaves((2, 2, 13, 5, 9), dtype, {})
    with dispatch.force("compiled"):
        followed = run(*given)
        with torch.no_grad():
            plain = run(*given)
    assert all(torch.equal(one, other) for one, other in zip(followed, plain, strict=True))


def test_a_chain_of_chunks_has_the_gradient_of_the_whole():
    x, v, a, *rest = leaves((1, 2, 11, 4, 6), torch.float64, {})
    with dispatch.force("compiled"):
        whole = run(x, v, a, *rest)[0]
        parts, state = [], (v, a)
        for start, stop in ((0, 1), (1, 4), (4, 11)):
            out, _, *state = run(x[:, :, start:stop], *state, *rest)
            parts.append(out)
    weight = torch.randn_like(whole)
    wanted = torch.autograd.grad((whole * weight).sum(), (x, v, a, *rest))
    actual = torch.autograd.grad((torch.cat(parts, 2) * weight).sum(), (x, v, a, *rest))
    for name, one, other in zip(NAMES, actual, wanted, strict=True):
        same(name, one, other)


def test_movies_and_threads_do_not_change_a_bit():
    given = leaves((2, 2, 70, 5, 9), torch.float32, {})
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(gradients("compiled", given)[1])
    finally:
        torch.set_num_threads(before)
    for one, two, three in zip(*found, strict=True):
        assert torch.equal(one, two)
        assert torch.equal(one, three)


def test_order_in_memory_does_not_matter():
    given = leaves((1, 2, 6, 4, 5), torch.float64, {})
    turned = [
        part.detach().transpose(-1, -2).contiguous().transpose(-1, -2).requires_grad_() if part.dim() else part
        for part in given
    ]
    for one, other in zip(gradients("compiled", turned)[1], gradients("compiled", given)[1], strict=True):
        assert torch.equal(one, other)


def test_no_sample_hands_the_gradient_of_the_state_on():
    given = leaves((1, 2, 0, 4, 5), torch.float64, {})
    _, (x, v, a, *rest) = gradients("compiled", given)
    _, wanted = gradients("torch", given)
    assert x.shape == given[0].shape
    assert torch.equal(v, wanted[1])
    assert torch.equal(a, wanted[2])
    assert not any(part.any() for part in rest)


def test_not_a_number_stays_in_its_movie():
    given = leaves((2, 2, 6, 4, 5), torch.float32, {})
    with torch.no_grad():
        given[0][0, 1, 3, 2, 2] = math.nan
    x, v, a, *_ = gradients("compiled", given)[1]
    assert x[0, 1, 3, 2, 2].isnan()
    for part in (x, v, a):
        assert part[0, 0].isfinite().all()
        assert part[1].isfinite().all()


def test_without_gain_not_a_number_stays_in_its_pixel():
    given = leaves((1, 1, 6, 4, 5), torch.float32, {"gain": 0.0})
    given[-1].requires_grad_(False)
    with torch.no_grad():
        given[0][0, 0, 3, 2, 2] = math.nan
    with dispatch.force("compiled"):
        out = run(*given)[0]
    [x] = torch.autograd.grad(out.sum(), given[:1])
    there = torch.zeros(4, 5, dtype=torch.bool)
    there[2, 2] = True
    assert torch.equal(x.isnan().any(2)[0, 0], there)
