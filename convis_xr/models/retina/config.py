"""What a retina is made of: every parameter with its unit, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from convis_xr.models.retina.cells import CircularArray, LogPolar, SquareArray
from convis_xr.models.retina.reading import reading


@dataclass(frozen=True)
class OPLConfig:
    """Outer plexiform layer, see `OPL`.

    Parameters
    ----------
    center_sigma, surround_sigma : quantity [visual angle]
        Widths of centre and surround.
    center_tau, surround_tau : quantity [time]
        Their time constants.
    center_n : int
        Order of the centre's gamma cascade.
    undershoot_weight, undershoot_tau : float, quantity [time]
        Of the partial high-pass of the centre.
    surround_weight : float
        What part of the surround is taken from the centre.
    amplification : float
        Is divided by the range of the input.
    leaky_heat_equation : bool
        VirtualRetina's low-passes that blur what they hold at every step; the paper's convention has none of it.
    """

    center_sigma: str = "0.05 deg"
    center_tau: str = "10 ms"
    center_n: int = 0
    undershoot_weight: float = 0.8
    undershoot_tau: str = "100 ms"
    surround_sigma: str = "0.15 deg"
    surround_tau: str = "4 ms"
    surround_weight: float = 1.0
    amplification: float = 10.0
    leaky_heat_equation: bool = True


@dataclass(frozen=True)
class BipolarConfig:
    """Bipolar cells and their contrast gain control, see `Bipolar`.

    Parameters
    ----------
    input_amplification, g_leak : quantity [Hz]
        Of the input, and the leak at rest.
    adaptation_sigma : quantity [visual angle]
        Width over which the adaptation pools.
    adaptation_tau : quantity [time]
        Its time constant.
    adaptation_gain : quantity [Hz]
        Its strength; 0 Hz: no gain control.
    """

    input_amplification: str = "50 Hz"
    g_leak: str = "50 Hz"
    adaptation_sigma: str = "0.2 deg"
    adaptation_tau: str = "5 ms"
    adaptation_gain: str = "0 Hz"


@dataclass(frozen=True)
class SpikesConfig:
    """Spiking of ganglion cells, see `spiking.NoisyLIF`.

    Parameters
    ----------
    g_leak : quantity [Hz]
        Leak of the membrane.
    noise : float
        Standard deviation of the membrane without threshold; the threshold is 1.
    refractory_mean, refractory_sd : quantity [time]
        Of the time after a spike in which there is none.
    random_init : bool
        Whether membranes start uniform in [0, 1), not at 0.
    """

    g_leak: str = "50 Hz"
    noise: float = 0.1
    refractory_mean: str = "3 ms"
    refractory_sd: str = "0 ms"
    random_init: bool = False


@dataclass(frozen=True)
class GanglionConfig:
    """One layer of ganglion cells, see `Ganglion`.

    Parameters
    ----------
    name : str
        What its outputs are called.
    sign : int
        +1 for ON, -1 for OFF.
    transient_tau, transient_weight : quantity [time], float
        Of the partial high-pass.
    threshold : float
        Where the current begins to grow linearly.
    baseline, slope : quantity [Hz]
        The current there, and what it grows by.
    pooling_sigma : quantity [visual angle]
        Width over which the current is pooled.
    spikes : SpikesConfig or None
        None: the layer gives its current.
    cells : SquareArray, CircularArray or None
        Where the cells sit; None: one at every pixel.
    enabled : bool
        A layer that is switched off is kept as data, and a model does without it.
    """

    name: str
    sign: int = 1
    transient_tau: str = "20 ms"
    transient_weight: float = 0.7
    threshold: float = 0.0
    baseline: str = "37 Hz"
    slope: str = "100 Hz"
    pooling_sigma: str = "0 deg"
    spikes: SpikesConfig | None = field(default_factory=SpikesConfig)
    cells: SquareArray | CircularArray | None = None
    enabled: bool = True


@dataclass(frozen=True)
class MicrosaccadesConfig:
    """VirtualRetina's basic generator of microsaccades: kept as data, a retina does not move its eye.

    For eye movements of a stimulus see `stimuli.eye_movements`.

    Parameters
    ----------
    period_mean, period_sd : quantity [time]
        From one microsaccade to the next.
    amplitude_mean, amplitude_sd : quantity [visual angle]
        How far they go.
    duration_mean, duration_sd : quantity [time]
        How long they take.
    angular_noise : float
        Spread of the direction around the way back, in units of pi radians.
    time_step, pixels_per_degree : str or None
        Scales of the generator.
    """

    period_mean: str = "0.2 s"
    period_sd: str = "0 s"
    amplitude_mean: str = "0.5 deg"
    amplitude_sd: str = "0.1 deg"
    duration_mean: str = "25 ms"
    duration_sd: str = "5 ms"
    angular_noise: float = 0.3
    time_step: str | None = None
    pixels_per_degree: str | None = None


@dataclass(eq=False)
class RetinaConfig:
    """A whole retina, read from and written to the files of VirtualRetina (XML) or JSON.

    Two are equal where they describe the same retina: ``"10 ms"`` is ``"0.01 s"``, and ``source`` does not count.

    Parameters
    ----------
    opl : OPLConfig or None
        Outer plexiform layer; None: the retina has none. So with the other stages.
    bipolar : BipolarConfig or None
        Bipolar cells and contrast gain control.
    ganglion : tuple of GanglionConfig
        Layers of ganglion cells.
    input_range : float or None
        Range of the input that the amplification refers to, in the stimulus' own units; None: that of the stimulus.
    source : str
        Where the numbers come from.
    log_polar : LogPolar or None
        How the density of cells falls outside the fovea.
    time_step, pixels_per_degree : str or None
        Scales that a file was made for (``"5 ms"``, ``"20/deg"``). Those of the stimulus hold; where they differ a
        retina warns.
    microsaccades : MicrosaccadesConfig or None
        Kept as data.
    spelled_out : frozenset of str or None
        What the file that this was read from spells out, as dotted paths; so it can be written as it was.

    Examples
    --------
    >>> config = RetinaConfig(ganglion=(GanglionConfig("on"), GanglionConfig("off", sign=-1)))
    >>> config.get("ganglion-layers.*.sign")
    [1, -1]
    >>> config.set("ganglion-layers.*.spiking-channel.sigma-V", 0.2)
    >>> config.ganglion[1].spikes.noise
    0.2
    """

    opl: OPLConfig | None = field(default_factory=OPLConfig)
    bipolar: BipolarConfig | None = field(default_factory=BipolarConfig)
    ganglion: tuple[GanglionConfig, ...] = ()
    input_range: float | None = None
    source: str = ""
    log_polar: LogPolar | None = None
    time_step: str | None = None
    pixels_per_degree: str | None = None
    microsaccades: MicrosaccadesConfig | None = None
    spelled_out: frozenset[str] | None = field(default=None, repr=False)

    @reading
    def read_xml(path: str | Path) -> RetinaConfig:
        """Read a retina description file of VirtualRetina.

        Called on the class it gives a new configuration; on a configuration it also replaces what that holds.

        Parameters
        ----------
        path : str or Path

        Returns
        -------
        RetinaConfig
            Layers are named ``ganglion_0``, ``ganglion_1``, ... unless `write_xml` noted their names.

        Raises
        ------
        FileNotFoundError
            No such file.
        FormatError
            Not XML, not a retina description, or a value that cannot be; with the line.

        Warns
        -----
        UserWarning
            Elements and attributes that the format does not know, each with its line, and those that are missing.
        """
        from convis_xr.models.retina.config_xml import read_xml

        return read_xml(path)

    @reading
    def read_json(path: str | Path) -> RetinaConfig:
        """Read JSON of the same vocabulary, such as `write_json` and convis write; as `read_xml`."""
        from convis_xr.models.retina.config_json import read_json

        return read_json(path)

    def write_xml(self, path: str | Path) -> None:
        """Write a file that VirtualRetina reads.

        Names of layers are noted in comments, which `read_xml` understands. Layers that are not enabled are left out.

        Raises
        ------
        FormatError
            The format has no place for something: a retina without outer plexiform layer, cells that do not spike.
        UnitError, ParameterError
            A value that cannot be.
        """
        from convis_xr.models.retina.config_xml import write_xml

        write_xml(self, path)

    def write_json(self, path: str | Path) -> None:
        """Write JSON: the vocabulary of the XML file, and what that has no place for; errors as of `write_xml`."""
        from convis_xr.models.retina.config_json import write_json

        write_json(self, path)

    def get(self, path: str, *default: Any) -> Any:
        """A value, or a part of the tree, by its path in the vocabulary of the files.

        Parameters
        ----------
        path : str
            Such as ``"contrast-gain-control.adaptation-tau__sec"``, ``"ganglion-layers.0.spiking-channel.sigma-V"``;
            ``*`` for all layers. ``"pixels-per-degree"``, and whatever belongs to the outer plexiform layer or its
            undershoot, may stand alone.
        default : object, optional
            What is given where this configuration has no such part.

        Returns
        -------
        Quantity, number, bool, str, or dict and list of such

        Raises
        ------
        ParameterError
            The format has no such path; or this configuration has not, and there is no ``default``.

        Examples
        --------
        >>> RetinaConfig().get("contrast-gain-control.adaptation-tau__sec")
        <Quantity(0.005, 'second')>
        """
        from convis_xr.models.retina.config_paths import get

        return get(self, path, *default)

    def set(self, path: str, value: Any, layer_filter: str | None = None) -> None:
        """Set a value, or a part of the tree, in place; all is checked before anything is changed.

        Parameters
        ----------
        path : str
            As of `get`. Among the layers, ``*`` is all of them, ``+`` a new one (what it lacks is VirtualRetina's
            default), ``=`` a copy of the last one and ``=1`` a copy of layer 1. These may also stand alone:
            ``"size__deg"`` (both sides of every square array), ``"uniform-density__inv-deg"`` and ``"enabled"``.
        value : quantity, str, number, bool or dict
            A bare number is in the unit that the name tells. A dict replaces a part as a whole.
        layer_filter : str, optional
            Only layers with this in their name, where the path means all of them.

        Raises
        ------
        ParameterError
            The format has no such path, or the value cannot be.
        UnitError
            The wrong unit.

        Examples
        --------
        >>> config = RetinaConfig(ganglion=(GanglionConfig("on"),))
        >>> config.set("ganglion-layers.=.sign", -1)
        >>> config.set("center-sigma__deg", "3 arcmin")
        >>> [layer.sign for layer in config.ganglion], config.opl.center_sigma
        ([1, -1], '3 arcmin')
        """
        from convis_xr.models.retina.config_paths import changed

        self._become(changed(self, path, value, layer_filter))

    def copy(self) -> RetinaConfig:
        """Another one that holds the same."""
        return replace(self)

    def parameter_values(self) -> Mapping[str, Any]:
        """What a `Retina` made of this has for parameters, by their paths in it."""
        from convis_xr.models.retina.config_model import parameter_values

        return parameter_values(self)

    def _become(self, other: RetinaConfig) -> None:
        self.__dict__.update(other.__dict__)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RetinaConfig):
            return NotImplemented
        from convis_xr.models.retina.config_tree import canonical

        return canonical(self) == canonical(other)

    __hash__ = None  # type: ignore[assignment]
