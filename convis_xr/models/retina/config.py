"""What a retina is made of: every parameter with its unit, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class OPLConfig:
    """Outer plexiform layer."""

    center_sigma: str = "0.05 deg"
    center_tau: str = "10 ms"
    center_n: int = 0
    undershoot_weight: float = 0.8
    undershoot_tau: str = "100 ms"
    surround_sigma: str = "0.15 deg"
    surround_tau: str = "4 ms"
    surround_weight: float = 1.0
    #: is divided by the range of the input
    amplification: float = 10.0
    #: VirtualRetina's low-passes that blur what they hold at every step; the paper's convention has none of it
    leaky_heat_equation: bool = True


@dataclass(frozen=True)
class BipolarConfig:
    """Bipolar cells and their contrast gain control."""

    input_amplification: str = "50 Hz"
    g_leak: str = "50 Hz"
    adaptation_sigma: str = "0.2 deg"
    adaptation_tau: str = "5 ms"
    adaptation_gain: str = "0 Hz"


@dataclass(frozen=True)
class SpikesConfig:
    """Spiking of ganglion cells."""

    g_leak: str = "50 Hz"
    noise: float = 0.1
    refractory_mean: str = "3 ms"
    refractory_sd: str = "0 ms"
    random_init: bool = False


@dataclass(frozen=True)
class GanglionConfig:
    """One layer of ganglion cells; ``sign`` is +1 for ON, -1 for OFF."""

    name: str
    sign: int = 1
    transient_tau: str = "20 ms"
    transient_weight: float = 0.7
    threshold: float = 0.0
    baseline: str = "37 Hz"
    slope: str = "100 Hz"
    pooling_sigma: str = "0 deg"
    spikes: SpikesConfig = field(default_factory=SpikesConfig)


@dataclass(frozen=True)
class RetinaConfig:
    """A whole retina.

    Examples
    --------
    >>> RetinaConfig(ganglion=(GanglionConfig("on"), GanglionConfig("off", sign=-1))).ganglion[1].name
    'off'
    """

    opl: OPLConfig = field(default_factory=OPLConfig)
    bipolar: BipolarConfig = field(default_factory=BipolarConfig)
    ganglion: tuple[GanglionConfig, ...] = ()
    #: range of the input that the amplification refers to, in the stimulus' own units; None: taken from the stimulus
    input_range: float | None = None
    #: where the numbers come from
    source: str = ""
