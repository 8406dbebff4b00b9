"""What each method of convolution costs: a small model that can be printed, so that the choice can be understood.

The constants are nanoseconds on one core; only their ratios matter for the choice. ``measure.measure`` takes them anew.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from .fourier import block_length
from .spectra import lengths

Method = Literal["direct", "fourier", "low_rank"]


@dataclass(frozen=True)
class Constants:
    """Nanoseconds on one core; as they stand: float32, two threads, on two cores of an AMD EPYC (Zen 4)."""

    #: of a pass over an output pixel, and of each tap in it, the latter also for each row of pixels
    pixel: float = 1.5
    tap: float = 0.032
    tap_row: float = 1.5
    #: to read the frame of one more lag, which all outputs share
    past: float = 0.25
    #: of a kernel in time alone: the same, and by transforms along time
    time_pixel: float = 1.3
    time_tap: float = 0.105
    time_transform: float = 7.0
    #: of spectra, for each pixel of the frame as it is extended: to transform it and back, and to multiply for each lag
    transform: float = 6.0
    lag: float = 0.12


@dataclass(frozen=True)
class Estimate:
    """What is expected of each method, in ns of one core for each pixel and step of the input.

    Examples
    --------
    >>> shown = estimate((1, 1, 20, 10, 10), (100, 100))
    >>> shown.best
    'fourier'
    >>> print(str(shown).splitlines()[0])
    kernel (1, 1, 20, 10, 10), frame (100, 100)
    """

    kernel: tuple[int, ...]
    frame: tuple[int, int]
    nanoseconds: dict[Method, float]

    @property
    def best(self) -> Method:
        """The cheapest method."""
        return min(self.nanoseconds, key=self.nanoseconds.__getitem__)

    def __str__(self) -> str:
        rows = [f"kernel {self.kernel}, frame {self.frame}"]
        for method, cost in sorted(self.nanoseconds.items(), key=lambda row: row[1]):
            rows.append(f"  {method:<10}{cost:10.1f} ns for each pixel and step, on one core")
        return "\n".join(rows)


def estimate(
    kernel: tuple[int, ...],
    frame: tuple[int, int],
    passes: tuple[int, int] | None = None,
    constants: Constants | None = None,
    steps: int | None = None,
) -> Estimate:
    """Estimate what each method costs.

    Parameters
    ----------
    kernel : (out, in, lag, ky, kx)
        Shape of the weight.
    frame : (y, x), px
        Size of a frame.
    passes : (int, int), optional
        Of all kernels together: products of time and space, and pairs of profiles along y and x. By default low rank
        is not considered.
    constants : Constants, optional
        By default as measured by the authors.
    steps : int, optional
        Length of the chunk: spectra of the kernel and of the frames before the chunk are made anew for each. By default
        it is so long that these do not count.

    Returns
    -------
    Estimate
        To be printed.
    """
    c = Constants() if constants is None else constants
    outputs, inputs, lag, height, width = kernel
    again = 0.0 if steps is None else 1 / steps
    tap = c.tap + c.tap_row / frame[1]
    in_time = c.time_pixel + c.time_tap * lag
    if height == width == 1:
        costs: dict[Method, float] = {
            "direct": outputs * (c.time_pixel + c.time_tap * lag * inputs),
            "fourier": c.time_transform * _waste(lag, steps) * (inputs + outputs + inputs * outputs / 4),
        }
    else:
        transforms = inputs * (1 + (lag - 1) * again) + outputs * (1 + inputs * lag * again)
        area = math.prod(lengths((frame[0] + height - 1, frame[1] + width - 1))) / math.prod(frame)
        costs = {
            "direct": outputs * (c.pixel + tap * inputs * lag * height * width) + c.past * inputs * lag,
            "fourier": area * (c.transform * transforms + c.lag * inputs * outputs * lag),
        }
    if passes is not None:
        in_space = 3 * c.pixel + tap * (height + width)
        costs["low_rank"] = passes[0] * in_time + passes[1] * in_space
    return Estimate(tuple(kernel), frame, costs)


def _waste(lag: int, steps: int | None) -> float:
    """How much more than in long chunks is transformed along time for each step: blocks that overlap by the kernel."""
    block = block_length(lag)
    short = block if steps is None else min(block, steps)
    return (1 + (lag - 1) / short) / (1 + (lag - 1) / block)
