from __future__ import annotations

from pathlib import Path

import holoviews as hv
import numpy as np
import pytest

import convis_xr as cx

GRID = {"dt": "1 ms", "pixel_size": "0.1 deg"}


def _layer() -> cx.Layer:
    return cx.filters.SpaceTimeLowPass("0.15 deg", "10 ms", 1)


def test_curves_are_the_response_with_units_on_the_axes() -> None:
    response = _layer().impulse_response(60, 9, **GRID)
    picture = _layer().plot_impulse(60, 9, **GRID)
    assert isinstance(picture, hv.Overlay)
    assert [curve.label for curve in picture] == ["at the impulse", "0.1 deg away", "0.2 deg away"]
    for curve, away in zip(picture, (0.0, 0.1, 0.2), strict=True):
        assert (curve.kdims[0].unit, curve.vdims[0].name) == ("s", "response")
        np.testing.assert_array_equal(curve.dimension_values(1), response.sel(y=0, x=away, method="nearest"))
        np.testing.assert_allclose(curve.dimension_values(0), np.arange(60) / 1000)


def test_space_is_shown_where_the_response_is_strongest() -> None:
    response = _layer().impulse_response(60, (11, 9), **GRID)
    strongest = int(np.abs(response.values).max((1, 2)).argmax())
    frame, along = _layer().plot_impulse_space(60, (11, 9), **GRID)
    np.testing.assert_array_equal(frame.dimension_values(2, flat=False)[::-1], response[strongest])
    assert [dim.unit for dim in frame.kdims] == ["deg", "deg"]
    assert frame.bounds.lbrt() == pytest.approx((-0.45, -0.55, 0.45, 0.55))
    assert [dim.unit for dim in along.kdims] == ["s", "deg"]
    np.testing.assert_array_equal(along.dimension_values(2, flat=False), response[:, 5].T)


def test_space_shows_the_change_from_what_the_background_gives() -> None:
    retina = cx.models.Retina("primate", ganglion=["magno_on"], spikes=False)
    options = {"background": 0.5, "amplitude": 0.5, **GRID}
    response = retina.impulse_response(60, 9, **options)
    assert response.attrs["rest"] == pytest.approx(80.0, rel=1e-5)
    frame, _ = retina.plot_impulse_space(60, 9, **options)
    change = response - 80.0
    strongest = int(np.abs(change.values).max((1, 2)).argmax())
    np.testing.assert_allclose(frame.dimension_values(2, flat=False)[::-1], change[strongest], atol=1e-3)
    assert (frame.vdims[0].name, frame.vdims[0].unit) == ("change of magno_on_current", "Hz")


def test_state_is_untouched() -> None:
    layer = _layer()
    layer(cx.as_stimulus(np.ones((3, 2, 2)), units="1", **GRID))
    before = layer.get_state()
    layer.plot_impulse(10, 5)
    layer.plot_impulse_space(10, 5)
    after = layer.get_state()
    assert all(np.array_equal(after[path], value) for path, value in before.items())


def test_several_outputs_are_laid_out_and_both_backends_draw(tmp_path: Path) -> None:
    retina = cx.models.Retina(ganglion=[])
    options = {"outputs": ["opl", "bipolar"], "background": 0.5, "amplitude": 0.5, **GRID}
    time, space = retina.plot_impulse(60, 9, **options), retina.plot_impulse_space(60, 9, **options)
    assert [type(part) for part in time] == [hv.Overlay, hv.Overlay]
    assert len(space) == 4
    for backend, ending in (("matplotlib", "png"), ("bokeh", "html")):
        hv.save(space, tmp_path / f"space.{ending}", backend=backend)
        hv.save(time, tmp_path / f"time.{ending}", backend=backend)


def test_one_step_and_no_space() -> None:
    assert len(cx.filters.Gaussian("0.1 deg").plot_impulse_space(1, 9, **GRID)) == 1
    flat = cx.as_stimulus(np.ones(5), dt="1 ms", units="1")
    assert [curve.label for curve in cx.plotting.impulse_time(flat)] == ["response"]
    with pytest.raises(cx.ContractError, match="impulse: wanted a response over time, y, x"):
        cx.plotting.impulse_space(flat)
    with pytest.raises(cx.ContractError, match="impulse: wanted a response, got an empty Dataset"):
        cx.plotting.impulse_time(flat.to_dataset(name="a").drop_vars("a"))
