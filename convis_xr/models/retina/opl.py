"""Outer plexiform layer: receptors and horizontal cells, a centre minus a surround."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from typing import Any

from torch import Tensor

from convis_xr.errors import ContractError, ParameterError, explain
from convis_xr.filters import PartialHighPass, SpaceTimeLowPass
from convis_xr.footprint import Footprint
from convis_xr.kernels.opponency import weighted_difference
from convis_xr.layer import Layer
from convis_xr.models.retina.config import OPLConfig
from convis_xr.models.retina.smoothing import FiniteHighPass, Smoothing, check_choices
from convis_xr.parameters import Parameter
from convis_xr.sampling import Sampling
from convis_xr.units import is_bare

_SOURCE = "Wohrer & Kornprobst 2009, eqs. 3-7"


class OPL(Layer):
    r"""Outer plexiform layer (Wohrer & Kornprobst 2009, eqs. 3-7).

    :math:`C = G_c * T_{w_U,\tau_U} * E_{n,\tau_C} * L`, :math:`S = G_s * E_{\tau_S} * C`,
    :math:`I = \lambda (C - w S)` with :math:`\lambda` = amplification / range of the input.

    Parameters
    ----------
    config : OPLConfig
        Its parameters.
    input_range : float, optional
        Range of the luminance, in the input's own unit; by default that of its ``valid_range``.
    spatial : "gaussian" or "deriche"
        The kernel of blurs: the discrete Gaussian, or that of Deriche's recursive filter, whose cost does not grow with
        its width and whose standard deviation is 1.18 sigma (from 1 px on; below 0.1 px there is none).
    temporal : "recursive" or "fir"
        How time is filtered: by recursions, or by their impulse responses, cut where less than 1e-6 is left and made to
        sum to 1 again; these need the frames that they reach as their state.

    Raises
    ------
    ParameterError
        There is no such choice, or the range is no number above 0.

    Notes
    -----
    Input: Tensor (batch, channel, time, y, x) or DataArray, luminance. Output: dimensionless.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> grey = cx.as_stimulus(np.full((5, 8, 8), 0.5), dt="1 ms", pixel_size="0.1 deg", units="1", valid_range=(0, 1))
    >>> opl = OPL(OPLConfig(undershoot_weight=0.0, surround_weight=0.9))
    >>> round(float(opl(grey)[-1, 4, 4]), 3)  # 10 * 0.5 * (1 - 0.9)
    0.5
    """

    start = "first_frame"

    def __init__(
        self,
        config: OPLConfig | None = None,
        input_range: float | None = None,
        spatial: str = "gaussian",
        temporal: str = "recursive",
    ) -> None:
        super().__init__()
        config = OPLConfig() if config is None else config
        check_choices(spatial, temporal)
        self.spatial, self.temporal = spatial, temporal
        self.center = self._low_pass(config, config.center_sigma, config.center_tau, config.center_n)
        self.undershoot = self._high_pass(config.undershoot_tau, config.undershoot_weight)
        self.surround = self._low_pass(config, config.surround_sigma, config.surround_tau, 0)
        for filter_ in (self.center, self.undershoot, self.surround):
            filter_.start = self.start
        self.surround_weight = Parameter(
            config.surround_weight,
            "dimensionless",
            doc="weight of the surround",
            source=_SOURCE,
            label="surround_weight",
        )
        self.amplification = Parameter(
            config.amplification,
            "dimensionless",
            doc="gain, divided by the input's range",
            source=_SOURCE,
            label="amplification",
        )
        self.input_range = None if input_range is None else _checked_range(input_range)

    def forward(self, x: Tensor) -> Tensor:
        """Current of (batch, channel, time, y, x)."""
        return self.follow(x, ("opl",))[0]["opl"]

    def follow(self, x: Tensor, wanted: Collection[str]) -> tuple[dict[str, Tensor], Tensor]:
        """Those of ``opl``, ``center`` and weighted ``surround`` that are wanted, and what the next stage reads."""
        self._check_range(x)
        center = self.center(self.undershoot(x))
        made = self._amplified(center, self.surround(center), wanted)
        return made, made["opl"]

    def _low_pass(self, config: OPLConfig, sigma: Any, tau: Any, n: int) -> SpaceTimeLowPass:
        return Smoothing(sigma, tau, n, self.spatial, self.temporal)

    def _high_pass(self, tau: Any, weight: Any) -> PartialHighPass:
        return PartialHighPass(tau, weight) if self.temporal == "recursive" else FiniteHighPass(tau, weight)

    def _amplified(self, center: Tensor, surround: Tensor, wanted: Collection[str]) -> dict[str, Tensor]:
        """Output ``opl``, and where wanted ``center`` and ``surround``, whose difference it is."""
        gain = self.amplification / self.range_of_input()
        made = {"opl": weighted_difference(center, surround, gain, self.surround_weight)}
        if "center" in wanted:
            made["center"] = center * gain.to(center.dtype)
        if "surround" in wanted:
            made["surround"] = surround * (gain * self.surround_weight).to(surround.dtype)
        return made

    def _check_range(self, x: Tensor) -> None:
        """Look at the first values that there are, where the range is the stimulus' own, and there is one."""
        self.range_of_input()
        begun = any(getattr(self.undershoot, name) is not None for name in self.undershoot._states)
        if self.input_range is None and not begun:
            _warn_of_stale_range(x, self.info.valid_range)

    def range_of_input(self) -> float:
        """The range that the amplification refers to."""
        if self.input_range is not None:
            return self.input_range
        limits = self.info.valid_range
        if limits is None:
            cure = 'stimulus.attrs["valid_range"] = (0, 255), or Retina(input_range=255)'
            raise ContractError(explain("input_range", wanted="the range of the luminance", got="none", cure=cure))
        return limits[1] - limits[0]

    def footprint(self, sampling: Sampling) -> Footprint:
        """Centre, then undershoot, then surround."""
        center = self.center.footprint(sampling).then(self.undershoot.footprint(sampling))
        return center.then(self.surround.footprint(sampling))


def _warn_of_stale_range(x: Tensor, limits: tuple[float, float] | None) -> None:
    """Warn where the first values are not what ``valid_range`` says: xarray's arithmetic keeps it.

    They lie outside, or use next to nothing of it, as those of a film that was divided by 255.
    """
    low, high = (0.0, 0.0) if limits is None else limits
    least, greatest = (float(end) for end in x.detach().aminmax())
    outside = least < low - 1e-5 * (high - low) or greatest > high + 1e-5 * (high - low)
    if outside or low < greatest <= low + 0.01 * (high - low):
        wanted = f"luminance that the valid_range ({low:g}, {high:g}) is made for"
        cure = "after arithmetic say the range that holds: stimulus.assign_attrs(valid_range=(low, high))"
        warnings.warn(explain("stimulus", wanted=wanted, got=f"{least:g} to {greatest:g}", cure=cure), stacklevel=2)


def _checked_range(given: Any) -> float:
    """A range in the input's own unit: a plain number above 0."""
    if not is_bare(given) or not 0 < float(given) < float("inf"):
        cure = "input_range=255"
        raise ParameterError(
            explain("input_range", wanted="a number above 0, in the stimulus' own unit", got=repr(given), cure=cure)
        )
    return float(given)
