from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from convis_xr import ContractError, Sampling, UnitError, set_options
from convis_xr.stimuli import kernels


@pytest.fixture(autouse=True)
def sampling():
    with set_options(dt="1 ms", pixel_size="0.1 deg"):
        yield


@pytest.mark.parametrize("sigma", ["0.01 deg", "0.0285 deg", "0.1 deg", "0.37 deg"])
def test_a_gaussian_has_unit_sum_and_its_variance(sigma: str) -> None:
    kernel = kernels.gaussian(sigma)
    squared = float(sigma.split()[0]) ** 2
    assert float(kernel.sum()) == pytest.approx(1, abs=1e-12)
    assert float((kernel * kernel.x**2).sum()) == pytest.approx(squared, rel=4e-5)
    assert float((kernel * kernel.y**2).sum()) == pytest.approx(squared, rel=4e-5)
    np.testing.assert_allclose(kernel, kernel[::-1, ::-1], atol=1e-15)


def test_a_gaussian_of_no_width_is_one() -> None:
    assert kernels.gaussian("0 deg").values.tolist() == [[1.0]]


def test_a_gaussian_may_differ_along_its_axes() -> None:
    kernel = kernels.gaussian(("0.1 deg", "0.3 deg"))
    assert float((kernel * kernel.y**2).sum()) == pytest.approx(0.01, rel=1e-4)
    assert float((kernel * kernel.x**2).sum()) == pytest.approx(0.09, rel=1e-4)


@pytest.mark.parametrize(("size", "origin"), [(5, 2), (6, 3), (1, 0)])
def test_the_origin_is_at_half_the_size(size: int, origin: int) -> None:
    kernel = kernels.gaussian("0.05 deg", size=size)
    assert float(kernel.x[origin]) == float(kernel.y[origin]) == 0.0
    assert np.unravel_index(kernel.values.argmax(), kernel.shape) == (origin, origin)
    assert bool((np.diff(kernel.x) > 0).all())
    assert bool((np.diff(kernel.y) < 0).all())
    assert Sampling.of(kernel).pixel_deg == (0.1, 0.1)


@pytest.mark.parametrize("weight", [0.0, 0.8, 1.0])
def test_dc_of_a_difference_of_gaussians(weight: float) -> None:
    kernel = kernels.difference_of_gaussians("0.1 deg", "0.3 deg", weight=weight)
    assert float(kernel.sum()) == pytest.approx(1 - weight, abs=1e-12)
    expected = kernels.gaussian("0.1 deg", size=37) - weight * kernels.gaussian("0.3 deg", size=37)
    np.testing.assert_allclose(kernel, expected, atol=1e-9)


@pytest.mark.parametrize("phase", ["0 deg", "40 deg", "-90 deg"])
@pytest.mark.parametrize("direction", ["0 deg", "90 deg", "30 deg"])
def test_a_gabor_has_no_dc_and_prefers_its_frequency(phase: str, direction: str) -> None:
    kernel = kernels.gabor("0.5 deg", "1 cycle/deg", direction=direction, phase=phase)
    assert float(kernel.sum()) == pytest.approx(0, abs=1e-12)
    assert float(abs(kernel).sum()) == pytest.approx(1)
    turned = np.deg2rad(float(direction.split()[0]))

    def response(f: float, across: float = 0.0) -> float:
        angle = turned + across
        wave = np.exp(2j * np.pi * f * (kernel.x * np.cos(angle) + kernel.y * np.sin(angle)))
        return float(abs((kernel * wave).sum()))

    assert response(1) > max(response(0.7), response(1.3), response(1, np.pi / 4))


def test_the_phase_of_a_gabor() -> None:
    odd = kernels.gabor("0.3 deg", "1 cycle/deg", phase="-90 deg")
    middle = odd.sizes["x"] // 2
    assert float(odd[middle, middle + 2]) > 0 > float(odd[middle, middle - 2])
    np.testing.assert_allclose(odd, -odd[:, ::-1], atol=1e-12)
    up = kernels.gabor("0.3 deg", "1 cycle/deg", phase="-90 deg", direction="90 deg")
    assert float(up[middle - 2, middle]) > 0 > float(up[middle + 2, middle])


def test_the_exponential_is_the_impulse_response_of_the_recursion() -> None:
    kernel = kernels.exponential("10 ms")
    c = np.exp(-0.1)
    impulse = np.zeros(kernel.size)
    impulse[0] = 1
    np.testing.assert_allclose(kernel, lfilter([1 - c], [1, -c], impulse), atol=1e-6)
    assert float(kernel.sum()) == pytest.approx(1, abs=1e-12)
    assert kernels.exponential("0 ms").values.tolist() == [1.0]
    assert kernel.time.attrs["units"] == "s"
    assert Sampling.of(kernel).dt_s == 1e-3


