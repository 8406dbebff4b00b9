"""The integrating motion sensor: pixels that integrate, and fire with both signs."""

from __future__ import annotations

from typing import Any

from convis_xr.spiking.change_detector import ChangeDetector


class IntegratingMotionSensor(ChangeDetector):
    r"""Pixels that integrate their input, and fire ON and OFF spikes at whole multiples of a threshold.

    :math:`\dot V = x`; at :math:`V \ge \theta_{on}` an ON spike and :math:`V \leftarrow V - \theta_{on}`, at
    :math:`V \le -\theta_{off}` an OFF spike and :math:`V \leftarrow V + \theta_{off}`: send-on-delta of the integral.
    Fed with the rate of change of the light it is the linear `EventCamera`.

    Parameters
    ----------
    threshold_on, threshold_off : number or quantity
        In the unit of the input times seconds. By default both are equal.
    refractory : quantity [time]
        Time after a spike in which there is no other.
    leak : quantity [rate]
        Rate of ON spikes without input.

    Raises
    ------
    ContractError
        When called: an input that is not finite.
    UnitError
        When called: the input times seconds cannot be converted to the unit of the thresholds.
    OverflowError
        When called: more than 255 spikes of a pixel in a step.

    Notes
    -----
    Input: Tensor (batch, channel, time, y, x) or DataArray, in the unit of the thresholds by second (for bare numbers
    Hz). Outputs: a Dataset of ``on`` and ``off``, spikes per step, uint8, count (a dict of tensors, where a tensor came
    in).

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> drive = cx.as_stimulus(np.array([150.0, 150, 0, -400]), dt="10 ms", units="Hz")
    >>> spikes = cx.spiking.IntegratingMotionSensor(threshold_on=1.0)(drive)
    >>> spikes.on.values, spikes.off.values
    (array([1, 2, 0, 0], dtype=uint8), array([0, 0, 0, 4], dtype=uint8))
    """

    bare_in = True

    def __init__(
        self, threshold_on: Any = 1.0, threshold_off: Any = None, refractory: Any = "0 ms", leak: Any = "0 Hz"
    ) -> None:
        off = threshold_on if threshold_off is None else threshold_off
        super().__init__("integral", threshold_on, off, refractory, leak)
        units = self.threshold_on.units
        self.units_in = "Hz" if units == "1" else f"({units})/s"
