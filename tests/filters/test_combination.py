"""Sum and difference: of tensors, of labelled arrays, along dimensions by their names."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr

import convis_xr as cx
from convis_xr.filters import Diff, Sum

RNG = np.random.default_rng(2)


def film(channels: int = 2, units: str = "Hz", dt: str = "1 ms", pixel_size: str = "0.1 deg") -> xr.DataArray:
    return cx.as_stimulus(RNG.random((1, channels, 6, 3, 4)), dt=dt, pixel_size=pixel_size, units=units)


def test_sum_and_difference_of_labelled_arrays() -> None:
    a, b, c = film(), film(), film()
    np.testing.assert_allclose(Sum()(a, b, c), a + b + c)
    np.testing.assert_allclose(Diff()(a, b), a - b)
    np.testing.assert_allclose(Diff(dim=None)(a, b.transpose("x", "y", "time", "channel", "batch")), a - b)
    assert Sum()(a, b).attrs["units"] == "Hz"
    np.testing.assert_allclose(Diff()(a, (b / 1000).assign_attrs(units="kHz")), a - b)
    np.testing.assert_allclose(Sum()(a, b.isel(y=slice(None, None, -1))), a + b)
    np.testing.assert_allclose(Sum()(a), a)


def test_sum_and_difference_of_tensors() -> None:
    a, b = (torch.from_numpy(film().values) for _ in range(2))
    assert torch.equal(Sum()(a, b, b), a + b + b)
    assert torch.equal(Diff()(a, b), a - b)


def test_dimensions_go_by_name() -> None:
    a, b = film(), film()
    for dim in ("channel", "y", "x", ("y", "x")):
        result = Sum(dim)(a, b)
        np.testing.assert_allclose(result, (a + b).sum(dim, keepdims=True))
        assert result.time.identical(a.time)
    three = film(3)
    np.testing.assert_allclose(
        Sum("channel")(torch.from_numpy(three.values), torch.from_numpy(a.values)).numpy(),
        three.sum("channel", keepdims=True).values + a.sum("channel", keepdims=True).values,
    )
    np.testing.assert_allclose(Diff("channel")(a), a.isel(channel=[0]) - a.isel(channel=[1]).values)


def test_a_difference_in_time_is_numpys() -> None:
    a, layer = film(), Diff()
    wanted = np.diff(a.values, axis=2, prepend=a.values[:, :, :1])
    np.testing.assert_array_equal(layer(a), wanted)
    layer.clear_state()
    pieces = [layer(a.isel(time=part)) for part in (slice(0, 1), slice(1, 4), slice(4, 6))]
    np.testing.assert_array_equal(np.concatenate(pieces, 2), wanted)
    layer = Diff()
    layer.initial = "zeros"
    np.testing.assert_array_equal(layer(a), np.diff(a.values, axis=2, prepend=0))


def test_labels_must_agree() -> None:
    a = film()
    with pytest.raises(cx.ContractError, match="further input: wanted"):
        Sum()(a, film(3))
    with pytest.raises(cx.ContractError, match=r"further input: wanted time from 0 to 0.005, got time from 0 to 0.01"):
        Sum()(a, film(dt="2 ms"))
    with pytest.raises(cx.ContractError, match=r"further input: wanted y from 0.1 to -0.1, got y from 0.2 to -0.2"):
        Diff()(a, film(pixel_size="0.2 deg"))
    with pytest.raises(cx.UnitError, match="units of further input: wanted a unit that converts to Hz, got mV"):
        Diff()(a, film(units="mV"))


def test_what_cannot_be() -> None:
    x = torch.zeros(1, 2, 3, 4, 5)
    for dim in ("time", "batch", 1, "z"):
        with pytest.raises(cx.ParameterError, match="dim: wanted one of channel, y, x"):
            Sum(dim)  # type: ignore[arg-type]
    with pytest.raises(cx.ParameterError, match="dim: wanted one of time, channel"):
        Diff("x")
    for other in (x[:, :1], 3.0):
        with pytest.raises(cx.ContractError, match=r"inputs: wanted all of shape \(1, 2, 3, 4, 5\)"):
            Sum()(x, other)
    with pytest.raises(cx.ContractError, match="inputs: wanted two inputs, got 3"):
        Diff()(x, x, x)
    with pytest.raises(cx.ContractError, match="inputs: wanted two inputs, got 1"):
        Diff(dim=None)(x)
    with pytest.raises(cx.ContractError, match="channel: wanted two channels, got 1"):
        Diff("channel")(x[:, :1])


def test_a_dimension_is_given_once() -> None:
    with pytest.raises(cx.ParameterError, match="dim: wanted each dimension once"):
        Sum(("x", "x"))
