"""Fixational eye movements: drift, tremor and microsaccades, as a path of the gaze."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from convis_xr.errors import ContractError, explain
from convis_xr.sampling import Sampling
from convis_xr.stimuli.fixation import BLOCK, PAUSE, Fixation, saccade_times
from convis_xr.stimuli.frames import lazy
from convis_xr.stimuli.plane import at_least, seed_number, step_count, text
from convis_xr.stimuli.windows import path_of


def eye_movements(
    duration: Any,
    *,
    drift: Any = "40 arcmin^2/s",
    tremor: Any = "0.2 arcmin",
    tremor_frequency: Any = "90 Hz",
    tremor_bandwidth: Any = "10 Hz",
    microsaccade_rate: Any = "1.5 Hz",
    microsaccade_amplitude: Any = "0.3 deg",
    shortest_microsaccade: Any = "21 ms",
    main_sequence: Any = "2.2 ms/deg",
    seed: int = 0,
    dt: Any = None,
    chunk: Any = None,
) -> xr.DataArray:
    r"""Where the eye looks while it fixates the middle: drift, tremor and microsaccades.

    *Drift* is Brownian, :math:`\langle r^2 \rangle = 4 D t`. *Tremor* is a noise with a narrow spectrum, independent
    along y and x. *Microsaccades* come at independent intervals of at least 0.1 s; each brings the gaze back near the
    middle, undoing the drift since the last one, so that the path stays bounded. They move without jerks,
    :math:`10 s^3 - 15 s^4 + 6 s^5`, and last by the main sequence :math:`T = T_0 + m A`, with the peak velocity
    :math:`1.875\, A / T`.

    Parameters
    ----------
    duration : quantity or int
        Length in time; a bare int is samples.
    drift : quantity [deg^2/s] or None
        ``D``; None: no drift.
    tremor : quantity [deg] or None
        Root mean square along each axis; None: no tremor.
    tremor_frequency, tremor_bandwidth : quantity [Hz]
        Mean and standard deviation of its spectrum.
    microsaccade_rate : quantity [Hz] or None
        Mean number in a second; None: no microsaccades.
    microsaccade_amplitude : quantity [deg]
        Mean amplitude, apart from what they correct of the drift: ends scatter normally about the middle, so
        amplitudes have a Rayleigh distribution.
    shortest_microsaccade : quantity [s]
        ``T_0``.
    main_sequence : quantity [s/deg]
        ``m``.
    seed : int
        The same seed gives the same path, and a longer one begins with the shorter one.
    dt : quantity, optional
        Time step; by default that of `set_options`.
    chunk : quantity or int, optional
        Time steps in one block. Values do not depend on it.

    Returns
    -------
    DataArray (time, axis) [degree]
        ``axis`` is y, x; lazy: a pure function of the absolute time step. For `move` and `moving_window`.

    Raises
    ------
    UnitError
        A bare number or a wrong dimension.
    ContractError
        A value out of range, or a tremor that the time step cannot show.

    Notes
    -----
    Defaults are of the order that the reviews give: Martinez-Conde, Macknik & Hubel 2004, Nat Rev Neurosci 5:229
    (tremor about 90 Hz and a cone wide, microsaccades one to two a second, about 25 ms long); Rucci & Victor 2015,
    Trends Neurosci 38:195 (Brownian drift). Microsaccades as correction of the drift: Engbert et al. 2011, PNAS
    108:E765. Main sequence of small saccades: Zuber, Stark & Cook 1965, Science 150:1459; the numbers of T are those
    of Carpenter 1988, Movements of the Eyes. Velocity profile: Flash & Hogan 1985, J Neurosci 5:1688.

    Examples
    --------
    >>> path = eye_movements("2 s", dt="1 ms")
    >>> path.sizes["time"], path.axis.values.tolist(), float(abs(path).max()) < 2
    (2000, ['y', 'x'], True)
    """
    sampling, number = Sampling(dt), seed_number(seed)
    steps, step = step_count(duration, sampling, "duration", least=1), sampling.need_dt("dt")
    rate = _or_none(microsaccade_rate, "rate", "microsaccade_rate")
    if rate * PAUSE >= 1:
        got, cure = str(microsaccade_rate), 'microsaccade_rate="1.5 Hz"'
        wanted = f"fewer than {1 / PAUSE:g} Hz"
        raise ContractError(explain("microsaccade_rate", wanted=wanted, got=got, cure=cure))
    amplitude = at_least(microsaccade_amplitude, "angle", "microsaccade_amplitude")
    fixation = Fixation(
        dt=step,
        seed=number,
        drift=_or_none(drift, "degree^2/s", "drift"),
        tremor=_or_none(tremor, "angle", "tremor"),
        frequency=at_least(tremor_frequency, "rate", "tremor_frequency"),
        bandwidth=at_least(tremor_bandwidth, "rate", "tremor_bandwidth"),
        scatter=amplitude / math.sqrt(math.pi),
        shortest=at_least(shortest_microsaccade, "time", "shortest_microsaccade"),
        slope=at_least(main_sequence, "s/degree", "main_sequence"),
        times=saccade_times(steps * step, rate, number),
    )
    _check_tremor(fixation)
    blocks = BLOCK if chunk is None else step_count(chunk, sampling, "chunk", least=1)
    gaze = lazy(partial(_gaze, fixation=fixation), (steps, 2, 1), np.dtype(np.float64), blocks)
    attrs = {
        "drift": f"{fixation.drift:.12g} degree^2/s",
        "tremor": text(fixation.tremor, "angle"),
        "microsaccade_rate": text(rate, "rate"),
        "microsaccade_amplitude": text(amplitude, "angle"),
        "seed": str(number),
    }
    return path_of(gaze[:, :, 0], sampling, "fixational eye movements").assign_attrs(attrs)


def _or_none(value: Any, dimension: str, name: str) -> float:
    """0 where nothing is wanted."""
    return 0.0 if value is None else at_least(value, dimension, name)


def _gaze(index: np.ndarray[Any, Any], *, fixation: Fixation) -> np.ndarray[Any, Any]:
    return fixation.at(index)[:, :, None]


def _check_tremor(fixation: Fixation) -> None:
    highest = fixation.frequency + 3 * fixation.bandwidth
    if fixation.tremor and highest * fixation.dt > 0.5:
        wanted = f"a time step of at most {500 / highest:.3g} ms, which shows a tremor of {fixation.frequency:g} Hz"
        cure = 'dt="1 ms", or tremor=None'
        raise ContractError(explain("dt", wanted=wanted, got=f"{fixation.dt * 1e3:g} ms", cure=cure))
