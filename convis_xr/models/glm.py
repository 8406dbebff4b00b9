"""The generalized linear model of spiking cells: stimulus filter, spike history, coupling."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from convis_xr import dims
from convis_xr.coordinates import grid
from convis_xr.errors import ContractError, ParameterError, explain
from convis_xr.filters import RF
from convis_xr.filters.geometry import check_step, step_of
from convis_xr.footprint import Footprint
from convis_xr.kernels.glm import filtered_counts, glm
from convis_xr.parameters import Parameter, State
from convis_xr.random_layer import RandomLayer
from convis_xr.sampling import Sampling, dequantified
from convis_xr.selection import Selection
from convis_xr.spiking.refusals import told
from convis_xr.tensors import Labels, cell_labels
from convis_xr.units import Quantity


class GLM(RandomLayer):
    r"""Cells whose rate follows from the stimulus, from their own past spikes and from those of others.

    :math:`\lambda_i(t) = \exp\bigl((k_i * s)(t) + b_i + \sum_j \sum_{l \ge 1} h_{ij}(l)\, n_j(t - l)\bigr)` in Hz, and
    :math:`n_i(t) \sim \mathrm{Poisson}(\lambda_i(t)\,dt)`: a point process whose log-likelihood is concave (Paninski
    2004, Network 15:243; Pillow et al. 2008, Nature 454:995). The filters of spikes are weighted sums of a basis.

    Parameters
    ----------
    kernel_size : (time, y, x)
        Lengths of the stimulus filters; plain ints are samples.
    cells : int
        Number of cells.
    history, coupling : DataArray (component, time), optional
        Basis of the filters of a cell's own spikes, and of those of the others, such as
        `convis_xr.filters.kernels.raised_cosines`. Their first sample weighs the counts of the step before. None: there
        are no such filters.
    in_channels, placement
        As of `convis_xr.filters.RF`: one field for all cells.
    seed : int
        Which random numbers; `run(seed=)` overrides it.

    Raises
    ------
    ParameterError
        A basis of other dimensions, or a number of cells that is none.
    ContractError
        When called: the time step of a basis is not that of the stimulus.
    OverflowError
        When called: more than 255 spikes in a step, as of spikes that excite each other without end.

    Notes
    -----
    Input: Tensor (batch, channel, time, y, x) or DataArray in any unit. Outputs: ``response``, spikes per step, drawn
    as of `convis_xr.spiking.Poisson`, each step knowing those before; ``rate`` [Hz], given these spikes. Labelled, both
    are (time, cell). Before the first frame there was zero, and no spike.

    With recorded counts (batch, 1, time, 1, cell) as a second tensor, the ``rate`` given these is all that comes out,
    and gradients reach every parameter: what a fit wants.

    Parameters: ``stimulus.weight`` (cell, channel, lag, y, x) in 1/(unit of the stimulus), ``stimulus.bias`` (cell),
    the logarithm of a rate in Hz, ``history`` (cell, component) and ``coupling`` (cell, source, component), whose
    diagonal is not used. All are 0 at first.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> basis = cx.filters.kernels.raised_cosines(4, "2 ms", "20 ms", dt="1 ms")
    >>> model = cx.models.GLM((5, 4, 4), cells=2, history=basis, coupling=basis)
    >>> model.stimulus.bias = [3.0, 4.0]
    >>> model.history = np.tile([-5.0, 0.0, 0.0, 0.0], (2, 1))
    >>> noise = cx.stimuli.white_noise("2 s", 4, dt="1 ms", pixel_size="0.1 deg", seed=1)
    >>> model(noise).sizes
    Frozen({'time': 2000, 'cell': 2})
    """

    units_out = "count"
    #: ``forward`` takes recorded counts as a second input, and then gives the rate that follows from them
    teacher_forced = True
    past: Any

    def __init__(
        self,
        kernel_size: Any = (10, 1, 1),
        cells: int = 1,
        history: xr.DataArray | None = None,
        coupling: xr.DataArray | None = None,
        in_channels: int = 1,
        placement: Any = "center",
        seed: int = 0,
    ) -> None:
        super().__init__(seed)
        self.stimulus = RF(in_channels, cells, kernel_size, placement=placement)
        self.stimulus.set_weight(0.0)
        #: time steps that the bases were made for, s
        self.basis_steps: list[float] = []
        own, others = self._basis("history", history), self._basis("coupling", coupling)
        self.register_buffer("history_basis", own)
        self.register_buffer("coupling_basis", others)
        self.history = (
            None if own is None else Parameter(torch.zeros(cells, len(own)), doc="own spikes (cell, component)")
        )
        doc = "spikes of others (cell, source, component)"
        self.coupling = None if others is None else Parameter(torch.zeros(cells, cells, len(others)), doc=doc)
        self.past = State(doc="counts of the last steps (batch, lag, cell)", primed=False)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Spikes, and the rate that they were drawn at."""
        return ("response", "rate")

    def output_units(self, name: str, input_units: str) -> str:
        """Spikes per step, or Hz."""
        return "Hz" if name == "rate" else "count"

    def output_labels(
        self, name: str, like: xr.DataArray, shape: tuple[int, ...], selection: Selection | None = None
    ) -> Labels:
        """Over time and cells."""
        numbers = xr.Variable(dims.CELL, np.arange(shape[-1]), {"long_name": "number of the cell"})
        return cell_labels(like, shape, {dims.CELL: numbers})

    def footprint(self, sampling: Sampling) -> Footprint:
        """A cell remembers its spikes, which remember those before; it sees the whole frame."""
        memory = math.inf if self.lags else self.stimulus.footprint(sampling).memory
        return Footprint(memory=memory, radius=math.inf, mixes_channels=True)

    @property
    def lags(self) -> int:
        """How many steps a spike is remembered."""
        return max(
            (basis.shape[1] for basis in (self.history_basis, self.coupling_basis) if basis is not None), default=0
        )

    def spike_weights(self) -> Tensor:
        """The filters h (cell, source, lag), lag 0 being the step before; autograd can follow."""
        cells = self.stimulus.weight.shape[0]
        made = self.stimulus.weight.new_zeros(cells, cells, self.lags)
        if self.history is not None:
            own = self.history @ self.history_basis.to(self.history.dtype)
            made = made + torch.nn.functional.pad(
                torch.diag_embed(own.T).permute(1, 2, 0), (0, self.lags - own.shape[1])
            )
        if self.coupling is not None:
            others = _of_others(self.coupling) @ self.coupling_basis.to(self.coupling.dtype)
            made = made + torch.nn.functional.pad(others, (0, self.lags - others.shape[2]))
        return made

    @property
    def spike_filters(self) -> xr.DataArray:
        """The filters of spikes (cell, source, time): what a spike adds to the logarithm of a rate, by its age [s]."""
        if not self.lags:
            cure = 'GLM(..., history=cx.filters.kernels.raised_cosines(5, "2 ms", "50 ms", dt="1 ms"))'
            wanted, got = "a model with history or coupling", "one without"
            raise ContractError(explain("spike_filters", wanted=wanted, got=got, cure=cure))
        sampling = Sampling(Quantity(self.basis_steps[0], "s") if self.basis_steps else None)
        numbers = np.arange(self.stimulus.weight.shape[0])
        coords = grid({dims.TIME: self.lags}, sampling, start=sampling.need_dt("spike_filters"))
        coords[dims.TIME].attrs["long_name"] = "time since the spike"
        made = xr.DataArray(
            self.spike_weights().detach().cpu().numpy(), coords, (dims.CELL, "source", dims.TIME), "spike_filters"
        )
        return made.assign_coords({dims.CELL: numbers, "source": numbers}).assign_attrs(units="1")

    def forward(self, x: Tensor, counts: Tensor | None = None) -> Tensor | dict[str, Tensor]:
        """Spikes and rate of (batch, channel, time, y, x), or the rate given counts (batch, 1, time, 1, cell)."""
        for step in self.basis_steps:
            check_step(step, self.info.sampling, "basis")
        drive = self.stimulus(x)[..., 0, 0].transpose(1, 2)
        if counts is not None:
            self._check_counts(x, counts)
            events = counts[:, 0, :, 0].to(drive.dtype)
            made = {"rate": self._rate(drive, events, self._known(events))}
        else:
            before, wanted = self._known(drive), self.wanted_outputs
            drawn = self._draw(drive, before)
            events = drawn.to(drive.dtype)
            made = {"response": drawn} if "response" in wanted else {}
            if "rate" in wanted:
                made["rate"] = self._rate(drive, events, before)
        self.past = _last(torch.cat([self._known(events), events], 1), self.lags).clone()
        self.count(x)
        return {name: values[:, None, :, None] for name, values in made.items()}

    def _rate(self, drive: Tensor, events: Tensor, before: Tensor) -> Tensor:
        """Rate (batch, time, cell) given the counts of these steps, and of those before."""
        log_rate = drive
        if self.history is not None:
            own = filtered_counts(events, _last(before, self.history_basis.shape[1]), self.history_basis)
            log_rate = log_rate + (own * self.history.to(own.dtype)).sum(3)
        if self.coupling is not None:
            others = filtered_counts(events, _last(before, self.coupling_basis.shape[1]), self.coupling_basis)
            log_rate = log_rate + others.flatten(2) @ _of_others(self.coupling).flatten(1).T.to(others.dtype)
        return log_rate.exp()

    def _draw(self, drive: Tensor, before: Tensor) -> Tensor:
        """Counts (batch, time, cell)."""
        facts: dict[str, Any] = {"dt": self.dt, "key": self.key, "step": self.next_step, "repeat": self.repeat}
        with told():
            drawn, _ = glm(drive, before, self.spike_weights().to(drive.dtype), **facts)
        return drawn

    def _known(self, like: Tensor) -> Tensor:
        """Counts of the steps before (batch, lag, cell); none before the first."""
        return like.new_zeros(len(like), self.lags, like.shape[2]) if self.past is None else self.past

    def _check_counts(self, x: Tensor, counts: Tensor) -> None:
        cells = self.stimulus.weight.shape[0]
        if counts.ndim != 5 or counts.shape[1:] != (1, x.shape[2], 1, cells) or x.shape[0] not in (1, len(counts)):
            wanted, got = f"(batch, 1, time: {x.shape[2]}, 1, cell: {cells})", f"shape {tuple(counts.shape)}"
            cure = "counts of the same steps, one for each cell, in the last axis"
            raise ContractError(explain("counts", wanted=wanted, got=got, cure=cure))
        if not bool(counts.isfinite().all()):
            cure = "a part without gaps: what follows from a spike that nobody saw cannot be told"
            raise ContractError(explain("counts", wanted="finite values", got="NaN or infinity", cure=cure))
        if bool((counts < 0).any()):
            raise ContractError(explain("counts", wanted="0 or more", got="negative ones", cure="spikes per step"))

    def _basis(self, name: str, given: Any) -> Tensor | None:
        """The values of a basis (component, lag), whose time step is kept."""
        if given is None:
            return None
        plain = dequantified(given) if hasattr(given, "dims") else given
        if not hasattr(plain, "dims") or set(plain.dims) != {dims.COMPONENT, dims.TIME} or not plain.size:
            got = f"dims {plain.dims}" if hasattr(plain, "dims") else type(plain).__name__
            cure = 'cx.filters.kernels.raised_cosines(5, "2 ms", "50 ms", dt="1 ms")'
            raise ParameterError(explain(name, wanted="a basis (component, time)", got=got, cure=cure))
        if plain.dtype.kind not in "biuf" or not np.isfinite(plain.values).all():
            got, cure = "others" if plain.dtype.kind in "biuf" else str(plain.dtype), "a look at what made it"
            raise ParameterError(explain(name, wanted="a basis of finite numbers", got=got, cure=cure))
        step = step_of(plain)
        self.basis_steps += [] if step is None else [step]
        return torch.from_numpy(np.array(plain.transpose(dims.COMPONENT, dims.TIME).values, np.float64))


def _last(counts: Tensor, steps: int) -> Tensor:
    """The last steps of (batch, time, cell)."""
    return counts[:, counts.shape[1] - steps :]


def _of_others(weights: Tensor) -> Tensor:
    """Weights (cell, source, component) where a cell is none of the others."""
    return weights * (1 - torch.eye(len(weights), dtype=weights.dtype, device=weights.device))[:, :, None]
