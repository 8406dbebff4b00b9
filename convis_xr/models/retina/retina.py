"""The retina: outer plexiform layer, bipolar cells, ganglion cells."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import xarray as xr
from torch import Tensor

from convis_xr.context import running
from convis_xr.errors import ParameterError, explain
from convis_xr.events import Events
from convis_xr.footprint import Footprint
from convis_xr.kernels.scalars import number
from convis_xr.layer import Layer
from convis_xr.models.retina.bipolar import Bipolar
from convis_xr.models.retina.config import GanglionConfig, RetinaConfig
from convis_xr.models.retina.config_model import config_in, fitted_config, other_scales
from convis_xr.models.retina.ganglion import STAGES, Ganglion
from convis_xr.models.retina.opl import OPL
from convis_xr.models.retina.presets import preset as preset_of
from convis_xr.models.retina.virtualretina import LateBipolar, LateGanglion, LateOPL
from convis_xr.sampling import Sampling
from convis_xr.selection import Selection
from convis_xr.tensors import Labels
from convis_xr.turns import in_turn

_LOG = logging.getLogger(__name__)

_FIXED_OUTPUTS = ("center", "surround", "opl", "bipolar", "adaptation")
_UNITS = {"adaptation": "Hz", "current": "Hz", "spikes": "count", "times": "s"}


class Retina(Layer):
    r"""The retina of Wohrer & Kornprobst (2009, J Comput Neurosci 26:219), from light to spikes.

    Light passes the outer plexiform layer (`OPL`), bipolar cells with contrast gain control (`Bipolar`), and any
    number of ganglion cell layers (`Ganglion`):

    .. math::
        I &= \lambda\,(C - w S), \quad C = T_{w_U,\tau_U} * E_{n,\tau_C} * G_C * L, \quad S = E_{\tau_S} * G_S * C \\
        \dot V &= A I - (g_0 + G_A * E_{\tau_A} * \lambda_A V^2)\, V \\
        J &= G_p * N(\pm\, T_{w,\tau} * V), \quad \dot v = J + \mathrm{noise} - g_L v, \text{ a spike where } v = 1

    Parameters
    ----------
    preset : str or RetinaConfig
        ``"human_parvo"`` (gain control off), ``"primate"``, ``"cat_x"``, or a configuration of your own; for one in a
        file see `from_config`. What a configuration lacks the retina has not.
    convention : "paper" or "virtualretina"
        The equations of the paper, with true Gaussians and no artificial delays; or what the reference simulator
        VirtualRetina 2.2.3 makes of them, stage by stage, for those who must reproduce it.
    opl, bipolar : bool
        Whether to have these stages; without, the signal is handed on as it is.
    ganglion : sequence of str, optional
        Names of the layers to keep; by default all.
    spikes : bool
        Whether ganglion cells spike; else they give their current.
    input_range : float, optional
        Range of the luminance that the amplification refers to, in the stimulus' own unit; by default that of
        its ``valid_range``.
    seed : int
        Seed of the noise.
    spatial, temporal : str, optional
        How the outer plexiform layer is computed, see `OPL`; by default and for "virtualretina" the convention's own.

    Notes
    -----
    Input: Tensor (batch, channel, time, y, x) or DataArray, luminance; every channel on its own. Outputs by name,
    of the same frame: ``center`` and ``surround``, both amplified, the surround weighted, so that their difference is
    ``opl``; ``bipolar`` (all dimensionless), ``adaptation`` [Hz], and for every ganglion layer ``<name>`` (spikes per
    step, uint8, count),
    ``<name>_transient`` (dimensionless), ``<name>_current`` [Hz] and ``<name>_times`` (from a run: the exact time of
    each spike [s], a table of events). By default ``<name>`` of every layer. Where a layer is sampled by an array
    (``GanglionConfig.cells``), its outputs are (time, cell).

    Before the first frame that frame is taken to have been shown for ever; by the convention of VirtualRetina a uniform
    screen in the middle of the range, and only for the outer plexiform layer: later stages start at 0.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> flash = np.full((200, 12, 12), 0.5)
    >>> flash[100:, 4:8, 4:8] = 1.0
    >>> film = cx.as_stimulus(flash, dt="1 ms", pixel_size="0.1 deg", units="1", valid_range=(0, 1))
    >>> retina = cx.models.Retina("primate", ganglion=["parvo_on"])
    >>> response = retina(film)
    >>> response.parvo_on.dtype, response.parvo_on.attrs["units"]
    (dtype('uint8'), 'count')
    >>> retina.bipolar.adaptation_tau = "8 ms"
    """

    start = "first_frame"
    selects = True
    block_bytes = 2**23
    takes_turns = True

    def __init__(
        self,
        preset: str | RetinaConfig = "human_parvo",
        convention: str = "paper",
        *,
        opl: bool = True,
        bipolar: bool = True,
        ganglion: Sequence[str] | None = None,
        spikes: bool = True,
        input_range: float | None = None,
        seed: int = 0,
        spatial: str | None = None,
        temporal: str | None = None,
    ) -> None:
        super().__init__()
        _check_convention(convention, spatial, temporal)
        config = preset.copy() if isinstance(preset, RetinaConfig) else preset_of(preset)
        kept = _kept(config.ganglion, ganglion)
        limits = config.input_range if input_range is None else input_range
        opl, bipolar = opl and config.opl is not None, bipolar and config.bipolar is not None
        if not (opl or bipolar or kept):
            raise ParameterError(explain("Retina", wanted="at least one stage", got="none", cure="bipolar=True"))
        self.config, self.convention = config, convention
        late = convention == "virtualretina"
        self.opl: OPL | None = None
        if opl and late:
            self.opl = LateOPL(config.opl, limits)
        elif opl:
            self.opl = OPL(config.opl, limits, spatial or "gaussian", temporal or "recursive")
            _tell_of_leaky_filters(config)
        self.bipolar = (LateBipolar if late else Bipolar)(config.bipolar) if bipolar else None
        self.ganglion_names: tuple[str, ...] = ()
        for layer in kept:
            _check_name(self, layer.name)
            own = (layer, spikes, seed, config.log_polar)
            self.add_module(layer.name, LateGanglion(*own, input_is_late=not bipolar) if late else Ganglion(*own))
            self.ganglion_names += (layer.name,)
        if config.microsaccades is not None:
            got, cure = "microsaccades, which move the stimulus", "move the stimulus before it meets the retina"
            warnings.warn(explain("config", wanted="what a retina does", got=got, cure=cure), stacklevel=2)

    @classmethod
    def from_config(cls, config: str | Path | RetinaConfig, convention: str = "paper", **options: Any) -> Retina:
        """A retina by a configuration.

        Parameters
        ----------
        config : str, Path or RetinaConfig
            A file of VirtualRetina (.xml) or of convis (.json), or a configuration.
        convention : str
            As of the class.
        **options
            The other arguments of the class.

        Raises
        ------
        FileNotFoundError, FormatError
            The file is not there, or not what it should be.
        ParameterError
            Neither a path nor a configuration.

        Notes
        -----
        Time step and pixel pitch are those of the stimulus; the range of the luminance is that of the configuration,
        unless ``input_range`` is given. Where a configuration was made for others than the stimulus has, the retina
        warns when it meets it.

        Examples
        --------
        >>> from convis_xr.models.retina import RetinaConfig
        >>> Retina.from_config(RetinaConfig(bipolar=None), input_range=255).output_names
        ('center', 'surround', 'opl')
        """
        return cls(config if isinstance(config, RetinaConfig) else config_in(config), convention, **options)

    def to_config(self) -> RetinaConfig:
        """The configuration of this retina as it is now: fitted values, in the units that they had.

        Returns
        -------
        RetinaConfig
            Of the stages and layers that this retina has.

        Examples
        --------
        >>> retina = Retina("cat_x")
        >>> retina.bipolar.adaptation_tau = "8 ms"
        >>> retina.to_config().bipolar.adaptation_tau
        '8 ms'
        """
        return fitted_config(self)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Every output that can be asked for."""
        names = [*_FIXED_OUTPUTS[:3]] if self.opl is not None else []
        names += _FIXED_OUTPUTS[3:] if self.bipolar is not None else ()
        for name in self.ganglion_names:
            stages = STAGES if self._ganglion(name).spikes is not None else STAGES[:2]
            names += [_variable(name, stage) for stage in stages]
        return tuple(names)

    @property
    def default_outputs(self) -> tuple[str, ...]:
        """The last stage there is."""
        if self.ganglion_names:
            return tuple(_variable(name, self._ganglion(name).last) for name in self.ganglion_names)
        return ("bipolar",) if self.bipolar is not None else ("opl",)

    def output_units(self, name: str, input_units: str) -> str:
        """Unit of one output."""
        _, stage = self._source_of(name)
        return _UNITS.get(stage, "1")

    def output_labels(
        self, name: str, like: xr.DataArray, shape: tuple[int, ...], selection: Selection | None = None
    ) -> Labels:
        """Those of the frame, or of the cells of a layer that is sampled by an array of them."""
        layer, _ = self._source_of(name)
        if layer is None:
            return super().output_labels(name, like, shape, selection)
        return self._ganglion(layer).output_labels(name, like, shape, selection)

    def forward(self, x: Tensor) -> dict[str, Tensor | Events]:
        """The wanted outputs for luminance (batch, channel, time, y, x)."""
        context = running(self)
        if context is None or context.warns:
            self._warn_of_coarse_steps()
            self._warn_of_other_scales()
        wanted = self.wanted_outputs
        made: dict[str, Any] = {}
        signal, selection = x, self.selection
        if self.opl is not None:
            with in_turn("opl"):
                made, signal = self.opl.follow(signal, wanted)
        # A stage that has begun goes on even where it is not wanted: its state would fall behind.
        if self.bipolar is not None and (self._reaches_beyond_opl(wanted) or self.bipolar.potential is not None):
            with in_turn("bipolar"):
                signal, adaptation = self.bipolar.follow(signal, with_adaptation="adaptation" in wanted)
            if "bipolar" in wanted:
                made["bipolar"] = signal
            if adaptation is not None:
                made["adaptation"] = adaptation
        if selection is not None:
            made = {name: selection.take(made[name]) for name in made if name in wanted}
        for name in self.ganglion_names:
            layer = self._ganglion(name)
            with in_turn(name):
                asked = layer.with_begun([stage for stage in STAGES if _variable(name, stage) in wanted])
                stages = layer.stages(signal, asked, selection) if asked else {}
            made.update({_variable(name, stage): value for stage, value in stages.items()})
        # By one convention all is computed in double precision; what comes out is as precise as what went in.
        return {name: as_precise(made[name], x) for name in wanted}

    def working_arrays(self, outputs: Sequence[str]) -> float:
        """Double precision needs twice the room."""
        return super().working_arrays(outputs) * (2 if self.convention == "virtualretina" else 1)

    def footprint(self, sampling: Sampling) -> Footprint:
        """Stage after stage; ganglion layers side by side."""
        whole = Footprint()
        for stage in (self.opl, self.bipolar):
            whole = whole if stage is None else whole.then(stage.footprint(sampling))
        beside = Footprint()
        for name in self.ganglion_names:
            beside = beside.beside(self._ganglion(name).footprint(sampling))
        return whole.then(beside)

    def _reaches_beyond_opl(self, wanted: Sequence[str]) -> bool:
        return bool(set(wanted) - {*_FIXED_OUTPUTS[:3]})

    def _source_of(self, name: str) -> tuple[str | None, str]:
        """The ganglion layer and the stage that an output comes from; None and its name where it is no such layer's."""
        for layer in self.ganglion_names:
            for stage in STAGES:
                if name == _variable(layer, stage):
                    return layer, stage
        return None, name

    def _ganglion(self, name: str) -> Ganglion:
        layer = self.get_submodule(name)
        assert isinstance(layer, Ganglion)
        return layer

    def _warn_of_coarse_steps(self) -> None:
        """Exponentials are exact at any step, but what happens within one step is lost.

        Each pole of a gamma cascade has its own, faster, time constant.
        """
        dt = self.dt
        taus = {
            path: number(value) / max(int(getattr(self.get_submodule(path.rpartition(".")[0]), "n", 0)), 1)
            for path, value in self.named_parameters()
            if path.endswith("tau") and number(value) > 0
        }
        fastest = min(taus, key=lambda path: taus[path], default=None)
        if fastest is not None and dt > taus[fastest] * (1 + 1e-9):
            message = explain(
                "dt",
                wanted=f"a time step of at most {taus[fastest] * 1e3:g} ms ({fastest})",
                got=f"{dt * 1e3:g} ms",
                cure='resample the stimulus, for instance to dt="1 ms"',
            )
            warnings.warn(message, stacklevel=2)

    def _warn_of_other_scales(self) -> None:
        """Say where the configuration was made for other scales than the stimulus has, which hold."""
        found = other_scales(self.config, self.info, None if self.opl is None else self.opl.input_range)
        if found:
            wanted = "scales as in the configuration"
            cure = "time and space are those of the stimulus; resample it, or change the configuration"
            warnings.warn(explain("stimulus", wanted=wanted, got="; ".join(found), cure=cure), stacklevel=2)


