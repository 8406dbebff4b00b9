"""Measure the constants of the model of costs on this machine: ``python -m convis_xr.kernels.convolution.measure``."""

from __future__ import annotations

import math
from time import perf_counter

import torch

from . import causal_convolution
from .cost import Constants, Method
from .spectra import lengths


def measure(steps: int = 200, rounds: int = 30) -> Constants:
    """Time each method on two or three kernels of different length, and solve for its constants.

    Parameters
    ----------
    steps : int
        Length of the movie, of 100 x 100 px and float32.
    rounds : int
        How often each is timed, one after the other; the fastest counts. 30 take some 10 s.

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
    found = _best(_CASES, steps, rounds)
    few, many, narrow = found["few"], found["many"], found["narrow"]
    area = math.prod(lengths((109, 109))) / 100**2
    slope = (many - few) / (243 - 27)  # tap + tap_row / 100
    tap_row = max(0.0, (narrow - many) / 243 / (1 / 20 - 1 / 100))
    time_tap = max(0.0, (found["long"] - found["short"]) / 60)
    lag = max(0.0, (found["deep"] - found["flat"]) / 40 / area)
    return Constants(
        pixel=max(0.0, few - 27 * slope),
        tap=max(0.0, slope - tap_row / 100),
        tap_row=tap_row,
        past=max(0.0, (found["past"] - few - (450 - 27) * slope) / 47),
        time_pixel=max(0.0, found["short"] - 5 * time_tap),
        time_tap=time_tap,
        time_transform=found["along"] / 2.25,
        transform=max(found["flat"] / area - 2 * lag, 0.01) / 2,
        lag=lag,
    )


#: What is timed: size of the kernel, method, frame.
_CASES: dict[str, tuple[tuple[int, int, int], Method, tuple[int, int]]] = {
    "few": ((3, 3, 3), "direct", (100, 100)),
    "many": ((3, 9, 9), "direct", (100, 100)),
    "past": ((50, 3, 3), "direct", (100, 100)),
    "narrow": ((3, 9, 9), "direct", (500, 20)),
    "short": ((5, 1, 1), "direct", (100, 100)),
    "long": ((65, 1, 1), "direct", (100, 100)),
    "along": ((200, 1, 1), "fourier", (100, 100)),
    "flat": ((2, 10, 10), "fourier", (100, 100)),
    "deep": ((42, 10, 10), "fourier", (100, 100)),
}


def _best(
    cases: dict[str, tuple[tuple[int, int, int], Method, tuple[int, int]]], steps: int, rounds: int
) -> dict[str, float]:
    """The fastest of some rounds, ns on one core; a round times every case, so that a slow moment meets all alike."""
    best = dict.fromkeys(cases, math.inf)
    for turn in range(rounds + 1):  # the first one warms up
        for name, (kernel, method, frame) in cases.items():
            x, history = torch.rand(1, 1, steps, *frame), torch.rand(1, 1, kernel[0] - 1, *frame)
            weight = torch.rand(1, 1, *kernel)
            start = perf_counter()
            causal_convolution(x, history, weight, method=method)
            taken = (perf_counter() - start) * torch.get_num_threads() / x.numel() * 1e9
            best[name] = min(best[name], taken) if turn else best[name]
    return best


if __name__ == "__main__":
    for name, value in vars(measure()).items():
        print(f"{name:<16}{value:8.3f}")
