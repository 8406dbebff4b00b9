"""The retina and its stages."""

from __future__ import annotations

import convis_xr as cx
from convis_xr.models.retina import OPL, Bipolar, BipolarConfig, Ganglion, GanglionConfig, OPLConfig
from tests.properties.cases.case import Case


def _retina(**options: object) -> cx.Layer:
    retina = cx.models.Retina(**options)  # type: ignore[arg-type]
    retina.bipolar.adaptation_gain = "80 Hz"
    return retina


CASES = [
    Case("OPL", lambda: OPL(OPLConfig(center_n=1))),
    Case("Bipolar", lambda: Bipolar(BipolarConfig(adaptation_gain="80 Hz"))),
    Case("Bipolar, no gain control", lambda: Bipolar()),
    Case("Ganglion", lambda: Ganglion(GanglionConfig("on", pooling_sigma="0.1 deg")), smooth=False, close=False),
    Case("Ganglion, current", lambda: Ganglion(GanglionConfig("off", sign=-1), spikes=False)),
    Case("Retina", lambda: _retina(), smooth=False, close=False),
    Case("Retina, currents", lambda: _retina(preset="primate", spikes=False)),
]
