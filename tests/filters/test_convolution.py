"""Convolutions and receptive fields: orientation, forms of weights, sizes, errors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr
from scipy import ndimage

import convis_xr as cx

RNG = np.random.default_rng(0)


def film(shape: tuple[int, ...] = (20, 7, 8)) -> xr.DataArray:
    return cx.as_stimulus(RNG.random(shape), dt="1 ms", pixel_size="0.1 deg", units="Hz")


def test_conv3d_is_scipys_convolution_made_causal() -> None:
    kernel, stimulus = RNG.normal(size=(5, 4, 3)).astype("float32"), film()
    conv = cx.filters.Conv3d(1, (1, 1, 1))
    conv.set_weight(kernel)
    lagged = np.concatenate([np.zeros((4, 7, 8)), stimulus.values])
    # scipy's origin is the middle of the kernel; ours is its first sample in time
    wanted = ndimage.convolve(lagged, kernel, mode="nearest")[2 : 2 + 20]
    np.testing.assert_allclose(conv(stimulus), wanted, atol=1e-12)


def test_what_comes_out_of_an_impulse_is_the_kernel() -> None:
    kernel = np.arange(1.0, 28).reshape(3, 3, 3)
    conv = cx.filters.Conv3d(1, (3, 3, 3))
    conv.set_weight(kernel)
    impulse = xr.zeros_like(film((6, 7, 8)))
    impulse[1, 3, 4] = 1
    np.testing.assert_allclose(conv(impulse)[1:4, 2:5, 3:6], kernel, atol=1e-12)


def test_a_receptive_field_is_not_mirrored() -> None:
    weight, stimulus = RNG.normal(size=(4, 7, 8)).astype("float32"), film()
    cell = cx.filters.RF(1, (1, 1, 1))
    cell.set_weight(weight)
    lagged = np.concatenate([np.zeros((3, 7, 8)), stimulus.values])
    wanted = [sum((weight[k] * lagged[3 + t - k]).sum() for k in range(4)) for t in range(20)]
    np.testing.assert_allclose(cell(stimulus).values.ravel(), wanted, atol=1e-12)


@pytest.mark.parametrize(("placement", "corner"), [("center", (2, 2)), ("corner", (0, 0))])
def test_a_small_receptive_field_lies_where_it_is_put(placement: str, corner: tuple[int, int]) -> None:
    cell = cx.filters.RF(1, (1, 3, 4), placement=placement)
    cell.set_weight(1.0)
    stimulus = film()
    top, left = corner
    wanted = stimulus.values[:, top : top + 3, left : left + 4].sum((1, 2))
    np.testing.assert_allclose(cell(stimulus).values.ravel(), wanted)


def test_a_receptive_field_larger_than_the_frame_is_refused() -> None:
    with pytest.raises(cx.ContractError, match=r"weight: wanted a field inside the frame, got \(9, 9\) px"):
        cx.filters.RF(1, (1, 9, 9))(film())
    with pytest.raises(cx.ContractError, match=r"weight: wanted a field inside the frame, got \(9, 9\) px"):
        cx.filters.RF(1, (1, 9, 9), placement="corner")(film())
    with pytest.raises(cx.ParameterError, match='placement: wanted "center", "corner" or a pair'):
        cx.filters.RF(placement="left")


@pytest.mark.parametrize(
    ("weight", "shape"),
    [
        (np.ones(4), (1, 1, 4, 1, 1)),
        (np.ones((3, 2)), (1, 1, 1, 3, 2)),
        (np.ones((4, 3, 2)), (1, 1, 4, 3, 2)),
        (np.ones((2, 4, 3, 2)), (1, 2, 4, 3, 2)),
        (torch.ones(5, 2, 4, 3, 2), (5, 2, 4, 3, 2)),
        (7.0, (1, 1, 2, 2, 2)),
        (xr.DataArray(np.ones((3, 4, 2)), dims=("y", "time", "x")), (1, 1, 4, 3, 2)),
    ],
)
def test_weights_come_in_many_forms(weight: object, shape: tuple[int, ...]) -> None:
    conv = cx.filters.Conv3d(1, (2, 2, 2))
    held = conv.weight
    conv.set_weight(weight)
    assert conv.weight.shape == shape
    assert conv.weight is held
    assert conv.bias.shape == shape[:1]


@pytest.mark.parametrize("backward", [("y",), ("x",), ("y", "x")])
def test_labelled_weights_lie_as_their_coordinates_say(backward: tuple[str, ...]) -> None:
    kernel = film((4, 3, 5))
    upright, turned = (cx.filters.Conv3d(1, (1, 1, 1)) for _ in range(2))
    upright.set_weight(kernel)
    np.testing.assert_array_equal(upright.weight[0, 0].detach(), kernel.values.astype("float32"))
    flipped = kernel.isel(dict.fromkeys(backward, slice(None, None, -1)))
    for given in (flipped, flipped.copy(data=flipped.values.copy())):
        turned.set_weight(given)
        assert torch.equal(turned.weight, upright.weight)


@pytest.mark.parametrize("layer", [cx.filters.RF, cx.filters.Conv3d])
def test_labelled_weights_can_be_assigned(layer: type[cx.filters.Conv3d]) -> None:
    kernel, stimulus = film((4, 3, 5)), film()
    one, other = layer(1, (2, 3, 5)), layer(1, (2, 3, 5))
    other(stimulus)
    other.clear_state()
    one.set_weight(kernel)
    other.weight = kernel.isel(y=slice(None, None, -1))
    assert isinstance(other.weight, cx.Parameter)
    xr.testing.assert_identical(other(stimulus), one(stimulus))


@pytest.mark.parametrize("layer", [cx.filters.RF, cx.filters.Conv3d])
def test_labelled_weights_belong_to_their_time_step_and_pixels(layer: type[cx.filters.Conv3d]) -> None:
    made = layer(1, (1, 1, 1))
    made.set_weight(film((4, 3, 5)))
    other = cx.as_stimulus(np.zeros((5, 7, 8)), dt="2 ms", pixel_size="0.1 deg", units="1")
    with pytest.raises(
        cx.ContractError, match=r"weight: wanted a time step of 0\.002 s, that of the stimulus, got 0\.001 s"
    ):
        made(other)
    other = cx.as_stimulus(np.zeros((5, 7, 8)), dt="1 ms", pixel_size="0.2 deg", units="1")
    with pytest.raises(cx.ContractError, match=r"weight: wanted pixels of 0\.2 x 0\.2 deg"):
        made(other)
    made.set_weight(2.0)  # fills what is there: still the same grid
    with pytest.raises(cx.ContractError, match="weight: wanted pixels"):
        made(other)
    made.set_weight(np.ones((4, 3, 5)))
    assert made(other).shape[0] == 5


def test_arrays_may_run_backward_in_memory() -> None:
    conv = cx.filters.Conv1d(kernel_size=3)
    conv.set_weight(np.array([1.0, 2.0, 5.0])[::-1])
    np.testing.assert_array_equal(conv.weight.detach().ravel(), [5, 2, 1])


def test_weights_can_be_normalised_flipped_and_shared() -> None:
    kernel = np.array([1.0, 2.0, 5.0])
    conv = cx.filters.Conv1d(2, 3, 3)
    conv.set_weight(kernel, normalize=True, flip=True, preserve_channels=True)
    assert conv.weight.shape == (3, 2, 3, 1, 1)
    np.testing.assert_allclose(conv.weight[1, 1].detach().ravel(), kernel[::-1] / 8)


def test_sizes_may_be_quantities() -> None:
    with cx.set_options(dt="2 ms", pixel_size="0.1 deg"):
        conv = cx.filters.Conv3d(1, 1, ("20 ms", "0.5 deg", 3))
    assert conv.weight.shape == (1, 1, 10, 5, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0,), "in_channels: wanted a whole number above 0, got 0"),
        ((1, 1, (3, 3)), r"kernel_size: wanted \(time, y, x\)"),
        ((1, 1, 5), r"kernel_size: wanted \(time, y, x\), got 5"),
        ((1, 1, (0, 3, 3)), "kernel_size: wanted at least one sample each"),
        ((1, 1, (1.5, 3, 3)), "kernel_size: wanted whole samples or a quantity"),
    ],
)
def test_wrong_sizes(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(cx.ConvisError, match=message):
        cx.filters.Conv3d(*arguments)  # type: ignore[arg-type]


def test_wrong_channels_and_weights() -> None:
    with pytest.raises(cx.ParameterError, match="channel: wanted 2 input"):
        cx.filters.Conv3d(2, (3, 1, 1))(film())
    with pytest.raises(cx.ParameterError, match="weight: wanted 1 to 5 axes"):
        cx.filters.Conv3d().set_weight(np.ones((1,) * 6))
    with pytest.raises(cx.ParameterError, match="weight: wanted finite values"):
        cx.filters.Conv3d().set_weight(np.full(3, np.nan))


def test_units_are_those_of_the_input() -> None:
    assert cx.filters.Conv3d(1, (3, 1, 1))(film()).attrs["units"] == "Hz"
    assert cx.models.LN((3, 1, 1))(film()).attrs["units"] == "1"


def test_before_the_first_frame() -> None:
    conv = cx.filters.Conv1d(kernel_size=4)
    conv.set_weight(1.0)
    stimulus = xr.ones_like(film((3, 2, 2)))
    assert conv(stimulus)[0, 0, 0] == 1  # zeros
    conv.clear_state()
    conv.initial = "first_frame"
    assert conv(stimulus)[0, 0, 0] == 4
    conv.clear_state()
    conv.initial = "2 Hz"
    assert conv(stimulus)[0, 0, 0] == 7


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.ones(0), "1 to 5 axes, none of them empty"),
        (np.ones(3) * 1j, "real numbers, got complex128"),
        (torch.ones(3) * 1j, "real numbers"),
        ("sharp", "real numbers"),
        (xr.DataArray(np.ones((3, 2)), dims=("time", "depth")), "dims among .* got {'time': 3, 'depth': 2}"),
        (film()[:0], "none of them empty"),
    ],
)
@pytest.mark.parametrize("layer", [cx.filters.RF, cx.filters.Conv3d])
def test_what_is_no_weight(layer: type[cx.filters.Conv3d], weight: object, message: str) -> None:
    made = layer(1, (2, 1, 1))
    before = made.weight.detach().clone()
    with pytest.raises(cx.ParameterError, match=f"weight: wanted .*{message}"):
        made.set_weight(weight)
    assert torch.equal(made.weight, before)


def test_one_kernel_for_all_channels_or_as_many_as_there_are() -> None:
    conv = cx.filters.Conv3d(2, 3, (1, 1, 1))
    conv.set_weight(np.ones(4), preserve_channels=True)
    assert conv.weight.shape == (3, 2, 4, 1, 1)
    with pytest.raises(cx.ParameterError, match=r"weight: wanted one kernel, or \(3, 2, lag, y, x\), got shape \(2, 2"):
        conv.set_weight(np.ones((2, 2, 1, 1, 1)), preserve_channels=True)


def test_channels_may_be_numbers_of_numpy() -> None:
    assert cx.filters.Conv3d(np.int64(2), np.int64(3), (1, 1, 1)).weight.shape == (3, 2, 1, 1, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [5, (5,), (5, 5, 5), "0.5 deg"])
def test_wrong_sizes_in_space(size: object) -> None:
    with pytest.raises(cx.ParameterError, match=r"kernel_size: wanted \(y, x\)"):
        cx.filters.Conv2d(kernel_size=size)  # type: ignore[arg-type]
    with pytest.raises(cx.ParameterError, match=r"kernel_size: wanted \(y, x\)"):
        cx.filters.SmoothConv(kernel_size=size)  # type: ignore[arg-type]
    with pytest.raises(cx.ParameterError, match=r"kernel_size: wanted \(time, y, x\)"):
        cx.filters.Conv3d(1, 1, size if size != (5, 5, 5) else 5)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["direct", "fourier", "low_rank"])
def test_the_method_can_be_forced_and_gives_the_same(method: str) -> None:
    stimulus = film((30, 7, 8))
    by_cost, forced = (cx.filters.Conv3d(1, (6, 3, 4), method=chosen) for chosen in (None, method))
    forced.load_state_dict(by_cost.state_dict())
    wanted = by_cost(stimulus)
    assert forced.method == method
    np.testing.assert_allclose(forced(stimulus), wanted, atol=1e-12)
    by_cost.clear_state()
    by_cost.method = method
    np.testing.assert_array_equal(by_cost(stimulus), np.asarray(cx.run(forced, stimulus).response))


def test_a_method_that_is_not_there_is_refused() -> None:
    for make in (cx.filters.Conv3d, cx.filters.Conv1d):
        with pytest.raises(cx.errors.ParameterError, match=r"method: wanted 'direct', 'fourier', 'low_rank' or None"):
            make(method="fft")
    conv = cx.filters.Conv2d(method="direct")
    with pytest.raises(cx.errors.ParameterError, match="got 'quick'"):
        conv.method = "quick"
    assert conv.method == "direct"


def test_a_receptive_field_has_no_method_to_choose() -> None:
    cell = cx.filters.RF(1, (1, 2, 2))
    assert not hasattr(cell, "method")
    assert not hasattr(cell, "costs")


def test_costs_are_those_of_the_weight_that_is_there() -> None:
    conv = cx.filters.Conv3d(1, (20, 10, 10))
    assert conv.costs((100, 100)).best == "fourier"
    conv.set_weight(np.einsum("t,y,x->tyx", *RNG.random((3, 10))))
    assert conv.costs((100, 100)).best == "low_rank"


def test_the_planner_knows_of_the_outputs() -> None:
    one, eight = (cx.filters.Conv3d(1, n, (3, 3, 3)).working_arrays(("response",)) for n in (1, 8))
    assert eight >= one + 2 * 7
