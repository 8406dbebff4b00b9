"""Published parameter sets."""

from __future__ import annotations

from dataclasses import replace

from convis_xr.errors import ParameterError, explain
from convis_xr.models.retina.config import BipolarConfig, GanglionConfig, OPLConfig, RetinaConfig, SpikesConfig

_VIRTUAL_RETINA = "Wohrer & Kornprobst 2009, J Comput Neurosci 26:219; VirtualRetina 2.2.3"

_human_on = GanglionConfig("parvo_on")

#: human parvocellular cells, gain control switched off (gain 0 Hz)
HUMAN_PARVO = RetinaConfig(
    ganglion=(_human_on, replace(_human_on, name="parvo_off", sign=-1)),
    source="Huth, Masquelier & Arleo 2018, Front Neuroinform 12:9",
)

_noiseless = SpikesConfig(noise=0.0, random_init=True)
_parvo = GanglionConfig("parvo_on", transient_tau="30 ms", baseline="80 Hz", spikes=_noiseless)
_magno = replace(_parvo, name="magno_on", transient_weight=1.0, slope="400 Hz", pooling_sigma="0.1 deg")

#: primate parvo- and magnocellular cells of the fovea, without the log-polar scheme
PRIMATE = RetinaConfig(
    opl=OPLConfig(center_sigma="0.03 deg", undershoot_weight=0.0, surround_sigma="0.1 deg", surround_tau="10 ms"),
    bipolar=BipolarConfig("150 Hz", "5 Hz", "0.2 deg", "10 ms", "100 Hz"),
    ganglion=(_parvo, replace(_parvo, name="parvo_off", sign=-1), _magno, replace(_magno, name="magno_off", sign=-1)),
    source=f"{_VIRTUAL_RETINA}, EXAMPLE_primate_ParvoMagno.xml",
)

#: cat X cells
CAT_X = RetinaConfig(
    opl=OPLConfig(
        center_sigma="0.88 deg",
        undershoot_weight=0.5,
        undershoot_tau="200 ms",
        surround_sigma="2.35 deg",
        surround_tau="10 ms",
    ),
    bipolar=BipolarConfig("150 Hz", "5 Hz", "2.5 deg", "10 ms", "100 Hz"),
    ganglion=(
        GanglionConfig(
            "x_on",
            transient_tau="30 ms",
            baseline="80 Hz",
            spikes=SpikesConfig(refractory_sd="1 ms", random_init=True),
        ),
    ),
    source=f"{_VIRTUAL_RETINA}, EXAMPLE_cat_X_cell.xml",
)

PRESETS = {"human_parvo": HUMAN_PARVO, "primate": PRIMATE, "cat_x": CAT_X}


def preset(name: str) -> RetinaConfig:
    """A published parameter set by name: a configuration of your own, to change as you like.

    Raises
    ------
    ParameterError
        There is none of that name.

    Examples
    --------
    >>> preset("cat_x").get("center-sigma__deg")
    <Quantity(0.88, 'degree')>
    """
    if name not in PRESETS:
        names = ", ".join(f'"{known}"' for known in PRESETS)
        raise ParameterError(explain("preset", wanted=f"one of {names}", got=repr(name), cure='preset="human_parvo"'))
    return PRESETS[name].copy()