def as_precise(output: Any, x: Tensor) -> Any:
    """An output in the precision of the input; counts and events are as they are."""
    return output.to(x.dtype) if isinstance(output, Tensor) and output.is_floating_point() else output


def _variable(layer: str, stage: str) -> str:
    """Name of an output of a ganglion layer."""
    return layer if stage == "spikes" else f"{layer}_{stage}"


def _check_convention(convention: str, spatial: str | None, temporal: str | None) -> None:
    """Raise where there is no such convention, or where it leaves no choice."""
    if convention not in ("paper", "virtualretina"):
        wanted, cure = '"paper" or "virtualretina"', 'convention="paper"'
        raise ParameterError(explain("convention", wanted=wanted, got=repr(convention), cure=cure))
    own = {"spatial": (spatial, "deriche"), "temporal": (temporal, "recursive")}
    for name, (chosen, only) in own.items():
        if convention == "virtualretina" and chosen not in (None, only):
            wanted, cure = f'"{only}" by the convention "virtualretina"', f'leave {name} out, or convention="paper"'
            raise ParameterError(explain(name, wanted=wanted, got=repr(chosen), cure=cure))


def _tell_of_leaky_filters(config: RetinaConfig) -> None:
    if config.opl is not None and config.opl.leaky_heat_equation:
        _LOG.info("OPL: leaky_heat_equation is VirtualRetina's; by the convention of the paper filters are separable")


def _check_name(retina: Retina, name: str) -> None:
    """Raise where a ganglion layer cannot have this name: as a path, an attribute, or beside the other outputs."""
    outputs = {_variable(name, stage) for stage in STAGES} & {*_FIXED_OUTPUTS, *retina.output_names}
    if not name.isidentifier() or hasattr(retina, name) or outputs:
        wanted = "a name of its own for every layer, of letters, digits and _"
        raise ParameterError(explain("ganglion", wanted=wanted, got=repr(name), cure='GanglionConfig("midget_on")'))


def _kept(layers: tuple[GanglionConfig, ...], names: Sequence[str] | None) -> list[GanglionConfig]:
    known = [layer.name for layer in layers]
    if names is None:
        return [layer for layer in layers if layer.enabled]
    chosen = [names] if isinstance(names, str) else list(names)
    unknown = [name for name in chosen if name not in known]
    if unknown:
        wanted = f"names among {', '.join(known) or 'none'}"
        raise ParameterError(explain("ganglion", wanted=wanted, got=str(unknown[0]), cure=f"ganglion={known[:1]}"))
    return [layer for layer in layers if layer.name in chosen]
