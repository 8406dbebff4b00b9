"""`ald`: receptive fields that are local in space-time and in frequency, as the evidence says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from convis_xr.analysis.fields.evidence import NEGLIGIBLE, Projected, as_tensor, climb, fit_prior, posterior_mean
from convis_xr.analysis.fields.normal_equations import Floats, Normal, normal_equations
from convis_xr.analysis.fields.smooth_prior import SmoothPrior


def ald(moments: xr.Dataset) -> xr.DataArray:
    r"""Automatic locality determination: a prior of fields that are local in space-time and in frequency.

    Weights are :math:`N(0, C)` with :math:`C = \rho\, S^{1/2} B^T F B S^{1/2}`: :math:`S` a diagonal Gaussian
    :math:`\exp(-|W (\chi - \nu_s)|^2 / 2)` over the window, :math:`B` the Fourier transform, and :math:`F` diagonal,
    :math:`\exp(-\||M \omega| - \nu_f|^2 / 2)`, with full matrices :math:`W` and :math:`M` (Park & Pillow 2011, PLoS
    Comput Biol 7:e1002219, eq. 15). For each cell all of these have the greatest evidence
    (`convis_xr.analysis.fields.evidence`, where it stands what is to be read otherwise there), climbed to from the
    field that `asd` finds. The transform is periodic over the window, as in the source.

    Parameters
    ----------
    moments : Dataset
        As ``moments(..., auto=True)`` gives it.

    Returns
    -------
    DataArray (cell, time, y, x) [unit of the response per unit of the stimulus]
        With the coordinates ``intercept``, ``log_evidence``, ``noise_variance`` and ``prior_variance``
        (:math:`\rho`; cell). NaN for a response that is constant.

    Raises
    ------
    ContractError
        Moments without ``auto``; a stimulus that does not vary.

    Examples
    --------
    >>> import numpy as np
    >>> import convis_xr as cx
    >>> noise = cx.stimuli.white_noise("10 s", 4, dt="10 ms", pixel_size="0.1 deg", seed=1)
    >>> drive = 10 * noise[:, 1:3, 1:3].mean(("y", "x")) + np.random.default_rng(0).normal(size=1000)
    >>> sums = cx.analysis.moments(noise, drive.shift(time=2).assign_attrs(units="Hz"), "50 ms", auto=True)
    >>> field = ald(sums)
    >>> int(abs(field[:, 1, 1]).argmax("time")), bool(field.log_evidence > cx.analysis.asd(sums).log_evidence)
    (2, True)
    """
    normal = normal_equations(moments)
    return fit_prior(normal, LocalPrior(normal), "automatic locality determination")


class LocalPrior:
    """Local in space-time and in frequency.

    Hyperparameters for ``d`` dimensions of more than one sample: the log variance ratio; the centre (d), and a lower
    triangle (d (d + 1) / 2) that whitens distances from it, in halves of the window; the centre in frequency (d), and a
    symmetric matrix (d (d + 1) / 2) [samples].
    """

    def __init__(self, normal: Normal) -> None:
        self.words: dict[str, tuple[str, str]] = {}
        self._normal, self._smooth = normal, SmoothPrior(normal)
        self._gram, self._cross = as_tensor(normal.gram), as_tensor(normal.cross)
        self._power = float(normal.spectrum[0].max())
        shape = normal.window.shape
        self._long = [axis for axis, size in enumerate(shape) if size > 1]
        index = np.array(list(np.ndindex(*shape)), np.float64)
        half = (np.array(shape) - 1) / 2
        self._place = as_tensor((index - half)[:, self._long] / half[self._long])
        waves = [2 * np.pi * np.fft.fftfreq(size) for size in shape]
        mesh = np.stack(np.meshgrid(*waves, indexing="ij"), -1).reshape(-1, len(shape))
        self._frequency = as_tensor(mesh[:, self._long])
        phase = index @ (2 * np.pi * index / np.array(shape)).T
        # Hartley's transform is real, and gives what Fourier's does where a diagonal is even in frequency
        self._transform = as_tensor((np.cos(phase) + np.sin(phase)) / np.sqrt(len(index)))
        self._corner = np.tril_indices(len(self._long))

    def bounds(self, cell: int) -> list[tuple[float, float]]:
        """Of each hyperparameter."""
        count, off = len(self._long), self._corner[0] != self._corner[1]
        middle = self._smooth.bounds(cell)[0]
        widths = [(-20.0, 20.0) if aside else (0.05, 20.0) for aside in off]
        lengths = [(-10.0, 10.0) if aside else (0.0, 2.0 * max(self._normal.window.shape)) for aside in off]
        return [middle, *[(-1.5, 1.5)] * count, *widths, *[(0.0, 50.0)] * count, *lengths]

    def starts(self, cell: int) -> Sequence[Floats]:
        """The lengths of the smooth prior, over the window and where the smooth field has its energy."""
        theta, _ = climb(self._normal, self._smooth, cell)
        with torch.no_grad():
            smooth = posterior_mean(self._smooth.project(torch.from_numpy(theta), cell)).numpy()
        sides = list(self._smooth.lengths.samples(theta[1:]).values())
        lengths = np.diag([sides[axis] for axis in self._long])[self._corner]
        still = np.zeros(len(self._long))
        centre, widths = self._energy(smooth)
        everywhere = np.concatenate([still, 0.3 * np.eye(len(still))[self._corner]])
        there = np.concatenate([centre, widths[self._corner]])
        # both factors are 1 where they are largest, and their means make the variance of a weight
        ratio = theta[0] - self._waves(as_tensor([*still, *lengths])).mean().log().item()
        local = ratio - self._space(as_tensor(there)).mean().log().item()
        return [
            np.concatenate([[ratio], everywhere, still, lengths]),
            np.concatenate([[local], there, still, lengths]),
        ]

    def project(self, theta: Tensor, cell: int) -> Projected:
        """The responses of a cell, seen by the prior."""
        count, corner = len(self._long), len(self._corner[0])
        space = self._space(theta[1 : 1 + count + corner])
        waves = self._waves(theta[1 + count + corner :])
        root = (0.5 * theta[0]).exp()
        near, kept = self._telling(space.detach(), waves.detach(), float(root.detach() ** 2))
        local = space[near].sqrt()[:, None] * self._transform[near][:, kept] * (root * waves[kept].sqrt())
        inner = local.T @ (self._gram[near][:, near] @ local)

        def lift(coefficients: Tensor) -> Tensor:
            weights = torch.zeros(len(near), dtype=torch.float64)
            weights[near] = local @ coefficients
            return weights

        return Projected(inner, local.T @ self._cross[cell][near], lift)

    def told(self, theta: Floats) -> dict[str, float]:
        """Nothing but the evidence."""
        return {}

    def _space(self, theta: Tensor) -> Tensor:
        """Prior variance over the window."""
        count = len(self._long)
        matrix = self._matrix(theta[count:])
        return (-0.5 * (((self._place - theta[:count]) @ matrix.T) ** 2).sum(1)).exp()

    def _waves(self, theta: Tensor) -> Tensor:
        """Prior variance over frequencies."""
        count = len(self._long)
        lower = self._matrix(theta[count:])
        matrix = lower + lower.T - lower.diagonal().diag()
        return (-0.5 * (((self._frequency @ matrix).abs() - theta[:count]) ** 2).sum(1)).exp()

    def _telling(self, space: Tensor, waves: Tensor, ratio: float) -> tuple[Tensor, Tensor]:
        """Which places and frequencies have a variance from which the data could tell anything."""
        floor = NEGLIGIBLE / (self._power * ratio)
        near, kept = space * waves.max() > floor, waves * space.max() > floor
        near[space.argmax()] = kept[waves.argmax()] = True
        return near, kept

    def _matrix(self, corner: Tensor) -> Tensor:
        count = len(self._long)
        matrix = torch.zeros((count, count), dtype=torch.float64)
        return matrix.index_put((torch.from_numpy(self._corner[0]), torch.from_numpy(self._corner[1])), corner)

    def _energy(self, field: Floats) -> tuple[Floats, Floats]:
        """Centre of a field's energy, and the triangle that whitens twice its spread."""
        power = field**4 / (field**4).sum() if field.any() else np.full(len(field), 1 / len(field))
        place = self._place.numpy()
        centre = power @ place
        spread = (place - centre).T @ ((place - centre) * power[:, None]) + 1e-2 * np.eye(place.shape[1])
        return centre, np.linalg.inv(np.linalg.cholesky(4 * spread))
