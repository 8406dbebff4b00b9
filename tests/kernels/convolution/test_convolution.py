"""Causal convolution: both methods against the definition, and the definition against scipy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import convolve
from scipy.signal import fftconvolve, lfilter
from torch import Tensor
from torch.autograd import gradcheck

from convis_xr.kernels.convolution import causal_convolution, fourier
from convis_xr.kernels.dispatch import Route, force
from tests.agreement import Agreement, relative
from tests.kernels.tolerance import assert_near

methods = pytest.mark.parametrize("method", ["direct", "fourier", "low_rank", None])
#: (batch, in, time, y, x), (out, in, lag, ky, kx)
CASES = [
    ((1, 1, 1, 1, 1), (1, 1, 1, 1, 1)),
    ((2, 1, 4, 3, 5), (1, 1, 6, 1, 1)),
    ((1, 2, 7, 6, 4), (3, 2, 1, 4, 3)),
    ((2, 2, 5, 4, 7), (2, 2, 3, 2, 5)),
    ((1, 1, 3, 2, 2), (1, 1, 4, 5, 7)),
    ((1, 1, 90, 2, 3), (1, 1, 20, 1, 2)),
    ((1, 3, 70, 1, 2), (2, 3, 37, 1, 1)),
    ((1, 1, 2, 5, 6), (1, 1, 2, 1, 4)),
    ((1, 1, 2, 5, 6), (1, 1, 1, 3, 1)),
    ((2, 2, 71, 13, 17), (3, 2, 6, 5, 4)),
]
routes = pytest.mark.parametrize("route", ["torch", "compiled"])


def example(
    shape: tuple[int, ...], kernel: tuple[int, ...], dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor, Tensor]:
    source = torch.Generator().manual_seed(sum(shape) + sum(kernel))
    past = (*shape[:2], kernel[2] - 1, *shape[3:])
    return tuple(  # type: ignore[return-value]
        torch.randn(size, dtype=torch.float64, generator=source).to(dtype) for size in (shape, past, kernel)
    )


@pytest.mark.parametrize(("shape", "kernel"), CASES)
@methods
@routes
def test_methods_agree_with_the_definition(
    shape: tuple[int, ...], kernel: tuple[int, ...], method: str | None, route: Route
) -> None:
    operands = example(shape, kernel)
    before = [operand.clone() for operand in operands]
    with force("reference"):
        wanted = causal_convolution(*operands)
    single = [operand.float() for operand in operands]
    with force(route):
        got = causal_convolution(*operands, method=method)
        rough, _ = causal_convolution(*single, method=method)
    for actual, expected in zip(got, wanted, strict=True):
        assert_near(actual, expected)
    assert all(map(torch.equal, operands, before))
    assert relative(rough.double(), wanted[0]) < 1e-6


def gradients(operands: Sequence[Tensor], method: str | None) -> list[Tensor]:
    leaves = [operand.clone().requires_grad_() for operand in operands]
    y, history = causal_convolution(*leaves, method=method)
    return list(torch.autograd.grad((y**2).sum() / y.shape[2] + (history**3).sum(), leaves, materialize_grads=True))


@pytest.mark.parametrize(("shape", "kernel"), [*CASES[:7], CASES[-1]])
@methods
@routes
def test_gradients_agree_with_the_definition(
    shape: tuple[int, ...], kernel: tuple[int, ...], method: str | None, route: Route
) -> None:
    operands = example(shape, kernel)
    if (method, route) == ("low_rank", "torch"):
        with force(route), pytest.raises(ValueError, match=r"method: wanted 'direct' or 'fourier' in torch where"):
            gradients(operands, method)
        return
    with force("reference"):
        wanted = gradients(operands, None)
    with force(route):
        got = gradients(operands, method)
        rough = gradients([operand.float() for operand in operands], method)
    for fast, single, reference in zip(got, rough, wanted, strict=True):
        assert_near(fast, reference)
        assert fast.shape == single.shape
        assert float((single - reference).norm()) <= 3e-6 * float(reference.norm())


def test_low_rank_gives_the_gradient_of_the_movie_in_torch_too() -> None:
    x, history, weight = example((1, 2, 7, 6, 4), (3, 2, 2, 4, 3))
    found = []
    for route in ("reference", "torch", "compiled"):
        leaf = x.clone().requires_grad_()
        with force(route):  # type: ignore[arg-type]
            y, _ = causal_convolution(leaf, history, weight, method="low_rank")
        found.append(torch.autograd.grad((y**2).sum(), leaf)[0])
    assert_near(found[1], found[0])
    assert_near(found[2], found[0])


@methods
def test_a_movie_that_is_not_in_one_piece_is_read_right(method: str | None) -> None:
    operands = example((2, 2, 5, 4, 7), (2, 2, 3, 2, 5))
    scattered = [operand.transpose(1, 4).contiguous().transpose(1, 4) for operand in operands]
    for got, wanted in zip(
        (*causal_convolution(*scattered, method=method), *gradients(scattered, method)),
        (*causal_convolution(*operands, method=method), *gradients(operands, method)),
        strict=True,
    ):
        assert_near(got, wanted)


@methods
def test_the_number_of_threads_does_not_matter(method: str | None) -> None:
    operands = example((1, 1, 90, 5, 6), (2, 1, 7, 3, 2))
    before, found = torch.get_num_threads(), []
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            found.append([causal_convolution(*operands, method=method)[0], *gradients(operands, method)])
    finally:
        torch.set_num_threads(before)
    for one, three in zip(*found, strict=True):
        assert_near(three, one)


@methods
def test_gradients_are_right(method: str | None) -> None:
    leaves = [operand.requires_grad_() for operand in example((1, 1, 3, 2, 3), (2, 1, 2, 2, 3))]
    assert gradcheck(lambda *operands: causal_convolution(*operands, method=method), leaves)


@pytest.mark.parametrize("size", [(3, 5), (4, 2), (1, 4), (9, 11)])
@methods
def test_in_space_it_is_scipys_convolve_with_nearest_edges(
    size: tuple[int, int], method: str | None, agreement: Agreement
) -> None:
    x, history, weight = example((1, 1, 1, 8, 6), (1, 1, 1, *size))
    expected = convolve(x[0, 0, 0].numpy(), weight[0, 0, 0].numpy(), mode="nearest")
    error = float(np.abs(causal_convolution(x, history, weight, method=method)[0][0, 0, 0].numpy() - expected).max())
    agreement("convolution in space", "scipy.ndimage.convolve, mode nearest", "max", error, within=1e-12)


@pytest.mark.parametrize("lag", [1, 5, 150])
@methods
def test_in_time_it_is_scipys_lfilter(lag: int, method: str | None, agreement: Agreement) -> None:
    x, history, weight = example((1, 1, 100, 2, 2), (1, 1, lag, 1, 1))
    expected = lfilter(weight.flatten().numpy(), [1.0], x.numpy(), axis=2)
    y, _ = causal_convolution(x, torch.zeros_like(history), weight, method=method)
    error = relative(y, expected)
    agreement("convolution in time", "scipy.signal.lfilter", "relative L2", error, within=1e-12)


def test_inside_the_frame_it_is_the_full_convolution() -> None:
    x, history, weight = example((1, 1, 12, 10, 11), (1, 1, 4, 3, 4))
    full = fftconvolve(x[0, 0].numpy(), weight[0, 0].numpy())[:12, 1 : 1 + 10, 2 : 2 + 11]
    y, _ = causal_convolution(x, torch.zeros_like(history), weight)
    assert_near(y[0, 0, :, 2:-2, 2:-2], torch.from_numpy(full[:, 2:-2, 2:-2].copy()))


@methods
def test_an_impulse_gives_back_the_kernel(method: str | None) -> None:
    _, history, weight = example((1, 1, 6, 9, 9), (1, 1, 4, 3, 4))
    x = torch.zeros(1, 1, 6, 9, 9, dtype=torch.float64)
    x[0, 0, 1, 4, 4] = 1
    y, _ = causal_convolution(x, torch.zeros_like(history), weight, method=method)
    assert_near(y[0, 0, 1:5, 3:6, 2:6], weight[0, 0])
    assert abs(float(y.sum() - weight.sum())) < 1e-12


@methods
@given(data=st.data(), case=st.sampled_from(CASES[1:7]))
def test_any_cut_of_time_gives_the_same_numbers(
    method: str | None, data: st.DataObject, case: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    x, history, weight = example(*case, dtype=torch.float32)
    whole, end = causal_convolution(x, history, weight, method=method)
    cuts = data.draw(st.lists(st.integers(1, x.shape[2]), max_size=5).map(lambda cuts: sorted(set(cuts))))
    pieces, carried = [], history
    for start, stop in zip([0, *cuts], [*cuts, x.shape[2]], strict=True):
        if stop > start:
            y, carried = causal_convolution(x[:, :, start:stop], carried, weight, method=method)
            pieces.append(y)
    assert relative(torch.cat(pieces, 2), whole) < 1e-6
    assert torch.equal(carried, end)


def test_a_long_kernel_in_time_takes_a_few_rows_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    x, history, weight = example((1, 2, 40, 7, 3), (2, 2, 9, 1, 1))
    whole, _ = causal_convolution(x, history, weight, method="fourier")
    monkeypatch.setattr(fourier, "_SAMPLES", 2 * 40 * 3)
    assert_near(causal_convolution(x, history, weight, method="fourier")[0], whole)


@pytest.mark.parametrize("kernel", [(1, 1, 300, 1, 1), (1, 1, 30, 7, 7)])
def test_long_kernels_of_a_bright_movie_keep_their_digits_when_cut(kernel: tuple[int, ...]) -> None:
    x, history, weight = example((1, 1, 120, 12, 12), kernel, dtype=torch.float32)
    x = x + 3  # a mean that the kernel, which has none, must take away
    whole, _ = causal_convolution(x, history, weight)
    pieces, carried = [], history
    for chunk in x.split(1, dim=2):
        y, carried = causal_convolution(chunk, carried, weight)
        pieces.append(y)
    assert relative(torch.cat(pieces, 2), whole) < 1e-6


@pytest.mark.parametrize("method", ["direct", "fourier", None])
def test_many_taps_of_a_bright_movie_keep_their_digits(method: str | None) -> None:
    x, history, weight = example((1, 1, 3, 24, 24), (1, 1, 100, 11, 11))
    x, history = x / 3 + 3, history / 3 + 3
    wanted, _ = causal_convolution(x, history, weight, method="fourier")
    y, _ = causal_convolution(x.float(), history.float(), weight.float(), method=method)
    assert relative(y.double(), wanted) < 1e-6


def test_the_future_does_not_change_the_past() -> None:
    x, history, weight = example((1, 1, 9, 4, 4), (1, 1, 3, 1, 1))
    changed = x.clone()
    changed[:, :, 6:] += 1
    first, second = (causal_convolution(movie, history, weight)[0] for movie in (x, changed))
    assert torch.equal(first[:, :, :6], second[:, :, :6])
    assert np.all((first != second)[:, :, 6].numpy())


@pytest.mark.parametrize("kernel", [(1, 1, 9, 1, 1), (1, 1, 1200, 1, 1), (1, 1, 5, 3, 3), (2, 1, 20, 7, 7)])
def test_what_is_not_finite_stays_where_the_kernel_takes_it(kernel: tuple[int, ...]) -> None:
    x, history, weight = example((1, 1, 60, 7, 8), kernel)
    wanted, _ = causal_convolution(x, history, weight)
    broken = x.clone()
    broken[0, 0, 40, 3, 3] = float("nan")
    got, _ = causal_convolution(broken, history, weight)
    assert_near(got[:, :, :40], wanted[:, :, :40])
    far = got[0, 0, 40:, :, -1]  # a pixel that no kernel of these carries it to
    assert bool(far.isfinite().all())
    assert bool(got[0, 0, 40:, 3, 3].isnan().any())


def test_what_does_not_fit_is_refused() -> None:
    x, history, weight = example((1, 2, 3, 4, 4), (1, 2, 3, 1, 1))
    with pytest.raises(ValueError, match=r"causal_convolution: x: wanted a floating point tensor"):
        causal_convolution(x[0], history, weight)
    with pytest.raises(ValueError, match=r"x: .*none of them empty"):
        causal_convolution(x[:, :, :0], history, weight)
    with pytest.raises(ValueError, match=r"weight: wanted torch.float64 of shape \(out, 2, lag, y, x\)"):
        causal_convolution(x, history, weight[:, :1])
    with pytest.raises(ValueError, match=r"weight: wanted torch.float64 .* got torch.float32"):
        causal_convolution(x, history, weight.float())
    with pytest.raises(ValueError, match=r"history: wanted .* \(1, 2, 2, 4, 4\)"):
        causal_convolution(x, history[:, :, :1], weight)
    with pytest.raises(ValueError, match=r"method: wanted 'direct', 'fourier', 'low_rank' or None, got 'fft'"):
        causal_convolution(x, history, weight, method="fft")  # type: ignore[arg-type]
