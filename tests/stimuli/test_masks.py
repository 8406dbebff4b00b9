from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from convis_xr import ContractError, UnitError, set_options
from convis_xr.stimuli import masks


@pytest.fixture(autouse=True)
def sampling():
    with set_options(pixel_size="0.1 deg"):
        yield


MASKS = {
    "disc": lambda size, **k: masks.disc(size, "1 deg", **k),
    "annulus": lambda size, **k: masks.annulus(size, "0.5 deg", "1 deg", **k),
    "rectangle": lambda size, **k: masks.rectangle(size, ("1 deg", "2 deg"), **k),
    "gaussian": lambda size, **k: masks.gaussian(size, "0.5 deg", **k),
    "half_plane": lambda size, **k: masks.half_plane(size, "30 deg", **k),
}


@pytest.mark.parametrize("name", MASKS)
def test_they_are_labelled_and_between_zero_and_one(name: str) -> None:
    mask = MASKS[name]((40, 50))
    assert mask.dims == ("y", "x")
    assert mask.shape == (40, 50)
    assert mask.attrs["units"] == "1"
    assert mask.attrs["valid_range"] == [0.0, 1.0]
    assert mask.y.attrs["units"] == mask.x.attrs["units"] == "degree"
    assert float(mask.y[0]) > float(mask.y[-1])
    assert 0 <= float(mask.min()) < float(mask.max()) <= 1


@pytest.mark.parametrize("name", MASKS)
def test_a_centre_moves_them_up_and_right(name: str) -> None:
    at = MASKS[name](81)
    moved = MASKS[name](81, centre=("0.3 deg", "0.5 deg"))
    np.testing.assert_allclose(moved.values[:-3, 5:], at.values[3:, :-5], atol=1e-6)


def test_areas() -> None:
    fine = {"pixel_size": "0.01 deg"}
    assert float(masks.disc("3 deg", "1 deg", **fine).sum()) * 1e-4 == pytest.approx(np.pi, rel=2e-3)
    assert float(masks.annulus("3 deg", "0.5 deg", "1 deg", **fine).sum()) * 1e-4 == pytest.approx(
        0.75 * np.pi, rel=2e-3
    )
    assert float(masks.rectangle("3 deg", ("1 deg", "2 deg"), **fine).sum()) * 1e-4 == pytest.approx(2)
    assert float(masks.gaussian("3 deg", "0.2 deg", **fine).sum()) * 1e-4 == pytest.approx(2 * np.pi * 0.04, rel=1e-3)
    assert float(masks.half_plane("3 deg", "30 deg", **fine).mean()) == pytest.approx(0.5, abs=2e-3)


@pytest.mark.parametrize("name", ["disc", "annulus", "rectangle", "half_plane"])
def test_a_soft_edge_is_centred_on_the_boundary(name: str) -> None:
    sharp, soft = MASKS[name](81), MASKS[name](81, edge="0.3 deg")
    assert set(np.unique(sharp)) == {0.0, 1.0}
    between = (soft > 0) & (soft < 1)
    assert bool(between.any())
    xr.testing.assert_equal(soft.where(~between), sharp.where(~between))
    assert (sharp.values[soft.values > 0.51] == 1).all()
    assert (sharp.values[soft.values < (0.24 if name == "rectangle" else 0.49)] == 0).all()  # a corner is a quarter


def test_half_planes_point_where_the_direction_says() -> None:
    assert masks.half_plane((2, 2), "0 deg").values.tolist() == [[0, 1], [0, 1]]
    assert masks.half_plane((2, 2), "90 deg").values.tolist() == [[1, 1], [0, 0]]
    assert masks.half_plane((2, 2), "180 deg").values.tolist() == [[1, 0], [1, 0]]


def test_profile_of_a_soft_disc() -> None:
    mask = masks.disc((1, 401), "1 deg", edge="1 deg", pixel_size="0.01 deg")[0]
    np.testing.assert_allclose(
        mask.sel(x=[0.4, 0.75, 1.0, 1.25, 1.6], method="nearest"), [1, 0.853553, 0.5, 0.146447, 0], atol=1e-5
    )


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: masks.disc(4, 1), UnitError, "radius"),
        (lambda: masks.disc(4, "0 deg"), ContractError, "radius"),
        (lambda: masks.disc(0, "1 deg"), ContractError, "size"),
        (lambda: masks.disc(4, "1 deg", centre=0), UnitError, "centre"),
        (lambda: masks.disc(4, "1 deg", edge="-1 deg"), ContractError, "edge"),
        (lambda: masks.annulus(4, "1 deg", "1 deg"), ContractError, "inner"),
        (lambda: masks.rectangle(4, ("1 deg", 2)), UnitError, "sides"),
        (lambda: masks.gaussian(4, "0 deg"), ContractError, "sigma"),
        (lambda: masks.half_plane(4, 90), UnitError, "direction"),
    ],
)
def test_bad_input_is_refused(make, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()


def test_a_pitch_is_needed() -> None:
    with set_options(pixel_size=None), pytest.raises(ContractError, match="pixel size"):
        masks.disc(4, "1 deg")
