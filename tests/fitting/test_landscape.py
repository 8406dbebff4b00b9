"""Losses along directions: against the loss computed by hand, with the model left as it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr

import convis_xr as cx
from convis_xr.fitting import between, difference_gradient, directions, random_direction


def film() -> xr.DataArray:
    values = np.random.default_rng(1).standard_normal(200)
    return cx.as_stimulus(values, dt="1 ms", units="1")


QUIET = {"progress": False}


def test_the_loss_along_a_parameter_is_that_of_models_with_these_values() -> None:
    model, response = cx.filters.LowPass("14 ms"), cx.filters.LowPass("10 ms")(film())
    made = directions(model, film(), response, {"tau": "8 ms"}, offsets=[-1, -0.5, 0, 1], **QUIET)
    assert made.dims == ("direction", "offset")
    for offset, loss in zip(made.offset.values, made.values[0], strict=True):
        there = cx.filters.LowPass(f"{14 + 8 * offset} ms")
        assert loss == pytest.approx(float(((there(film()) - response) ** 2).mean()), rel=1e-5, abs=1e-12)
    assert made.span.item() == pytest.approx(0.008)
    assert made.span_units.item() == "s"
    assert made.attrs["loss_here"] == made.sel(offset=0).item()
    assert model.tau.item() == 0.014


def test_between_two_sets_it_leads_from_one_to_the_other() -> None:
    truth, model = cx.models.LN((5, 1, 1)), cx.models.LN((5, 1, 1))
    response = truth(film())
    made = directions(model, film(), response, {"to truth": between(model, truth)}, offsets=[0, 0.5, 1], **QUIET)
    assert made.sel(offset=1).item() == pytest.approx(0, abs=1e-12)
    assert made.sel(offset=0).item() > 0
    assert made.span.item() == pytest.approx(float((truth.conv.weight - model.conv.weight).detach().norm()))
    same = between(model, {**model.get_parameters(), "conv.bias": np.array([2.0])})
    assert list(same) == ["conv.bias"]


def test_the_difference_gradient_points_where_autograd_does() -> None:
    truth, model = cx.models.LN((4, 1, 1), nonlinearity="softplus"), cx.models.LN((4, 1, 1), nonlinearity="softplus")
    response = truth(film())
    step = difference_gradient(model, film(), response, paths=["conv.weight"], size=1.0, dtype="float64", **QUIET)
    x = np.asarray(film().values, np.float32)[None, None, :, None, None]
    model.clear_state()
    loss = ((model(torch.from_numpy(x)).flatten() - torch.from_numpy(response.values)) ** 2).mean()
    loss.backward()
    theirs = model.conv.weight.grad.numpy()
    cosine = (step["conv.weight"] * theirs).sum() / np.linalg.norm(step["conv.weight"]) / np.linalg.norm(theirs)
    assert cosine > 0.9999
    made = directions(model, film(), response, {"gradient": step}, offsets=[-0.01, 0, 0.01], **QUIET)
    assert made.values[0, 0] < made.values[0, 1] < made.values[0, 2]


def test_random_directions_repeat_and_have_the_size_that_is_asked_for() -> None:
    model = cx.models.LN((6, 2, 2))
    one, again, other = (random_direction(model, size=0.3, seed=seed) for seed in (1, 1, 2))
    assert all((one[path] == again[path]).all() for path in one)
    assert (one["conv.weight"] != other["conv.weight"]).all()
    norm = np.linalg.norm(model.conv.weight.detach().numpy())
    assert np.linalg.norm(one["conv.weight"]) == pytest.approx(0.3 * norm)
    assert list(random_direction(model, paths=["conv.bias"])) == ["conv.bias"]


def test_places_out_of_bounds_are_nan_and_a_loss_of_ones_own_is_taken() -> None:
    model, response = cx.filters.LowPass("5 ms"), cx.filters.LowPass("10 ms")(film()).isel(time=slice(50, 150))
    seen = []

    def worst(prediction: xr.DataArray, wanted: xr.DataArray) -> float:
        seen.append(prediction.time.identical(wanted.time))
        return float(abs(prediction - wanted).max())

    made = directions(model, film(), response, {"tau": "10 ms"}, offsets=[-1, 0, 0.5], loss=worst, **QUIET)
    assert np.isnan(made.values[0, 0])
    assert made.values[0, 2] < 1e-6 < made.values[0, 1]
    assert all(seen)
    assert model.tau.item() == 0.005


def test_a_loss_that_raises_leaves_the_model_as_it_was() -> None:
    model, response = cx.filters.LowPass("5 ms"), film()
    calls = []

    def failing(prediction: xr.DataArray, wanted: xr.DataArray) -> float:
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("stop")
        return 0.0

    with pytest.raises(RuntimeError, match="stop"):
        directions(model, film(), response, {"tau": "1 ms"}, loss=failing, **QUIET)
    assert model.tau.item() == 0.005


def test_a_model_without_a_gradient_is_looked_at_with_the_same_draws_everywhere() -> None:
    shown = cx.as_stimulus(np.full((300, 1, 1), 40.0), dt="1 ms", pixel_size="0.1 deg", units="Hz")
    model = cx.spiking.LIF(g_leak="20 Hz")
    response = model(shown)
    model.clear_state()
    made = directions(model, shown, response.astype(float), {"g_leak": "10 Hz"}, offsets=[-1, 0, 1], **QUIET)
    assert made.sel(offset=0).item() == 0
    assert made.sel(offset=1).item() > 0


def test_wrong_directions_are_told() -> None:
    model, response = cx.filters.LowPass("5 ms"), film()
    with pytest.raises(cx.ParameterError, match="parameter: wanted a path among tau, got sigma"):
        directions(model, film(), response, {"sigma": "1 ms"}, **QUIET)
    with pytest.raises(cx.ParameterError, match="along: wanted at least one named direction"):
        directions(model, film(), response, {}, **QUIET)
    with pytest.raises(cx.UnitError, match="tau"):
        directions(model, film(), response, {"tau": "1 deg"}, **QUIET)
    with pytest.raises(cx.ParameterError, match=r"conv.weight: wanted numbers of shape"):
        directions(cx.models.LN(), film(), response, {"conv.weight": np.ones(3)}, **QUIET)
    with pytest.raises(cx.ContractError, match="a dimension 'cell' that the output has not"):
        directions(model, film(), response.expand_dims(cell=2), {"tau": "1 ms"}, **QUIET)
    with pytest.raises(cx.ContractError, match="time labels that are among"):
        directions(model, film(), response.assign_coords(time=response.time + 1), {"tau": "1 ms"}, **QUIET)
    with pytest.raises(cx.ParameterError, match="other: wanted the same parameters, got a difference in"):
        between(model, cx.models.LN())
    with pytest.raises(cx.ParameterError, match="other: wanted a model or a mapping"):
        between(model, 3)  # type: ignore[arg-type]
    with pytest.raises(cx.ParameterError, match=r"conv.weight: wanted numbers of shape \(1, 1, 3, 1, 1\)"):
        between(cx.models.LN((3, 1, 1)), cx.models.LN((1, 1, 1)))
    with pytest.raises(cx.ParameterError, match="tau: wanted finite numbers"):
        directions(model, film(), response, {"tau": np.nan}, **QUIET)
    for offsets in (1.0, [[0.0, 1.0]], [np.nan], ["a"]):
        with pytest.raises(cx.ParameterError, match="offsets: wanted a sequence of finite numbers"):
            directions(model, film(), response, {"tau": "1 ms"}, offsets=offsets, **QUIET)  # type: ignore[arg-type]
    for loss in (lambda p, r: p, lambda p, r: None):
        with pytest.raises(cx.ContractError, match="loss: wanted a number, got"):
            directions(model, film(), response, {"tau": "1 ms"}, loss=loss, **QUIET)
    for spacing in (0, -1e-3, np.nan, "1 ms"):
        with pytest.raises(cx.ParameterError, match="spacing: wanted a number above 0"):
            difference_gradient(model, film(), response, spacing=spacing, **QUIET)  # type: ignore[arg-type]
    with pytest.raises(cx.ParameterError, match="size: wanted a finite number"):
        random_direction(model, size=np.nan)


def test_a_value_with_a_unit_is_converted_whatever_its_shape() -> None:
    assert float(between(cx.filters.LowPass("5 ms"), {"tau": "8 ms"})["tau"]) == pytest.approx(0.003)
    assert set(random_direction(cx.filters.LowPass("5 ms"), paths="tau")) == {"tau"}
    model, weight = cx.models.LN((2, 1, 1)), np.ones((1, 1, 2, 1, 1))
    percent = cx.units.Quantity(100 * weight, "percent")
    found = directions(model, film(), model(film()), {"conv.weight": percent}, offsets=[0.0], **QUIET)
    assert found.span.item() == pytest.approx(np.sqrt(2))
    with pytest.raises(cx.UnitError, match=r"conv.weight"):
        directions(model, film(), model(film()), {"conv.weight": cx.units.Quantity(weight, "ms")}, **QUIET)
