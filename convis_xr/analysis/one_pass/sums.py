"""What is summed over windows while a stimulus passes by: weighted windows, and weighted products of them.

The matrix of all windows (steps x lags x pixels) is never made: lags are put on the side of the weights, which are few.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy import fft

from convis_xr.analysis.one_pass.pairs import BLOCK_BYTES, Array, Floats, Piece


class Windows:
    """Sum of the windows by each column's weights: one matrix product for a piece.

    Parameters
    ----------
    columns, lags, pixels : int
    dtype : dtype
        What products are computed in; they are added up in double precision.

    Attributes
    ----------
    total : ndarray (column, lag, pixel)

    Examples
    --------
    >>> sums = Windows(1, lags=2, pixels=1)
    >>> sums.add(Piece(np.array([[1.0], [3.0]]), np.array([[0.0, 1.0, 0.0]])))  # one spike, in the second frame
    >>> sums.total[0, :, 0]
    array([3., 1.])
    """

    def __init__(self, columns: int, lags: int, pixels: int, dtype: Any = np.float64) -> None:
        self.total = np.zeros((columns, lags, pixels))
        self._dtype = dtype

    def add(self, piece: Piece) -> None:
        """Take in what comes next."""
        (steps, pixels), (columns, lags, _) = piece.shown.shape, self.total.shape
        together = max(1, BLOCK_BYTES // (np.dtype(self._dtype).itemsize * lags * max(steps, pixels)))
        for low in range(0, columns, together):
            part = slice(low, low + together)
            # (column, lag, step): what a frame weighs in the window that it is `lag` steps before the end of
            weights = sliding_window_view(piece.weights[part], steps, axis=1)
            weights = np.ascontiguousarray(weights, self._dtype).reshape(-1, steps)
            self.total[part] += (weights @ piece.shown).reshape(-1, lags, pixels)


class Squares:
    """Sum of the products of each window with itself by each column's weights; costs as much as there are weights.

    Parameters
    ----------
    columns, lags, pixels : int

    Attributes
    ----------
    total : ndarray (column, lag * pixel, lag * pixel)

    Examples
    --------
    >>> sums = Squares(1, lags=2, pixels=1)
    >>> sums.add(Piece(np.array([[1.0], [3.0]]), np.array([[0.0, 1.0, 0.0]])))
    >>> sums.total[0]
    array([[9., 3.],
           [3., 1.]])
    """

    def __init__(self, columns: int, lags: int, pixels: int) -> None:
        self.total = np.zeros((columns, lags * pixels, lags * pixels))
        self._lags, self._before = lags, np.zeros((lags - 1, pixels))

    def add(self, piece: Piece) -> None:
        """Take in what comes next."""
        steps = len(piece.shown)
        film = np.concatenate([self._before, piece.shown])
        self._before = film[steps:]
        windows = sliding_window_view(film, self._lags, axis=0)[..., ::-1]  # (step, pixel, lag)
        together = max(1, BLOCK_BYTES // (8 * self.total.shape[1] + 8))
        for total, weights in zip(self.total, piece.weights, strict=True):
            heavy = np.flatnonzero(weights[:steps])
            for low in range(0, len(heavy), together):
                kept = heavy[low : low + together]
                rows = windows[kept].transpose(0, 2, 1).reshape(len(kept), len(total))
                total += (rows * weights[kept, None]).T @ rows


class Autocorrelation:
    r"""Sum of the products of each window with itself by weights that most windows share.

    With lags :math:`k, k'`, the entries :math:`A_{k,k'} = \sum_t w_t x_{t-k} x_{t-k'}^T` keep to
    :math:`A_{k+1,k'+1} = A_{k,k'} + \sum_t (w_{t+1} - w_t)\, x_{t-k} x_{t-k'}^T`. So only :math:`A_{0,k'}` is needed, a
    correlation by lag, and `Squares` where weights change: at the ends of what was recorded, and of its gaps.
    Correlations are multiplied as spectra (of overlapping segments, added up before they are turned back).

    Parameters
    ----------
    lags, pixels : int

    Examples
    --------
    >>> sums = Autocorrelation(lags=2, pixels=1)
    >>> sums.add(Piece(np.array([[1.0], [3.0]]), np.array([[0.0, 1.0, 0.0]])))
    >>> sums.total.round(12)
    array([[9., 3.],
           [3., 1.]])
    """

    def __init__(self, lags: int, pixels: int) -> None:
        self._lags, self._pixels = lags, pixels
        self._length = fft.next_fast_len(4 * lags, real=True)
        self._spectrum = np.zeros((self._length // 2 + 1, pixels, pixels), np.complex128)
        self._changes = Squares(1, lags - 1, pixels) if lags > 1 else None
        self._before = np.zeros((lags - 1, pixels))

    def add(self, piece: Piece) -> None:
        """Take in what comes next; one column of weights."""
        steps = len(piece.shown)
        self._correlate(piece.shown, piece.weights[0, :steps])
        if self._changes is not None:
            self._changes.add(Piece(piece.shown, np.diff(piece.weights)))

    @property
    def total(self) -> Floats:
        """The sums (lag * pixel, lag * pixel)."""
        lags, pixels = self._lags, self._pixels
        total = np.empty((lags, pixels, lags, pixels))
        total[0] = fft.irfft(self._spectrum, self._length, axis=0)[:lags].transpose(1, 0, 2)
        total[0, :, 0] = (total[0, :, 0] + total[0, :, 0].T) / 2
        if self._changes is not None:
            changes = self._changes.total.reshape(lags - 1, pixels, lags - 1, pixels)
            for lag in range(1, lags):
                total[lag, :, lag:] = total[lag - 1, :, lag - 1 : -1] + changes[lag - 1, :, lag - 1 :]
        for lag in range(lags - 1):
            total[lag + 1 :, :, lag] = total[lag, :, lag + 1 :].transpose(1, 2, 0)
        return total.reshape(lags * pixels, lags * pixels)

    def _correlate(self, shown: Array, weights: Floats) -> None:
        """Add the spectra of ``sum_t w_t x_t x_(t-k)'``, of which the first lags are not wrapped around."""
        history = self._lags - 1
        new = self._length - history
        missing = -len(shown) % new
        film = np.concatenate([self._before, shown, np.zeros((missing, self._pixels))])
        heavy = np.concatenate([np.zeros_like(self._before), weights[:, None] * shown, film[len(film) - missing :]])
        self._before = film[len(shown) : len(shown) + history]
        segments, latest = (
            np.moveaxis(sliding_window_view(values, self._length, axis=0)[::new], 2, 1) for values in (film, heavy)
        )
        latest = np.concatenate([np.zeros_like(latest[:, :history]), latest[:, history:]], 1)
        # (segment, frequency, pixel)
        ours, before = (fft.rfft(values, axis=1) for values in (latest, segments))
        self._spectrum += ours.transpose(1, 2, 0) @ before.conj().transpose(1, 0, 2)
