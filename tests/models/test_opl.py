"""One OPL with a choice of how it is computed."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy import ndimage

import convis_xr as cx
from convis_xr.kernels.finite import finite_weights
from convis_xr.models.retina import OPL, OPLConfig, Retina

CONFIG = OPLConfig(center_n=1, undershoot_tau="30 ms")


def film(steps: int = 150) -> xr.DataArray:
    frames = np.random.default_rng(1).random((steps, 9, 8))
    return cx.as_stimulus(frames, dt="1 ms", pixel_size="0.05 deg", units="1", valid_range=(0, 1))


def test_finite_responses_agree_with_the_recursions() -> None:
    """Measured: relative L2 1.8e-6, where each of three responses lacks 1e-6 of its mass."""
    recursive, fir = OPL(CONFIG)(film()).values, OPL(CONFIG, temporal="fir")(film()).values
    assert not np.array_equal(recursive, fir)
    assert np.linalg.norm(fir - recursive) < 3e-6 * np.linalg.norm(recursive)


@pytest.mark.parametrize("temporal", ["recursive", "fir"])
@pytest.mark.parametrize("spatial", ["gaussian", "deriche"])
def test_the_gain_at_rest_is_exact(spatial: str, temporal: str) -> None:
    config = OPLConfig(undershoot_weight=0.25, surround_weight=0.5, undershoot_tau="30 ms")
    opl = OPL(config, spatial=spatial, temporal=temporal)
    grey = film(12) * 0 + 0.5
    grey.attrs = film(1).attrs
    np.testing.assert_allclose(opl(grey), 10 * 0.5 * 0.75 * 0.5, rtol=1e-12)


def test_deriche_is_the_same_layer_with_another_kernel() -> None:
    config = OPLConfig(undershoot_weight=0.0, surround_weight=0.0, center_tau="0 s", center_sigma="0.075 deg")
    got = OPL(config, spatial="deriche")(film(3)).values
    a = float(np.float32(1.695)) / 1.5
    n = np.abs(np.arange(-60, 61))
    kernel = (1 + a * n) * np.exp(-a * n)
    wanted = 10 * film(3).values
    for axis in (1, 2):
        wanted = ndimage.convolve1d(wanted, kernel / kernel.sum(), axis=axis, mode="nearest")
    np.testing.assert_allclose(got, wanted, rtol=1e-10)


def test_footprints_know_the_choice() -> None:
    sampling = film(1).convis.sampling
    plain, fir, deriche = (
        OPL(CONFIG, temporal=temporal, spatial=spatial).footprint(cx.Sampling("1 ms", sampling.pixel_size))
        for temporal, spatial in (("recursive", "gaussian"), ("fir", "gaussian"), ("recursive", "deriche"))
    )
    assert plain.tolerance > 0
    assert fir.tolerance == 0
    lengths = [len(finite_weights(tau, n, 1e-3)) for tau, n in ((0.01, 1), (0.03, 0), (0.004, 0))]
    assert fir.memory == sum(lengths) - 3
    assert fir.radius == plain.radius
    assert deriche.radius == float("inf")


def test_the_retina_hands_the_choice_on() -> None:
    retina = Retina("cat_x", spatial="deriche", temporal="fir")
    assert retina.opl is not None
    assert (retina.opl.spatial, retina.opl.temporal) == ("deriche", "fir")
    assert list(retina.p) == list(Retina("cat_x").p)
    default = Retina("cat_x").opl
    assert default is not None
    assert (default.spatial, default.temporal) == ("gaussian", "recursive")


@pytest.mark.parametrize("choice", [{"spatial": "box"}, {"temporal": "fourier"}])
def test_a_choice_that_is_none_is_refused(choice: dict[str, str]) -> None:
    name, value = next(iter(choice.items()))
    with pytest.raises(cx.ParameterError, match=f"{name}: wanted .* or .*, got '{value}'"):
        OPL(**choice)
    with pytest.raises(cx.ParameterError, match=f"{name}: wanted .* or .*, got '{value}'"):
        Retina(**choice)


def test_a_range_that_does_not_hold_is_warned_of_once() -> None:
    dim = film(6) / 255
    dim.attrs = film(1).attrs
    for temporal in ("recursive", "fir"):
        opl = OPL(OPLConfig(undershoot_tau="5 ms"), temporal=temporal)
        with pytest.warns(UserWarning, match="stimulus: wanted luminance"):
            opl(dim)
        opl(dim)
