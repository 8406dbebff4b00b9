"""Kernels: impulse responses as DataArrays with the dimensions (time, y, x), or those of them that they have.

``time`` is the lag [s], beginning with 0; ``y`` and ``x`` [degree] are 0 at the kernel's origin, index ``size //
2``. Values are plain numbers per sample (unit ``"1"``), not densities: a filter's output is the sum of kernel times
stimulus.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from scipy.special import ive

from convis_xr import dims
from convis_xr.coordinates import grid
from convis_xr.errors import ContractError, explain
from convis_xr.sampling import Sampling, dequantified
from convis_xr.stimuli.plane import at_least, choice, pair, pixel_counts, probability, seed_number, step_count, text
from convis_xr.units import magnitude

DISTRIBUTIONS = ("randn", "random", "rand", "sparse")


def gaussian(sigma: Any, *, size: Any = None, pixel_size: Any = None) -> xr.DataArray:
    """The discrete Gaussian (Bessel kernel, Lindeberg 1990), whose variance is exact at any scale; sum 1.

    Parameters
    ----------
    sigma : quantity or pair (y, x) [deg]
        Standard deviation; 0 is a single 1.
    size : quantity, int or pair (y, x), optional
        Bare ints are pixels; by default odd, with 5 sigma and 3 pixels on each side.
    pixel_size : quantity or pair (y, x), optional
        Pixel pitch; by default that of `set_options`.

    Returns
    -------
    DataArray (y, x) [1]

    Examples
    --------
    >>> kernel = gaussian("0.2 deg", pixel_size="0.1 deg")
    >>> kernel.shape, round(float(kernel.sum()), 12), round(float((kernel * kernel.x**2).sum()), 6)
    ((27, 27), 1.0, 0.04)
    """
    sampling = Sampling(pixel_size=pixel_size)
    sigmas = _sigmas(sigma, "sigma")
    counts = _counts(size, sampling, sigmas)
    values = _bell(counts, sampling, sigmas)
    return _named(values, sampling, "Gaussian", sigma=[text(value, "angle") for value in sigmas])


def difference_of_gaussians(
    sigma_center: Any, sigma_surround: Any, *, weight: Any = 1.0, size: Any = None, pixel_size: Any = None
) -> xr.DataArray:
    """A centre minus ``weight`` times a surround, both `gaussian` with sum 1: the sum is ``1 - weight``.

    Parameters
    ----------
    sigma_center, sigma_surround : quantity or pair (y, x) [deg]
        Standard deviations.
    weight : float
        Of the surround.
    size, pixel_size
        See `gaussian`.

    Returns
    -------
    DataArray (y, x) [1]

    Examples
    --------
    >>> kernel = difference_of_gaussians("0.1 deg", "0.3 deg", weight=0.8, pixel_size="0.1 deg")
    >>> round(float(kernel.sum()), 12)
    0.2
    """
    sampling = Sampling(pixel_size=pixel_size)
    center, surround = _sigmas(sigma_center, "sigma_center"), _sigmas(sigma_surround, "sigma_surround")
    share = at_least(weight, "dimensionless", "weight")
    counts = _counts(size, sampling, (max(center[0], surround[0]), max(center[1], surround[1])))
    values = _bell(counts, sampling, center) - share * _bell(counts, sampling, surround)
    attrs = {"sigma_center": [text(v, "angle") for v in center], "sigma_surround": [text(v, "angle") for v in surround]}
    return _named(values, sampling, "difference of Gaussians", weight=share, **attrs)


def gabor(
    sigma: Any,
    spatial_frequency: Any,
    *,
    direction: Any = "0 deg",
    phase: Any = "0 deg",
    size: Any = None,
    pixel_size: Any = None,
) -> xr.DataArray:
    """A cosine in a Gaussian window. Its DC is taken off (sum 0), and the sum of absolute values is 1.

    Parameters
    ----------
    sigma : quantity or pair (y, x) [deg]
        Standard deviation of the window.
    spatial_frequency : quantity [cycle/deg]
        Of the cosine, above 0.
    direction : quantity [deg]
        Along which it varies, counter-clockwise from rightward.
    phase : quantity [deg]
        At the origin; 0 is even, -90 deg is odd and rises along the direction.
    size, pixel_size
        See `gaussian`.

    Returns
    -------
    DataArray (y, x) [1]

    Examples
    --------
    >>> kernel = gabor("0.3 deg", "1 cycle/deg", pixel_size="0.1 deg")
    >>> abs(round(float(kernel.sum()), 12)), round(float(abs(kernel).sum()), 12)
    (0.0, 1.0)
    """
    sampling = Sampling(pixel_size=pixel_size)
    sigmas = _sigmas(sigma, "sigma")
    per_degree = at_least(spatial_frequency, "spatial_frequency", "spatial_frequency", above=True)
    degrees, offset = magnitude(direction, "angle", "direction"), magnitude(phase, "angle", "phase")
    counts = _counts(size, sampling, sigmas)
    window = _bell(counts, sampling, sigmas)
    along = _along(counts, sampling, degrees)
    wave = window * np.cos(2 * np.pi * per_degree * along + np.deg2rad(offset))
    values = wave - window * (wave.sum() / window.sum())
    total = np.abs(values).sum()
    if total < 1e-9:
        cure = "a larger sigma or size, or a finer pixel_size"
        raise ContractError(
            explain("sigma", wanted="a window that holds more than one pixel", got=str(sigma), cure=cure)
        )
    attrs = {"spatial_frequency": text(per_degree, "spatial_frequency").replace("1/", "cycle/")}
    attrs |= {"direction": text(degrees, "angle"), "phase": text(offset, "angle")}
    return _named(values / total, sampling, "Gabor", sigma=[text(v, "angle") for v in sigmas], **attrs)


def exponential(tau: Any, *, length: Any = None, dt: Any = None) -> xr.DataArray:
    """Impulse response of an exponential low-pass, ``c^k (1 - c)``, ``c = exp(-dt / tau)``; sum 1 after truncation.

    Parameters
    ----------
    tau : quantity [ms]
        Time constant; 0 is a single 1.
    length : quantity or int, optional
        Bare ints are samples; by default what leaves out less than 1e-6.
    dt : quantity, optional
        Time step; by default that of `set_options`.

    Returns
    -------
    DataArray (time,) [1]

    Examples
    --------
    >>> kernel = exponential("10 ms", dt="1 ms")
    >>> round(float(kernel[1] / kernel[0]), 6)  # exp(-0.1)
    0.904837
    """
    sampling = Sampling(dt)
    seconds = at_least(tau, "time", "tau")
    lags = _lags(length, sampling, 14 * seconds)
    values = np.exp(-lags / seconds) if seconds else (lags == 0).astype(np.float64)
    return _named(values / values.sum(), sampling, "exponential", tau=text(seconds, "time"))


def gamma(tau: Any, n: int = 1, *, length: Any = None, dt: Any = None) -> xr.DataArray:
    """Samples of the gamma density ``(n t)^n exp(-n t / tau) / ((n-1)! tau^(n+1))``, which peaks at ``tau``; sum 1.

    Parameters
    ----------
    tau : quantity [ms]
        Time of the peak, above 0.
    n : int
        Order, at least 1; higher is narrower.
    length, dt
        See `exponential`.

    Returns
    -------
    DataArray (time,) [1]

    Examples
    --------
    >>> kernel = gamma("20 ms", 5, dt="1 ms")
    >>> int(kernel.values.argmax()), round(float(kernel.sum()), 12)
    (20, 1.0)
    """
    sampling = Sampling(dt)
    seconds, order = at_least(tau, "time", "tau", above=True), _order(n)
    values = _gamma(_lags(length, sampling, _gamma_reach(seconds, order)), seconds, order)
    return _named(_unit_sum(values), sampling, "gamma", tau=text(seconds, "time"), n=order)


def biphasic(
    tau: Any, *, n: int = 3, ratio: Any = 2.0, weight: Any = 1.0, length: Any = None, dt: Any = None
) -> xr.DataArray:
    """A quick `gamma` minus ``weight`` times a slower one: the sum is ``1 - weight``.

    Parameters
    ----------
    tau : quantity [ms]
        Time of the first one's peak.
    n : int
        Order of both.
    ratio : float
        How many times slower the second is, above 1.
    weight : float
        Of the second; 1 lets nothing constant through.
    length, dt
        See `exponential`.

    Returns
    -------
    DataArray (time,) [1]

    Examples
    --------
    >>> kernel = biphasic("20 ms", dt="1 ms")
    >>> bool(kernel.max() > 0 > kernel.min()), abs(round(float(kernel.sum()), 12))
    (True, 0.0)
    """
    sampling = Sampling(dt)
    seconds, order = at_least(tau, "time", "tau", above=True), _order(n)
    slower = seconds * at_least(ratio, "dimensionless", "ratio", least=1.0, above=True)
    share = at_least(weight, "dimensionless", "weight")
    lags = _lags(length, sampling, _gamma_reach(slower, order))
    quick, slow = _gamma(lags, seconds, order), _gamma(lags, slower, order)
    values = _unit_sum(quick) - share * _unit_sum(slow)
    return _named(
        values, sampling, "biphasic", tau=[text(seconds, "time"), text(slower, "time")], n=order, weight=share
    )


def separable(temporal: xr.DataArray, spatial: xr.DataArray) -> xr.DataArray:
    """The product of a temporal and a spatial kernel; its sum is the product of their sums.

    Parameters
    ----------
    temporal : DataArray (time,)
        A kernel in time.
    spatial : DataArray (y, x)
        A kernel in space.

    Returns
    -------
    DataArray (time, y, x) [1]

    Examples
    --------
    >>> import convis_xr as cx
    >>> with cx.set_options(dt="1 ms", pixel_size="0.1 deg"):
    ...     separable(exponential("5 ms", length=20), gaussian("0.1 deg", size=5)).shape
    (20, 5, 5)
    """
    for name, kernel, wanted in (("temporal", temporal, (dims.TIME,)), ("spatial", spatial, dims.SPACE)):
        if not isinstance(kernel, xr.DataArray) or set(kernel.dims) != set(wanted):
            got = str(kernel.dims) if isinstance(kernel, xr.DataArray) else type(kernel).__name__
            cure = "separable(exponential(...), gaussian(...))"
            raise ContractError(explain(name, wanted=f"a DataArray with dims {wanted}", got=got, cure=cure))
    product = (dequantified(temporal) * dequantified(spatial)).transpose(dims.TIME, *dims.SPACE)
    product.attrs = {"long_name": "separable kernel", "units": "1"}
    return product.rename("kernel")


def random(
    size: Any,
    *,
    distribution: str = "randn",
    p: Any = 0.1,
    seed: int = 0,
    dt: Any = None,
    pixel_size: Any = None,
) -> xr.DataArray:
    """A kernel of random numbers, not normalised.

    Parameters
    ----------
    size : triple (time, y, x)
        Bare ints are samples, quantities are time and visual angle.
    distribution : {"randn", "random", "rand", "sparse"}
        Normal (``"randn"`` and ``"random"``), uniform from 0 to 1, or ones with probability ``p`` and else zeros.
    p : float
        Of ones in a sparse kernel.
    seed : int
        The same seed gives the same kernel.
    dt, pixel_size : quantity, optional
        By default those of `set_options`.

    Returns
    -------
    DataArray (time, y, x) [1]

    Examples
    --------
    >>> kernel = random((10, 5, 5), distribution="sparse", p=0.2, dt="1 ms", pixel_size="0.1 deg")
    >>> sorted(set(kernel.values.ravel().tolist()))
    [0.0, 1.0]
    """
    if not (isinstance(size, tuple | list) and len(size) == 3):
        raise ContractError(explain("size", wanted="three sizes (time, y, x)", got=repr(size), cure="size=(10, 5, 5)"))
    sampling = Sampling(dt, pixel_size)
    counts = (step_count(size[0], sampling, "size", least=1), *pixel_counts(tuple(size[1:]), sampling))
    values = random_values(counts, distribution, p, seed)
    attrs = {"long_name": f"random kernel ({distribution})", "units": "1", "seed": str(seed)}
    return labelled(values, sampling, attrs)


def random_values(shape: tuple[int, ...], distribution: str, p: Any, seed: int) -> np.ndarray[Any, Any]:
    """Random numbers as `random` names them."""
    kind = choice(distribution, DISTRIBUTIONS, "distribution")
    draw, chance = np.random.Generator(np.random.Philox(seed_number(seed))), probability(p)
    if kind == "sparse":
        return (draw.random(shape) < chance).astype(np.float64)
    return draw.random(shape) if kind == "rand" else draw.standard_normal(shape)


def labelled(values: np.ndarray[Any, Any], sampling: Sampling, attrs: dict[str, Any]) -> xr.DataArray:
    """Kernel coordinates on values (time, y, x), (time,) or (y, x)."""
    names = {1: (dims.TIME,), 2: dims.SPACE, 3: (dims.TIME, *dims.SPACE)}[values.ndim]
    coordinates = grid(dict(zip(names, values.shape, strict=True)), sampling)
    if dims.TIME in names:
        coordinates[dims.TIME].attrs["long_name"] = "lag"
    kernel = xr.DataArray(values, coordinates, names, "kernel", attrs)
    # the origin of an even size is the pixel at size // 2, not the middle between two
    for dim in set(dims.SPACE) & set(names):
        kernel = kernel.assign_coords({dim: kernel[dim] - kernel[dim][kernel.sizes[dim] // 2].item()})
        kernel[dim].attrs.update(coordinates[dim].attrs)
    return kernel


def _named(values: np.ndarray[Any, Any], sampling: Sampling, long_name: str, **attrs: Any) -> xr.DataArray:
    return labelled(values, sampling, {"long_name": f"{long_name} kernel", "units": "1", **attrs})


def _sigmas(sigma: Any, name: str) -> tuple[float, float]:
    y, x = (at_least(value, "angle", name) for value in pair(sigma))
    return y, x


def _counts(size: Any, sampling: Sampling, sigmas: tuple[float, float]) -> tuple[int, int]:
    if size is not None:
        return pixel_counts(size, sampling)
    pitches = sampling.need_pixel("size")
    y, x = (2 * (int(np.ceil(5 * s / p - 1e-9)) + 3) + 1 if s else 1 for s, p in zip(sigmas, pitches, strict=True))
    return y, x


def _bell(counts: tuple[int, int], sampling: Sampling, sigmas: tuple[float, float]) -> np.ndarray[Any, Any]:
    rows = []
    for count, pitch, sigma in zip(counts, sampling.need_pixel("sigma"), sigmas, strict=True):
        weights = ive(np.abs(np.arange(count) - count // 2), (sigma / pitch) ** 2)
        rows.append(weights / weights.sum())
    return rows[0][:, None] * rows[1][None, :]


def _along(counts: tuple[int, int], sampling: Sampling, degrees: float) -> np.ndarray[Any, Any]:
    pitch_y, pitch_x = sampling.need_pixel("direction")
    y = -(np.arange(counts[0]) - counts[0] // 2)[:, None] * pitch_y
    x = (np.arange(counts[1]) - counts[1] // 2)[None, :] * pitch_x
    return y * np.sin(np.deg2rad(degrees)) + x * np.cos(np.deg2rad(degrees))


def _lags(length: Any, sampling: Sampling, reach: float) -> np.ndarray[Any, Any]:
    dt = sampling.need_dt("dt")
    count = int(np.ceil(reach / dt)) + 1 if length is None else step_count(length, sampling, "length", least=1)
    return np.arange(count) * dt


def _gamma(lags: np.ndarray[Any, Any], tau: float, order: int) -> np.ndarray[Any, Any]:
    """The density but for a factor, 1 at its peak; taken as a logarithm, which does not overflow."""
    relative = lags / tau
    with np.errstate(divide="ignore"):
        return np.exp(order * (np.log(relative) - relative + 1))


def _gamma_reach(tau: float, order: int) -> float:
    """Beyond it less than 1e-6 of the area is left."""
    return tau * (1 + 14 / order + 6 / np.sqrt(order))


def _order(n: Any) -> int:
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise ContractError(explain("n", wanted="a whole number from 1", got=repr(n), cure="n=3"))
    return int(n)


def _unit_sum(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    total = values.sum()
    if not total > 0:
        cure = "a longer tau or length, or a smaller dt"
        raise ContractError(explain("tau", wanted="a kernel longer than one time step", got="nothing", cure=cure))
    return values / total
