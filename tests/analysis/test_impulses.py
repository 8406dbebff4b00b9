from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr

import convis_xr as cx

GRID = {"dt": "1 ms", "pixel_size": "0.1 deg"}


def test_low_pass_answers_with_its_closed_form() -> None:
    response = cx.filters.LowPass("10 ms").impulse_response("0.1 s", 1, **GRID)
    decay = np.exp(-0.001 / 0.010)
    expected = (1 - decay) * decay ** np.arange(100)
    np.testing.assert_allclose(response.values.ravel(), expected, rtol=1e-6)
    assert response.dims == ("time", "y", "x")
    assert float(response.time[0]) == 0.0
    assert response.attrs["units"] == "1"


def test_convolution_answers_with_its_weight_around_the_impulse() -> None:
    layer = cx.filters.Conv3d(1, 1, (3, 3, 3), bias=False)
    weight = torch.arange(27.0).reshape(1, 1, 3, 3, 3)
    layer.set_weight(weight)
    for size in (7, (6, 8)):
        response = layer.impulse_response(3, size, **GRID)
        near = response.sel(y=slice(0.15, -0.15), x=slice(-0.15, 0.15))
        np.testing.assert_allclose(near.values, weight[0, 0].numpy(), atol=1e-5)
        assert float(response.sum()) == pytest.approx(float(weight.sum()))


def test_state_sampling_and_everything_else_of_the_layer_stay() -> None:
    layer = cx.filters.LowPass("10 ms")
    film = cx.as_stimulus(np.random.default_rng(0).random((5, 2, 2)), units="Hz", valid_range=(0, 9), **GRID)
    layer(film)
    before, info = layer.get_state(), layer.info
    response = layer.impulse_response("20 ms", 3)
    assert response.attrs["units"] == "Hz"
    assert response.attrs["impulse"] == "1 Hz"
    assert layer.info is info
    after = layer.get_state()
    assert list(after) == list(before)
    assert torch.equal(after["low_pass"], before["low_pass"])
    assert response.sizes == {"time": 20, "y": 3, "x": 3}


def test_a_background_is_at_rest_and_the_amplitude_scales() -> None:
    layer = cx.filters.LowPass("10 ms")
    plain = layer.impulse_response(20, 1, **GRID)
    raised = layer.impulse_response(20, 1, background=2.0, amplitude=3.0, **GRID)
    np.testing.assert_allclose(raised, 2 + 3 * plain, rtol=1e-6)


def test_however_it_is_cut_the_numbers_are_the_same() -> None:
    layer = cx.filters.GammaLowPass("10 ms", 2)
    xr.testing.assert_identical(
        layer.impulse_response(50, 2, chunk=7, **GRID), layer.impulse_response(50, 2, chunk="50 ms", **GRID)
    )


def test_channels_and_several_outputs() -> None:
    layer = cx.filters.Conv3d(2, 1, (2, 1, 1), bias=False)
    layer.set_weight(torch.tensor([1.0, 2.0, 3.0, 4.0]).reshape(1, 2, 2, 1, 1))
    second = layer.impulse_response(2, 1, channels=2, channel=1, **GRID)
    assert second.values.ravel().tolist() == [3.0, 4.0]
    retina = cx.models.Retina(ganglion=[])
    made = retina.impulse_response(10, 5, outputs=["opl", "bipolar"], background=0.5, amplitude=0.5, **GRID)
    assert list(made.data_vars) == ["opl", "bipolar"]
    assert float(abs(made.opl[1:, 2, 2]).max()) > 0


def test_bad_input_is_told() -> None:
    layer = cx.filters.LowPass()
    with pytest.raises(cx.ContractError, match="duration: wanted a time step"):
        layer.impulse_response()
    with pytest.raises(cx.UnitError, match="duration: wanted whole samples"):
        layer.impulse_response(0.5, **GRID)
    with pytest.raises(cx.ContractError, match="size: wanted at least one pixel"):
        layer.impulse_response(5, 0, **GRID)
    with pytest.raises(cx.ContractError, match="channel: wanted one of 1 channels"):
        layer.impulse_response(5, 1, channel=1, **GRID)
    with pytest.raises(cx.ContractError, match=r"layer: wanted a convis_xr\.Layer"):
        cx.analysis.impulse_response(torch.nn.ReLU())  # type: ignore[arg-type]
