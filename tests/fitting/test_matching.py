from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from torch import Tensor

import convis_xr as cx
from convis_xr.fitting.matching import Match, fitted_parameters, match


class Rate(cx.Layer):
    """Input as a rate."""

    units_out = "Hz"

    def __init__(self, gain: float = 50.0) -> None:
        super().__init__()
        self.gain = cx.Parameter(gain)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gain

    def footprint(self, sampling: cx.Sampling) -> Any:
        return cx.filters.LowPass("0 ms").footprint(sampling)


class Milli(Rate):
    units_out = "mV"


def _film() -> xr.DataArray:
    values = np.random.default_rng(0).random((20, 4, 5))
    return cx.as_stimulus(values, dt="10 ms", pixel_size="0.5 deg", units="1")


def _match(model: Any, film: xr.DataArray, response: Any, **options: Any) -> Match:
    given = {"output": None, "cells": None, "counts": False, "device": None, "dtype": None, "seed": None}
    return match(model, film, response, **given | options)


def _predicted(found: Match) -> Tensor:
    """What the model says of all of the response."""
    request = found.request
    x = torch.from_numpy(np.array(request.stimulus.values, "f8"))[None, None]
    with torch.no_grad():
        return found.predicted(request.model.advance(request.context(), x, torch.float64))[found.part, 0]


def test_pixels_by_the_places_of_cells() -> None:
    film, model = _film(), Rate(1.0)
    cells = film.isel(y=xr.DataArray([3, 0], dims="cell"), x=xr.DataArray([1, 4], dims="cell"))
    found = _match(model, film, cells.assign_attrs(units="Hz"))
    np.testing.assert_array_equal(_predicted(found), cells)
    asked = _match(model, film, cells.drop_vars(["y", "x"]).assign_attrs(units="Hz"), cells=[(3, 1), (0, 4)])
    np.testing.assert_array_equal(_predicted(asked), cells)
    spikes = (cells > 0.5).assign_attrs(units="count")
    np.testing.assert_allclose(_predicted(_match(model, film, spikes)), cells * 0.01)


@pytest.mark.parametrize("flip", [False, True])
def test_frames_in_any_order(flip: bool) -> None:
    film = _film()
    response = film.transpose("x", "time", "y").assign_attrs(units="Hz")
    found = _match(Rate(1.0), film, response[:, :, ::-1] if flip else response)
    names = ("time", *found.rest)
    np.testing.assert_array_equal(_predicted(found), film.transpose(*names))
    np.testing.assert_array_equal(found.response[:, 0].transpose("time", "y", "x"), film)


def test_channels_are_cells() -> None:
    model = cx.filters.RF(1, 3, (2, 4, 5))
    film = _film()
    out = cx.run(model, film).response.isel(y=0, x=0, drop=True)
    response = out.rename(channel="cell").transpose("time", "cell")
    # where they were found has no bearing on a model that sees the whole frame
    response = response.assign_coords({name: ("cell", [0.5, 0.1, 0.2], {"units": "degree"}) for name in ("y", "x")})
    torch.testing.assert_close(_predicted(_match(model, film, response)), torch.from_numpy(response.values))
    one = cx.filters.RF(1, 1, (2, 4, 5))
    alone = cx.run(one, film).response.isel(y=0, x=0, drop=True)
    for given in (alone, alone.expand_dims("cell", -1), alone.expand_dims("cell", -1).expand_dims("repeat")):
        torch.testing.assert_close(_predicted(_match(one, film, given)).reshape(-1), torch.from_numpy(alone.values))


def test_sampled_cells_of_a_retina() -> None:
    film = cx.stimuli.white_noise("0.1 s", ("1 deg", "1 deg"), dt="1 ms", pixel_size="0.1 deg", seed=1)
    retina = cx.models.Retina("human_parvo", ganglion=["parvo_on"])
    places = film.isel(y=xr.DataArray([3, 6], dims="cell"), x=xr.DataArray([1, 4], dims="cell"))
    response = places.copy(data=np.ones(places.shape)).assign_attrs(units="count")
    found = _match(retina, film, response, output="parvo_on_current")
    whole = cx.run(retina, film, outputs="parvo_on_current", dtype="float64").parvo_on_current
    expected = whole.isel(y=xr.DataArray([3, 6], dims="cell"), x=xr.DataArray([1, 4], dims="cell"))
    np.testing.assert_allclose(_predicted(found), expected * 0.001, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("model", "units", "counts", "scale", "response_scale", "unit"),
    [
        (Rate, "Hz", False, 1, 1, "Hz"),
        (Rate, "kHz", False, 1e-3, 1, "kHz"),
        (Rate, "count", False, 0.01, 1, "count"),
        (Rate, "count", True, 0.01, 1, "count"),
        (Rate, "Hz", True, 0.01, 0.01, "count"),
        (Rate, "1", False, 0.01, 1, "count"),
        (Milli, "V", False, 1e-3, 1, "V"),
        (cx.filters.LowPass, "count", False, 1, 1, "count"),
        (cx.filters.LowPass, "Hz", True, 0.01, 0.01, "count"),
    ],
)
def test_units_are_brought_together(
    model: Any, units: str, counts: bool, scale: float, response_scale: float, unit: str
) -> None:
    film = _film()
    found = _match(model(), film, film.assign_attrs(units=units), counts=counts)
    assert (found.scale, found.response_scale) == (pytest.approx(scale), pytest.approx(response_scale))
    assert found.units == unit


