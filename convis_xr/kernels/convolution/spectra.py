"""Convolution by the spectra of frames: a transform in space, and for each frequency a direct convolution in time.

Each frame is transformed by itself, and the sum over the lags is as long as the kernel: nothing depends on how time is
cut. What the circular convolution wraps around lies outside the frame, and is not transformed back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from numpy import ndarray
from scipy import fft

from ..threads import parallel, split
from . import mixing
from .frames import extend

# Complex numbers in the spectra of one block of time: at most, and enough to keep the threads busy for a while; and how
# many frames it has at least where the first allows.
_BLOCK, _ENOUGH, _FRAMES = 2**21, 400_000, 64

Frame = tuple[int, int]
#: Writes the frame ``t`` of a channel into rows of another size: ``(channel, t, rows)``.
Reader = Callable[[int, int, ndarray], None]


def convolve(history: ndarray, x: ndarray, weight: ndarray, y: ndarray, corner: Frame) -> None:
    """Compute what ``rows.convolve`` defines; what is not finite would spread over the frame."""
    height, width = weight.shape[3:]
    extended = (y.shape[3] + height - 1, y.shape[4] + width - 1)
    sizes = lengths(extended)
    kernel = spectrum_of(weight, sizes)
    for batch in range(len(x)):
        read = reader(history[batch], x[batch], extended, corner)
        for start, spectra in blocks(read, x.shape[1], extended[0], sizes, weight.shape[2], y.shape[2], x.dtype):
            mixed = mix(spectra, kernel)
            back(mixed, sizes, (height - 1, width - 1), y[batch, :, start : start + mixed.shape[1]])


def correlate(history: ndarray, x: ndarray, gradient: ndarray, corner: Frame, kernel: ndarray) -> None:
    """Compute what ``rows.correlate`` does."""
    outputs, inputs, lag, height, width = kernel.shape
    extended = (gradient.shape[3] + height - 1, gradient.shape[4] + width - 1)
    sizes = lengths(extended)
    total = np.zeros((outputs, inputs, lag, sizes[0] * (sizes[1] // 2 + 1)), np.complex128)
    for batch in range(len(x)):

        def behind(channel: int, t: int, lines: ndarray, given: ndarray = gradient[batch]) -> None:
            lines[height - 1 : extended[0], width - 1 : extended[1]] = given[channel, t]

        read = reader(history[batch], x[batch], extended, corner)
        for start, spectra in blocks(read, inputs, extended[0], sizes, lag, gradient.shape[2], x.dtype):
            steps = spectra.shape[1] - lag + 1
            given = np.empty((outputs, steps, sizes[0], sizes[1] // 2 + 1), spectra.dtype)
            forward(behind, start, given, extended[0], sizes)
            arrays = [made.view(made.real.dtype) for made in (spectra, given.reshape(outputs, steps, -1), total)]
            over_tiles(partial(mixing.correlate, *arrays), arrays[0].shape[2])
    made = fft.irfft2(total.reshape(*kernel.shape[:3], sizes[0], -1), s=sizes)
    kernel += made[..., :height, :width]


def lengths(frame: Frame) -> Frame:
    """Choose the lengths of the transforms: at least the frame's, even along x, and no prime above 11."""
    return fft.next_fast_len(frame[0]), 2 * fft.next_fast_len(-(-frame[1] // 2))


def spectrum_of(weight: ndarray, sizes: Frame) -> ndarray:
    """Transform a kernel (out, in, lag, y, x) in space: (out, in, lag, frequency), complex."""
    return fft.rfft2(weight, s=sizes, workers=torch.get_num_threads()).reshape(*weight.shape[:3], -1)


def block_length(sizes: Frame, lag: int) -> int:
    """Say how many frames are transformed at a time: enough that those that go on to the next block are the fewer."""
    frequencies = sizes[0] * (sizes[1] // 2 + 1)
    return max(2, min(max(_FRAMES, 2 * lag, _ENOUGH // frequencies), _BLOCK // frequencies))


def blocks(
    read: Reader, channels: int, height: int, sizes: Frame, lag: int, steps: int, dtype: np.dtype
) -> Iterator[tuple[int, ndarray]]:
    """Yield where a block begins, and its spectra (channel, lag - 1 + block, frequency): the last ones go on."""
    block, columns = min(block_length(sizes, lag), steps), sizes[1] // 2 + 1
    shape = (channels, lag - 1 + block, sizes[0], columns)
    spectra = np.zeros(shape, np.result_type(dtype, np.complex64))
    forward(read, 0, spectra[:, : lag - 1], height, sizes)
    for start in range(0, steps, block):
        stop = min(start + block, steps)
        if start:
            spectra[:, : lag - 1] = spectra[:, block : block + lag - 1].copy()
        forward(read, start + lag - 1, spectra[:, lag - 1 : lag - 1 + stop - start], height, sizes)
        yield start, spectra[:, : lag - 1 + stop - start].reshape(channels, lag - 1 + stop - start, -1)


def forward(read: Reader, first: int, spectra: ndarray, height: int, sizes: Frame) -> None:
    """Transform the frames from ``first`` on into ``spectra`` (channel, time, height, width): rows, then columns."""
    real = spectra.real.dtype

    def some(piece: tuple[int, int, int]) -> None:
        channel, start, stop = piece
        rows = np.zeros((stop - start, height, sizes[1]), real)
        for t in range(start, stop):
            read(channel, first + t, rows[t - start])
        part = spectra[channel, start:stop]
        part[:, :height] = fft.rfft(rows, axis=2, overwrite_x=True)
        part[:, height:] = 0
        _in_place(fft.fft, part)

    parallel(some, _spans(*spectra.shape[:2]))


def back(mixed: ndarray, sizes: Frame, first: Frame, y: ndarray) -> None:
    """Transform spectra (out, time, frequency), which are lost, and write the part from pixel ``first`` on to ``y``."""
    mixed = mixed.reshape(*mixed.shape[:2], sizes[0], -1)
    height, width = y.shape[2:]

    def some(piece: tuple[int, int, int]) -> None:
        channel, start, stop = piece
        part = mixed[channel, start:stop]
        _in_place(fft.ifft, part)
        rows = fft.irfft(part[:, first[0] : first[0] + height], n=sizes[1], axis=2)
        y[channel, start:stop] = rows[:, :, first[1] : first[1] + width]

    parallel(some, _spans(*mixed.shape[:2]))


def mix(spectra: ndarray, kernel: ndarray) -> ndarray:
    """Convolve in time: (out, block, frequency)."""
    mixed = np.empty((len(kernel), spectra.shape[1] - kernel.shape[2] + 1, kernel.shape[3]), spectra.dtype)
    x, weights, y = (values.view(spectra.real.dtype) for values in (spectra, kernel, mixed))
    over_tiles(partial(mixing.convolve, x, weights, y), x.shape[2])
    return mixed


def over_tiles(work: Callable[[int], None], length: int) -> None:
    """Call on the beginning of every tile, each thread on a run of them."""
    tiles = range(0, length, mixing.TILE)

    def some(run: tuple[int, int]) -> None:
        for k in range(*run):
            work(tiles[k])

    parallel(some, split(len(tiles), torch.get_num_threads()))


def reader(history: ndarray, x: ndarray, extended: Frame, corner: Frame) -> Reader:
    """Read the frames of history and movie (channel, time, y, x), one after the other, their edges repeated."""
    past = history.shape[1]

    def read(channel: int, t: int, rows: ndarray) -> None:
        frame = history[channel, t] if t < past else x[channel, t - past]
        extend(frame, rows[: extended[0], : extended[1]], *corner)

    return read


def _in_place(transform: Callable[..., ndarray], part: ndarray) -> None:
    """Transform along axis 1; scipy may, but need not, do it where the numbers are."""
    made = transform(part, axis=1, overwrite_x=True)
    if not np.shares_memory(made, part):
        part[:] = made


def _spans(channels: int, steps: int) -> list[tuple[int, int, int]]:
    parts = -(-torch.get_num_threads() // channels)
    return [(channel, *span) for channel in range(channels) for span in split(steps, parts)]
