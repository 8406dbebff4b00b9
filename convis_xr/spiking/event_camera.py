"""The event camera: pixels that report changes of light."""

from __future__ import annotations

from typing import Any, Literal

from convis_xr.errors import ParameterError, explain
from convis_xr.spiking.change_detector import ChangeDetector


class EventCamera(ChangeDetector):
    r"""Event camera, or dynamic vision sensor (Lichtsteiner, Posch & Delbruck 2008, IEEE JSSC 43:566).

    Each pixel remembers a reference level. Where :math:`\log L` (or L, ``mode="linear"``) is above it by
    :math:`\theta_{on}` or more, there is an ON event, and the reference moves up by :math:`\theta_{on}`; likewise OFF
    and down. This goes on until the level is within the thresholds, so there may be several events in a step, all at
    its beginning, where the light changes; a pixel that is refractory makes up for them later.

    Parameters
    ----------
    threshold_on, threshold_off : number, or quantity in the unit of the input
        ``"log"``: change of the natural logarithm, 0.2 is a contrast of 22 %. ``"linear"``: change of the input, with
        its unit. By default both are equal.
    mode : "log" or "linear"
        What is compared.
    refractory : quantity [time]
        Time after an event in which there is no other.
    leak : quantity [rate]
        Rate of ON events in constant light, from a reference that leaks (Nozaki & Delbruck 2017, IEEE TED 64:3239).

    Raises
    ------
    ContractError
        When called: an input that is 0 or less (``"log"``) or not finite.
    UnitError
        When called: ``"linear"``, and the input cannot be converted to the unit of the thresholds.
    OverflowError
        When called: more than 255 events of a pixel in a step.

    Notes
    -----
    Input: Tensor (batch, channel, time, y, x) or DataArray of luminance: in any unit for ``"log"``, which knows ratios
    only; in one that converts to that of the thresholds for ``"linear"``. Outputs: a Dataset of ``on`` and ``off``,
    events per step, uint8, count (a dict of tensors, where a tensor came in). The first frame is assumed to have been
    shown for ever before.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> light = cx.as_stimulus(np.array([10.0, 20, 20, 5]), dt="1 ms", units="cd/m^2")
    >>> events = cx.spiking.EventCamera(threshold_on=0.2)(light)
    >>> events.on.values, events.off.values
    (array([0, 3, 0, 0], dtype=uint8), array([0, 0, 0, 6], dtype=uint8))
    """

    start = "first_frame"

    def __init__(
        self,
        threshold_on: Any = 0.2,
        threshold_off: Any = None,
        mode: Literal["log", "linear"] = "log",
        refractory: Any = "0 ms",
        leak: Any = "0 Hz",
    ) -> None:
        if mode not in ("log", "linear"):
            raise ParameterError(explain("mode", wanted='"log" or "linear"', got=repr(mode), cure='mode="log"'))
        off = threshold_on if threshold_off is None else threshold_off
        super().__init__(mode, threshold_on, off, refractory, leak)
        if mode == "linear":
            self.units_in = self.threshold_on.units
        elif self.threshold_on.units != "1":
            got, cure = self.threshold_on.units, 'threshold_on=0.2, or mode="linear"'
            raise ParameterError(
                explain("threshold_on", wanted="a change of the logarithm, a bare number", got=got, cure=cure)
            )
