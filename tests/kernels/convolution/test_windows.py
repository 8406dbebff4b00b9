"""Windows of time: what slices give and hand back, at a cost that is linear in the length of the movie."""

from __future__ import annotations

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from convis_xr.kernels.convolution import causal_convolution, receptive_field
from convis_xr.kernels.convolution.windows import windows
from convis_xr.kernels.dispatch import force

SPANS = [(0, 3), (2, 5), (4, 5)]


def test_they_are_slices_and_hand_back_what_slices_do():
    past = torch.randn(2, 3, 6, 1, 2, dtype=torch.float64, requires_grad=True)
    parts = windows(past, SPANS)
    sliced = [past[:, :, start:stop] for start, stop in SPANS]
    found = []
    for pieces in (parts, sliced):
        loss = sum((k + 1) * (piece**2).sum() for k, piece in enumerate(pieces))
        found.append(torch.autograd.grad(loss, [past])[0])
    assert all(torch.equal(one, other) for one, other in zip(parts, sliced, strict=True))
    assert torch.equal(*found)
    assert not found[0][:, :, 5].any()


def test_they_can_be_followed_twice():
    past = torch.randn(1, 2, 5, 1, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: windows(x, SPANS), [past])
    assert torch.autograd.gradgradcheck(lambda x: windows(x, SPANS), [past])


class Work(TorchDispatchMode):
    """Counts the numbers that torch's operations write, views aside."""

    def __init__(self):
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        made = operation(*args, **(kwargs or {}))
        if isinstance(made, torch.Tensor) and not operation.is_view:
            self.numbers += made.numel()
        return made


def work(operation, method, kernel, steps):
    x = torch.randn(1, 1, steps, 3, 3, requires_grad=True)
    weight = torch.randn(1, 1, *kernel, requires_grad=True)
    options = {"method": method} if method else {}
    with Work() as counted, force("torch"):
        y, _ = operation(x, torch.zeros(1, 1, kernel[0] - 1, 3, 3), weight, **options)
        torch.autograd.grad(y.sum(), [x, weight])
    return counted.numbers


@pytest.mark.parametrize(
    ("operation", "method", "kernel"),
    [
        (causal_convolution, "direct", (4, 1, 1)),
        (causal_convolution, "fourier", (4, 1, 1)),
        (causal_convolution, "fourier", (4, 3, 3)),
        (receptive_field, None, (4, 3, 3)),
    ],
)
def test_a_movie_four_times_as_long_is_four_times_the_work(operation, method, kernel):
    short, long = (work(operation, method, kernel, steps) for steps in (512, 2048))
    assert long < 4.1 * short


@pytest.mark.parametrize("part", [1, 8])
def test_a_memory_four_times_as_long_is_sixteen_times_the_work(part):
    """With a chunk in proportion to it; so are frames times lags, which all of a receptive field's products are."""
    short, long = (work(receptive_field, None, (lag, 3, 3), lag // part) for lag in (64, 256))
    assert long < 16.5 * short
