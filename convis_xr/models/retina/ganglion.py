"""One layer of ganglion cells: from the bipolar potential to spikes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import xarray as xr
from torch import Tensor

from convis_xr import dims
from convis_xr.context import running
from convis_xr.errors import ParameterError, explain
from convis_xr.events import Events
from convis_xr.filters.gaussian import in_pixels, radius
from convis_xr.footprint import Footprint
from convis_xr.kernels.ganglion import ganglion_spikes
from convis_xr.kernels.gaussian import gaussian_blur
from convis_xr.kernels.lif import cells_of
from convis_xr.kernels.nonlinearity import ganglion_nonlinearity
from convis_xr.kernels.recursion import partial_high_pass
from convis_xr.kernels.scalars import number
from convis_xr.layer import Layer
from convis_xr.models.retina.cells import LogPolar
from convis_xr.models.retina.config import GanglionConfig, SpikesConfig
from convis_xr.models.retina.patch import Mosaic, Patch, array_that_counts, mosaic_patch, pixel_patch
from convis_xr.parameters import Parameter, State
from convis_xr.sampling import Sampling
from convis_xr.selection import Selection
from convis_xr.spiking import NoisyLIF
from convis_xr.tensors import Labels

_SOURCE = "Wohrer & Kornprobst 2009, eqs. 12-16"

_CONSTANTS = ("sign", "transient_tau", "transient_weight", "threshold", "baseline", "slope")

#: parameters that are plain numbers: dimension, least value, what they are
_PARAMETERS = {
    "transient_tau": ("time", "0 s", "time constant of the transient"),
    "transient_weight": ("dimensionless", None, "how transient"),
    "threshold": ("dimensionless", None, "where the rectification begins"),
    "baseline": ("rate", "0 Hz", "current at the threshold"),
    "slope": ("rate", "0 Hz", "gain above the threshold"),
    "pooling_sigma": ("angle", "0 deg", "width of the pool"),
}

#: what a layer can give, in the order in which it is computed
STAGES = ("transient", "current", "spikes", "times")


class Ganglion(Layer):
    r"""Ganglion cells of one type (Wohrer & Kornprobst 2009, eqs. 12-16).

    :math:`I = G_{pool} * N(\epsilon\, T_{w,\tau} V)`, with :math:`N(v) = i_0 + \lambda (v - v_0)` above the
    threshold :math:`v_0` and
    :math:`i_0^2 / (i_0 - \lambda (v - v_0))` below; then noisy integrate-and-fire (`convis_xr.spiking.NoisyLIF`).

    Parameters
    ----------
    config : GanglionConfig
        Its parameters.
    spikes : bool
        Whether it spikes; else the output is the current [Hz].
    seed : int
        Seed of the noise.
    log_polar : LogPolar, optional
        How the density of the cells falls outside the fovea, where ``config.cells`` is a circular array.

    Notes
    -----
    Input: Tensor (batch, channel, time, y, x) or DataArray, bipolar potential. Output: spikes per step (uint8, count).
    Where ``config.cells`` is an array, currents are sampled at its cells (bilinearly, after the pool): the output is
    (batch, channel, time, 1, cell) or (time, cell), with coordinates ``x``, ``y`` and ``type``.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> from convis_xr.models.retina import GanglionConfig
    >>> rest = cx.as_stimulus(np.zeros((3, 2, 2)), dt="1 ms", pixel_size="0.1 deg", units="1")
    >>> float(Ganglion(GanglionConfig("on", baseline="37 Hz"), spikes=False)(rest)[0, 0, 0])
    37.0
    """

    units_in = "1"
    start = "first_frame"
    selects = True
    #: what turns currents into spikes
    spiking_class = NoisyLIF
    low_pass: Any

    def __init__(
        self, config: GanglionConfig, spikes: bool = True, seed: int = 0, log_polar: LogPolar | None = None
    ) -> None:
        super().__init__()
        self.name, self.cells, self.log_polar = config.name, config.cells, log_polar
        self.sign = Parameter(
            config.sign, "dimensionless", bounds=(-1, 1), whole=True, doc="+1 ON, -1 OFF", label="sign"
        )
        for name, (dimension, low, doc) in _PARAMETERS.items():
            value, bounds = getattr(config, name), (low, None)
            setattr(self, name, Parameter(value, dimension, bounds=bounds, doc=doc, source=_SOURCE, label=name))
        self.check_sign()
        self.low_pass = State(doc="low-pass of the potential")
        self.spikes = self._cell(config.spikes, seed) if spikes and config.spikes is not None else None

    @property
    def last(self) -> str:
        """The stage that is the output."""
        return "current" if self.spikes is None else "spikes"

    def output_units(self, name: str, input_units: str) -> str:
        """Counts, or Hz where nothing spikes."""
        return "Hz" if self.spikes is None else "count"

    def forward(self, x: Tensor) -> Tensor:
        """Output for potentials (batch, channel, time, y, x)."""
        made = self.stages(x, (self.last,), self.selection)[self.last]
        assert isinstance(made, Tensor)  # the last stage is no table
        return made

    def with_begun(self, wanted: Sequence[str]) -> Sequence[str]:
        """Those that are wanted, and the last stage that has begun, where none of them passes through it."""
        spiking = self.spikes is not None and self.spikes.potential is not None
        begun = STAGES[2:] if spiking else STAGES if self.low_pass is not None else ()
        return wanted if not begun or set(wanted) & set(begun) else [*wanted, begun[0]]

    def output_labels(
        self, name: str, like: xr.DataArray, shape: tuple[int, ...], selection: Selection | None = None
    ) -> Labels:
        """Those of the frame, or of the cells of the array (cell), with ``x``, ``y`` [degree] and ``type``."""
        if self.cells is None:
            return super().output_labels(name, like, shape, selection)
        frame = like.sizes.get(dims.Y, 1), like.sizes.get(dims.X, 1)
        mosaic = self._mosaic(frame, Sampling.of(like), selection)
        if mosaic is not None:
            return mosaic.labels(like, shape, self.name)
        return super().output_labels(name, like, shape, selection)

    def stages(
        self, x: Tensor, wanted: Collection[str], selection: Selection | None = None
    ) -> dict[str, Tensor | Events]:
        """Those of `STAGES` that are wanted, of the cells that are selected."""
        self.check_sign()
        patch = self.patch(x, selection, radius(self.pooling_sigma, self.sampling, "Ganglion"))
        x = patch.enter(x)
        at_once = tuple(wanted) == ("spikes",) and patch.keeps_all and float(self.pooling_sigma) == 0
        if at_once and self.spikes is not None:
            return {"spikes": self._spikes_at_once(x, self.spikes, patch.cells)}
        state = self.start_frame(x) if self.low_pass is None else self.low_pass
        transient, self.low_pass = partial_high_pass(x, state, self.transient_tau, self.transient_weight, self.dt)
        made: dict[str, Tensor | Events] = {"transient": patch.leave(transient)} if "transient" in wanted else {}
        if set(wanted) - {"transient"}:
            current = ganglion_nonlinearity(
                self.sign.to(x.dtype) * transient, self.threshold, self.baseline, self.slope
            )
            pooled = patch.leave(gaussian_blur(current, in_pixels(self.pooling_sigma, self.sampling, "Ganglion")))
            made |= {"current": pooled} | self.fired(pooled, wanted, patch.cells)
        return {stage: made[stage] for stage in wanted}

    def check_sign(self) -> None:
        """Raise where cells are neither ON nor OFF: bounds alone let 0 through, by which they would see nothing."""
        if abs(number(self.sign)) != 1:
            got, cure = f"{number(self.sign):g}", "sign=1"
            raise ParameterError(explain(f"{self.name}.sign", wanted="1 (ON) or -1 (OFF)", got=got, cure=cure))

    def patch(self, x: Tensor, selection: Selection | None, reach: float) -> Patch:
        """What is computed and kept of potentials ``x``, where a current looks ``reach`` pixels far."""
        context = running(self)
        window = None if context is None else context.window
        frame, wanted = (x.shape[-2], x.shape[-1]), selection
        if window is not None:
            frame, wanted = window.full, selection and selection.moved(window.top, window.left)
        mosaic = self._mosaic(frame, self.sampling, wanted)
        if mosaic is not None:
            return mosaic_patch(mosaic, x, window, reach)
        index = cells_of((*x.shape[:2], *x.shape[3:]), x.device) if self.spikes is None else self.spikes.cells(x)
        return pixel_patch(selection, index, reach)

    def fired(self, current: Tensor, wanted: Collection[str], cells: Tensor | None) -> dict[str, Tensor | Events]:
        """Spikes of a current, as far as they are wanted: counts, exact times, or both."""
        if self.spikes is None or not {"spikes", "times"} & set(wanted):
            return {}
        if "times" not in wanted:
            return {"spikes": self.spikes.counts(current, cells)}
        counts, events = self.spikes.fire(current, cells)
        return {"spikes": counts, "times": events}

    def _mosaic(self, frame: tuple[int, int], sampling: Sampling, selection: Selection | None) -> Mosaic | None:
        """The cells of the array that are wanted; None where there is a cell at every pixel."""
        if self.cells is None:
            return None
        pixel = sampling.need_pixel("Ganglion")
        array = array_that_counts(self.cells, frame, pixel, selection)
        return None if array is None else Mosaic.of(array, self.log_polar, frame, pixel, selection)

    def _spikes_at_once(self, x: Tensor, cell: NoisyLIF, cells: Tensor | None) -> Tensor:
        """All stages in one pass over memory: nothing between them has to be kept."""
        low_pass = self.start_frame(x) if self.low_pass is None else self.low_pass
        source = cell.source(x, cells)
        counts, (self.low_pass, *membrane) = ganglion_spikes(
            x,
            (low_pass, *cell.begun(x, source["cells"])),
            **{name: getattr(self, name) for name in _CONSTANTS},
            **cell.constants,
            dt=self.dt,
            **source,
        )
        cell.keep((membrane[0], membrane[1]), x)
        return counts

    def _cell(self, config: SpikesConfig, seed: int) -> NoisyLIF:
        membrane = config.g_leak, config.noise, config.refractory_mean, config.refractory_sd
        return self.spiking_class(*membrane, config.random_init, seed)

    def footprint(self, sampling: Sampling) -> Footprint:
        """Transient, pool, and a membrane that never surely forgets."""
        dt = sampling.need_dt("Ganglion")
        between = 0 if self.cells is None else 1  # a cell between pixels sees both
        pool = Footprint(radius=radius(self.pooling_sigma, sampling, "Ganglion") + between)
        own = Footprint.decay(float(self.transient_tau), dt).then(pool)
        return own if self.spikes is None else own.then(self.spikes.footprint(sampling))