def test_a_stretch_of_the_stimulus() -> None:
    film = _film()
    assert _match(Rate(), film, film[4:9].assign_attrs(units="Hz")).part == slice(4, 9)


def test_a_lazy_response_is_not_read() -> None:
    film = _film()

    def block(values: np.ndarray, block_info: Any = None) -> np.ndarray:
        assert not block_info or block_info[0]["array-location"][0][0] == 0, "read"
        return values

    lazy = film.chunk(time=5).assign_attrs(units="Hz")
    lazy = lazy.copy(data=lazy.data.map_blocks(block, dtype="f8", meta=np.array((), "f8")))
    assert _match(Rate(), film, lazy).response.chunks is not None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda film: film.values, "response: wanted a DataArray, got ndarray"),
        (
            lambda film: film.drop_attrs(deep=False),
            "response: wanted a unit of its values, got none",
        ),
        (lambda film: film.assign_attrs(units="mV"), "wanted a unit that converts to mV, got Hz"),
        (lambda film: film.isel(x=slice(0, 3)), "response: wanted what output 'response' has beside time, {'y': 4, 'x"),
        (lambda film: film.isel(x=0), "Cure: a model of one cell"),
        (lambda film: film.stack(cell=["y", "x"]).reset_index("cell", drop=True), 'coordinates "y" and "x" along the'),
        (lambda film: film.assign_coords(x=film.x + 1.0), "wanted pixels of the output, x from -1 to 1 degree, got x"),
        (lambda film: film.assign_coords(time=film.time + 0.004), "response: wanted time labels that are among"),
        (lambda film: film.isel(time=slice(0, 20, 2)), "response: wanted time labels that are among"),
        (lambda film: film.where(film < 0.9, np.inf), "response: wanted finite values, got infinity"),
        (lambda film: film.rename(y="depth"), "got {'depth': 4, 'x': 5}"),
    ],
)
def test_what_does_not_go_together(change: Any, told: str) -> None:
    film = _film()
    with pytest.raises(cx.ConvisError) as caught:
        _match(Rate(), film, change(film.assign_attrs(units="Hz")))
    assert told in str(caught.value)


def test_outputs_that_cannot_be_compared() -> None:
    film = cx.as_stimulus(np.ones((20, 4, 5)), dt="1 ms", pixel_size="0.5 deg", units="1")
    retina = cx.models.Retina(input_range=1.0)
    with pytest.raises(cx.ContractError, match=r"output: wanted one of parvo_on, .*, got none named\. Cure"):
        _match(retina, film, film)
    with pytest.raises(cx.ContractError, match="output: wanted values over time, got 'parvo_on_times', a table of ev"):
        _match(retina, film, film, output="parvo_on_times")
    with pytest.raises(cx.ContractError, match="outputs: wanted names among"):
        _match(retina, film, film, output="nothing")


def test_parameters_by_path() -> None:
    retina = cx.models.Retina(input_range=1.0)
    center = fitted_parameters(retina, "opl.center")
    assert {"opl.center.sigma", "opl.center.tau"} <= set(center)
    assert "opl.center.n" not in center
    assert list(fitted_parameters(retina, ["bipolar.adaptation_tau", "opl.center.sigma"])) == [
        "opl.center.sigma", "bipolar.adaptation_tau",
    ]  # fmt: skip
    with pytest.raises(cx.ParameterError, match=r"parameters: wanted paths among .*, got opl\.centre\. Cure"):
        fitted_parameters(retina, ["opl.centre"])
    with pytest.raises(cx.ParameterError, match="parameters: wanted a path at least"):
        fitted_parameters(retina, [])
    retina.requires_grad_(False)
    with pytest.raises(cx.ParameterError, match="parameters: wanted some that ask for a gradient, got none"):
        fitted_parameters(retina, None)
