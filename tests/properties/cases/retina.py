"""The retina and its stages."""

from __future__ import annotations

import convis_xr as cx
from convis_xr.models.retina import OPL, Bipolar, BipolarConfig, Ganglion, GanglionConfig, OPLConfig, RetinaConfig
from convis_xr.models.retina.cells import SquareArray
from tests.properties.cases.case import Case


def _retina(**options: object) -> cx.Layer:
    retina = cx.models.Retina(**options)  # type: ignore[arg-type]
    retina.bipolar.adaptation_gain = "80 Hz"
    return retina


def _sampled(pool: str) -> GanglionConfig:
    return GanglionConfig("on", cells=SquareArray("7/deg"), pooling_sigma=pool)


_SEPARABLE = RetinaConfig(
    opl=OPLConfig(center_n=2, leaky_heat_equation=False),
    ganglion=(GanglionConfig("on", pooling_sigma="0.1 deg"),),
)

CASES = [
    Case("OPL", lambda: OPL(OPLConfig(center_n=1))),
    Case("OPL, Deriche", lambda: OPL(OPLConfig(), spatial="deriche")),
    Case("OPL, fir", lambda: OPL(OPLConfig(center_n=1, undershoot_tau="10 ms"), temporal="fir"), rounding=True),
    Case("Bipolar", lambda: Bipolar(BipolarConfig(adaptation_gain="80 Hz"))),
    Case("Bipolar, no gain control", lambda: Bipolar()),
    Case("Ganglion", lambda: Ganglion(GanglionConfig("on", pooling_sigma="0.1 deg")), smooth=False, close=False),
    Case("Ganglion, current", lambda: Ganglion(GanglionConfig("off", sign=-1), spikes=False)),
    Case("Ganglion, sampled", lambda: Ganglion(_sampled("0 deg")), smooth=False, close=False),
    Case("Ganglion, sampled current of a pool", lambda: Ganglion(_sampled("0.05 deg"), spikes=False)),
    Case("Retina", lambda: _retina(), smooth=False, close=False),
    Case("Retina, currents", lambda: _retina(preset="primate", spikes=False)),
    Case("Retina, VirtualRetina", lambda: _retina(convention="virtualretina"), smooth=False, close=False),
    Case("Retina, VirtualRetina, currents", lambda: _retina(convention="virtualretina", preset="cat_x", spikes=False)),
    # where a weight is 0 a link vanishes, with its delay: a jump
    Case(
        "Retina, VirtualRetina, no undershoot",
        lambda: _retina(convention="virtualretina", preset="primate", spikes=False),
        smooth=False,
    ),
    Case(
        "Retina, VirtualRetina, separable",
        lambda: _retina(convention="virtualretina", preset=_SEPARABLE, spikes=False),
    ),
]
