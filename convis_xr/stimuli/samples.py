"""Random input and the output of a linear-nonlinear model, for trying out fits."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from scipy.signal import convolve

from convis_xr import dims
from convis_xr.contract import check_stimulus
from convis_xr.coordinates import grid
from convis_xr.errors import ContractError, explain
from convis_xr.sampling import Sampling
from convis_xr.stimuli.kernels import DISTRIBUTIONS, labelled, random_values
from convis_xr.stimuli.plane import choice, pixel_counts, seed_number, step_count

AXES = (dims.TIME, *dims.SPACE)


class SampleGenerator:
    """A linear-nonlinear model with a kernel of its own: its response is ``max(kernel * input, 0)``.

    Parameters
    ----------
    kernel : {"random", "randn", "rand", "sparse"} or array (time, y, x)
        Kind of random kernel, see `kernels.random`; or the impulse response itself (leading axes of length 1 are
        dropped).
    kernel_size : triple (time, y, x)
        Of a random kernel, in samples.
    p : float
        Ratio of ones in a sparse kernel.
    seed : int
        The same seed gives the same kernel and, call for call, the same input.
    dt, pixel_size : quantity, optional
        By default those of `set_options`, else ``"1 ms"`` and ``"0.1 deg"``.

    Attributes
    ----------
    kernel : DataArray (time, y, x) [1]
        The impulse response.

    Examples
    --------
    >>> made = SampleGenerator("sparse", kernel_size=(20, 5, 5), p=0.05)
    >>> stimulus, response = made.generate(size=(100, 10, 10))
    >>> response.dims, bool((response >= 0).all())
    (('time', 'y', 'x'), True)
    """

    def __init__(
        self,
        kernel: Any = "random",
        kernel_size: Any = (10, 5, 5),
        p: Any = 0.1,
        *,
        seed: int = 0,
        dt: Any = None,
        pixel_size: Any = None,
    ) -> None:
        self._sampling = _sampling(dt, pixel_size)
        self._seed = seed_number(seed)
        self._calls = 0
        if isinstance(kernel, str):
            values = random_values(
                _shape(kernel_size, "kernel_size", self._sampling), choice(kernel, DISTRIBUTIONS, "kernel"), p, seed
            )
        else:
            values = _three_axes(kernel, "kernel")
        self.kernel = labelled(values, self._sampling, {"long_name": "kernel of the sample generator", "units": "1"})

    def generate(
        self, input: Any = "random", size: Any = (2000, 20, 20), p: Any = 0.1
    ) -> tuple[xr.DataArray, xr.DataArray]:
        """Make random input and the response to it, in memory.

        Parameters
        ----------
        input : {"random", "randn", "rand", "sparse"}, DataArray or array (time, y, x)
            Kind of random numbers, see `kernels.random`; or the input itself.
        size : triple (time, y, x)
            Of random input; bare ints are samples.
        p : float
            Ratio of ones in sparse input.

        Returns
        -------
        stimulus, response : DataArray (time, y, x) [1]
            Before the first sample the input was 0; outside the frame the nearest pixel counts.

        Raises
        ------
        ContractError
            An unknown name, a wrong size or NaN.
        """
        stimulus = self._input(input, size, p)
        return stimulus, stimulus.copy(data=self._respond(stimulus.values)).rename("response").assign_attrs(
            long_name="response"
        )

    def _input(self, given: Any, size: Any, p: Any) -> xr.DataArray:
        coordinates: Any
        if isinstance(given, xr.DataArray):
            stimulus, _ = check_stimulus(given, "input")
            if stimulus.dims != AXES:
                raise ContractError(explain("input", wanted=f"dims {AXES}", got=str(stimulus.dims), cure=".squeeze()"))
            values, coordinates = _three_axes(stimulus.values, "input"), stimulus.coords
        elif isinstance(given, str):
            shape, kind = _shape(size, "size", self._sampling), choice(given, DISTRIBUTIONS, "input")
            self._calls += 1
            # the kernel has the seed's own stream, every call one that follows from it
            stream = int(np.random.SeedSequence([self._seed, self._calls]).generate_state(1, np.uint64)[0])
            values = random_values(shape, kind, p, stream)
            coordinates = grid(dict(zip(AXES, shape, strict=True)), self._sampling)
        else:
            values = _three_axes(given, "input")
            coordinates = grid(dict(zip(AXES, values.shape, strict=True)), self._sampling)
        return xr.DataArray(values, coordinates, AXES, "stimulus", {"long_name": "sample input", "units": "1"})

    def _respond(self, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        lags, height, width = self.kernel.shape
        before = np.pad(values, ((lags - 1, 0), (0, 0), (0, 0)))
        around = [(side - 1 - side // 2, side // 2) for side in (height, width)]
        padded = np.pad(before, ((0, 0), *around), mode="edge")
        return np.maximum(convolve(padded, self.kernel.values, mode="valid"), 0.0)


def generate_sample_data(
    input: Any = "random", size: Any = (2000, 20, 20), *, seed: int = 0
) -> tuple[xr.DataArray, xr.DataArray]:
    """Random input and the response of a `SampleGenerator` with a random kernel.

    Parameters
    ----------
    input, size
        See `SampleGenerator.generate`.
    seed : int
        The same seed gives the same kernel and input.

    Returns
    -------
    stimulus, response : DataArray (time, y, x) [1]

    Examples
    --------
    >>> stimulus, response = generate_sample_data(size=(50, 8, 8))
    >>> stimulus.shape == response.shape
    True
    """
    return SampleGenerator("random", seed=seed).generate(input, size)


def _sampling(dt: Any, pixel_size: Any) -> Sampling:
    known = Sampling(dt, pixel_size)
    step = "1 ms" if known.dt is None else known.dt
    return Sampling(step, "0.1 deg" if known.pixel_size is None else known.pixel_size)


def _shape(size: Any, name: str, sampling: Sampling) -> tuple[int, int, int]:
    if not (isinstance(size, tuple | list) and len(size) == 3):
        raise ContractError(explain(name, wanted="three sizes (time, y, x)", got=repr(size), cure=f"{name}=(10, 5, 5)"))
    return (step_count(size[0], sampling, name, least=1), *pixel_counts(tuple(size[1:]), sampling, name))


def _three_axes(array: Any, name: str) -> np.ndarray[Any, Any]:
    values = np.asarray(array)
    while values.ndim > 3 and values.shape[0] == 1:
        values = values[0]
    if values.ndim != 3 or values.dtype.kind not in "biuf" or not values.size:
        got = f"shape {values.shape}, {values.dtype}"
        raise ContractError(explain(name, wanted="numbers (time, y, x)", got=got, cure='"random", or a 3-d array'))
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        raise ContractError(explain(name, wanted="finite numbers", got="NaN or infinity", cure="np.nan_to_num"))
    return values