@pytest.mark.parametrize("n", [1, 2, 5, 40])
def test_the_gamma_peaks_at_tau_with_its_mean_behind(n: int) -> None:
    kernel = kernels.gamma("50 ms", n)
    assert float(kernel.time[kernel.values.argmax()]) == pytest.approx(0.05)
    assert float(kernel.sum()) == pytest.approx(1, abs=1e-12)
    assert float((kernel * kernel.time).sum()) == pytest.approx(0.05 * (n + 1) / n, rel=1e-3)
    # what the default length leaves out
    assert float(kernels.gamma("50 ms", n, length="4 s")[kernel.size :].sum()) < 1e-5


@pytest.mark.parametrize("weight", [0.0, 0.6, 1.0])
def test_dc_of_a_biphasic_kernel(weight: float) -> None:
    kernel = kernels.biphasic("20 ms", weight=weight)
    assert float(kernel.sum()) == pytest.approx(1 - weight, abs=1e-12)
    assert (float(kernel.min()) < 0) == (weight > 0)


def test_a_separable_kernel_is_an_outer_product() -> None:
    temporal, spatial = kernels.biphasic("20 ms", length=50), kernels.gaussian("0.1 deg", size=(3, 5))
    kernel = kernels.separable(temporal, spatial)
    assert kernel.dims == ("time", "y", "x")
    np.testing.assert_allclose(kernel, temporal.values[:, None, None] * spatial.values)
    assert kernel.attrs["units"] == "1"
    assert Sampling.of(kernel) == Sampling("1 ms", "0.1 deg")


def test_quantified_kernels_are_understood() -> None:
    import pint_xarray  # noqa: F401 - registers .pint

    temporal, spatial = kernels.exponential("5 ms", length=9), kernels.gaussian("0.1 deg", size=3)
    product = kernels.separable(temporal.pint.quantify(), spatial.pint.quantify())
    np.testing.assert_array_equal(product.values, kernels.separable(temporal, spatial).values)
    assert type(product.data) is np.ndarray


@pytest.mark.parametrize("distribution", kernels.DISTRIBUTIONS)
def test_random_kernels(distribution: str) -> None:
    kernel = kernels.random((20, 9, 10), distribution=distribution, seed=1, p=0.2)
    assert kernel.shape == (20, 9, 10)
    np.testing.assert_array_equal(kernel, kernels.random((20, 9, 10), distribution=distribution, seed=1, p=0.2))
    assert (kernel.values != kernels.random((20, 9, 10), distribution=distribution, seed=2, p=0.2).values).any()
    mean, low = {"sparse": (0.2, 0), "rand": (0.5, 0)}.get(distribution, (0, -10))
    assert float(kernel.mean()) == pytest.approx(mean, abs=0.06)
    assert float(kernel.min()) >= low


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: kernels.gaussian(0.1), UnitError, "sigma"),
        (lambda: kernels.gaussian("-0.1 deg"), ContractError, "sigma"),
        (lambda: kernels.gabor("0.3 deg", "0 cpd"), ContractError, "spatial_frequency"),
        (lambda: kernels.gabor("0 deg", "1 cpd"), ContractError, "sigma"),
        (lambda: kernels.exponential(10), UnitError, "tau"),
        (lambda: kernels.exponential("10 ms", length=0), ContractError, "length"),
        (lambda: kernels.gamma("0 ms"), ContractError, "tau"),
        (lambda: kernels.gamma("1 ms", 0), ContractError, "n"),
        (lambda: kernels.gamma("1 ms", "2"), ContractError, "n: wanted a whole number"),
        (lambda: kernels.gamma("1 ms", True), ContractError, "n: wanted a whole number"),
        (lambda: kernels.gamma("1 ms", 1.5), ContractError, "n: wanted a whole number"),
        (lambda: kernels.gamma("20 ms", length=1), ContractError, "longer than one time step"),
        (lambda: kernels.gamma("0.001 ms", 3), ContractError, "longer than one time step"),
        (lambda: kernels.biphasic("20 ms", length=1), ContractError, "longer than one time step"),
        (lambda: kernels.biphasic("1 ms", ratio=1), ContractError, "ratio"),
        (lambda: kernels.separable(kernels.gaussian("1 deg"), kernels.gaussian("1 deg")), ContractError, "temporal"),
        (lambda: kernels.separable(kernels.exponential("1 ms"), np.ones((2, 2))), ContractError, "spatial"),
        (lambda: kernels.random((3, 3)), ContractError, "size"),
        (lambda: kernels.random((3, 3, 3), distribution="x"), ContractError, "distribution"),
    ],
)
def test_bad_input_is_refused(make, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()
