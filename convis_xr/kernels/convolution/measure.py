"""Measure the constants of the model of costs on this machine: ``python -m convis_xr.kernels.convolution.measure``."""

from __future__ import annotations

import math
from time import perf_counter

import torch

from . import causal_convolution
from .cost import Constants, Method
from .spectra import lengths


def measure(steps: int = 200, rounds: int = 5) -> Constants:
    """Time each method on two or three kernels of different length, and solve for its constants.

    Parameters
    ----------
    steps : int
        Length of the movie, of 100 x 100 px and float32.
    rounds : int
        How often each is timed; the fastest counts.

    Returns
    -------
    Constants
        In ns on one core, taking all of torch's threads for cores.

    Examples
    --------
    >>> found = measure(steps=4, rounds=1)
    >>> found.tap >= 0
    True
    """

    def cost(kernel: tuple[int, ...], method: Method, frame: tuple[int, int] = (100, 100)) -> float:
        return _nanoseconds(kernel, method, frame, steps, rounds)

    area = math.prod(lengths((109, 109))) / 100**2
    few, many, narrow = (
        cost((1, 1, 3, 3, 3), "direct"),
        cost((1, 1, 3, 9, 9), "direct"),
        cost((1, 1, 3, 9, 9), "direct", (500, 20)),
    )
    slope = (many - few) / (243 - 27)  # tap + tap_row / 100
    tap_row = max(0.0, (narrow - many) / 243 / (1 / 20 - 1 / 100))
    short, long = cost((1, 1, 5, 1, 1), "direct"), cost((1, 1, 65, 1, 1), "direct")
    flat, deep = cost((1, 1, 2, 10, 10), "fourier"), cost((1, 1, 42, 10, 10), "fourier")
    lag = max(0.0, (deep - flat) / 40 / area)
    return Constants(
        pixel=max(0.0, few - 27 * slope),
        tap=max(0.0, slope - tap_row / 100),
        tap_row=tap_row,
        time_pixel=max(0.0, short - 5 * (long - short) / 60),
        time_tap=max(0.0, (long - short) / 60),
        time_transform=cost((1, 1, 200, 1, 1), "fourier") / 2.25,
        transform=max(flat / area - 2 * lag, 0.01) / 2,
        lag=lag,
    )


def _nanoseconds(kernel: tuple[int, ...], method: Method, frame: tuple[int, int], steps: int, rounds: int) -> float:
    x, history = torch.rand(1, 1, steps, *frame), torch.rand(1, 1, kernel[2] - 1, *frame)
    weight, times = torch.rand(kernel), []
    for _ in range(rounds + 1):  # the first one warms up
        start = perf_counter()
        causal_convolution(x, history, weight, method=method)
        times.append(perf_counter() - start)
    return min(times[1:]) * torch.get_num_threads() / x.numel() * 1e9


if __name__ == "__main__":
    for name, value in vars(measure()).items():
        print(f"{name:<16}{value:8.3f}")
