"""The past before the present: every mode against numpy's padding, chunks, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr

import convis_xr as cx
from convis_xr.filters import TimePadding

RNG = np.random.default_rng(1)
X = torch.from_numpy(RNG.random((2, 1, 9, 2, 3)))
LENGTH = 4


def padded(mode: str, **options: object) -> np.ndarray:
    return np.pad(X.numpy(), [(0, 0), (0, 0), (LENGTH, 0), (0, 0), (0, 0)], mode, **options)  # type: ignore[call-overload]


WANTED = {
    "first_frame": padded("edge"),
    "zeros": padded("constant"),
    "ones": padded("constant", constant_values=1),
    "mirror": padded("symmetric"),
    "reflect": padded("reflect"),
    "full_copy": np.concatenate([X[:, :, :LENGTH], X], 2),
    "mean": np.concatenate([X[:, :, :LENGTH].mean(2, keepdim=True).expand(-1, -1, LENGTH, -1, -1), X], 2),
}


@pytest.mark.parametrize("mode", WANTED)
@pytest.mark.parametrize("cuts", [[], [5], [5, 6], [6, 7, 8]])
def test_every_mode_is_numpys_padding_and_chunks_do_not_matter(mode: str, cuts: list[int]) -> None:
    layer, start = TimePadding(LENGTH, mode), 0
    for part in torch.tensor_split(X, cuts, dim=2):
        stop = start + part.shape[2]
        np.testing.assert_array_equal(layer(part), WANTED[mode][:, :, start : LENGTH + stop])
        start = stop
    np.testing.assert_array_equal(layer.get_state()["history"], X[:, :, -LENGTH:])


@pytest.mark.parametrize(("mode", "value"), [(0.25, 0.25), ("250 uV", 0.25), (cx.units.Quantity(0.25, "mV"), 0.25)])
def test_the_past_may_be_a_value(mode: object, value: float) -> None:
    class Last(cx.Layer):
        units_out = None

        def __init__(self) -> None:
            super().__init__()
            self.past = TimePadding("3 ms", mode)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.past(x)[:, :, : x.shape[2]]

    units = "1" if isinstance(mode, float) else "mV"
    film = cx.as_stimulus(np.arange(5.0), dt="1 ms", units=units)
    np.testing.assert_allclose(Last()(film), [value] * 3 + [0, 1])
    ran = cx.run(Last(), film, initial="first_frame", progress=False).response
    np.testing.assert_allclose(ran, [0, 0, 0, 0, 1])


@pytest.mark.parametrize(("mode", "needed"), [("mirror", 4), ("reflect", 5), ("full_copy", 4), ("mean", 4)])
def test_modes_that_look_ahead_want_a_first_chunk_that_is_long_enough(mode: str, needed: int) -> None:
    layer = TimePadding(LENGTH, mode)
    with pytest.raises(
        cx.ContractError, match=f"at least {needed} steps in the first chunk, for mode='{mode}', got {needed - 1}"
    ):
        layer(X[:, :, : needed - 1])
    assert layer.get_state() == {}
    assert layer(X[:, :, :needed]).shape[2] == LENGTH + needed


def test_no_padding_is_the_identity() -> None:
    for mode in WANTED:
        assert torch.equal(TimePadding(0, mode)(X), X)


def test_gradients_reach_the_frames_that_are_repeated() -> None:
    x = X.clone().requires_grad_()
    TimePadding(LENGTH, "first_frame")(x).sum().backward()
    assert x.grad is not None
    assert x.grad[0, 0, :, 0, 0].tolist() == [LENGTH + 1] + [1] * 8


def test_what_cannot_be() -> None:
    with pytest.raises(cx.ParameterError, match="mode: wanted a value or one of first_frame, zeros, ones, mirror"):
        TimePadding(3, "wrap")
    with pytest.raises(cx.UnitError, match="length: wanted"):
        TimePadding(2.5)
    with pytest.raises(cx.UnitError, match="length: wanted"):
        TimePadding("-2 ms")
    film = xr.DataArray(np.zeros(4), {"time": ("time", np.arange(4.0), {"units": "s"})}, attrs={"units": "1"})
    with pytest.raises(cx.ContractError, match="one sample for each"):
        TimePadding(2)(film)
    layer = TimePadding(2)
    layer(X)
    layer.length = 3
    with pytest.raises(cx.ContractError, match="length: wanted 3 frames of the past, got 2"):
        layer(X)


@pytest.mark.parametrize("mode", [None, [1.0], True, np.zeros(3)])
def test_what_is_neither_a_mode_nor_a_value(mode: object) -> None:
    with pytest.raises(cx.ParameterError, match="mode: wanted a value or one of first_frame"):
        TimePadding(3, mode)


@pytest.mark.parametrize("mode", [2, 2.0, np.float32(2), "2", cx.units.Quantity(2, "")])
def test_values_may_be_numbers_or_quantities(mode: object) -> None:
    assert TimePadding(1, mode)(X)[0, 0, 0, 0, 0] == 2.0
