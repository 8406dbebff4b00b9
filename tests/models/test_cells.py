"""Where cells sit: counted against the integral of the density, and measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, optimize
from scipy.spatial import cKDTree

import convis_xr as cx
from convis_xr.models.retina import CircularArray, LogPolar, SquareArray
from tests.agreement import Agreement, relative

Array = CircularArray | SquareArray
WIDE = (400, 600)
#: scheme to its fovea and factor as plain numbers
FACTS = {LogPolar(f"{fovea} deg", f"{k}/deg"): (fovea, k) for fovea, k in ((1.0, 1.0), (2.0, 0.3), (0.5, 0.0))}
SCHEMES = [None, *FACTS]


def points(table: xr.Dataset) -> np.ndarray:
    return np.column_stack([table.x, table.y])


def expected_count(density: float, radius: float, scheme: LogPolar | None) -> float:
    """The integral of the density's square over the disc, by quadrature."""
    fovea, k = FACTS.get(scheme, (1.0, 0.0))

    def ring(r: float) -> float:
        return 2 * np.pi * r * (density / (1 + k * max(r - fovea, 0))) ** 2

    return float(integrate.quad(ring, 0, radius, points=[min(fovea, radius)])[0])


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("density", [30.0, 41.3])
def test_there_are_as_many_cells_as_the_density_says(
    density: float, scheme: LogPolar | None, agreement: Agreement
) -> None:
    table = CircularArray(f"{density}/deg", "10 deg").positions(WIDE, "0.05 deg", scheme)
    error = abs(table.sizes["cell"] / expected_count(density, 5, scheme) - 1)
    against = "density squared, integrated by scipy.integrate.quad"
    agreement("cells of a circular array: number", against, "relative error", error, within=0.03)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_within_any_ring_too(scheme: LogPolar | None) -> None:
    """The density is right at each eccentricity, not only in the sum."""
    table = CircularArray("60/deg", "10 deg").positions(WIDE, "0.05 deg", scheme)
    r = np.hypot(table.x, table.y).values
    for low, high in ((0, 1), (1, 2), (2, 3.5), (3.5, 5)):
        wanted = expected_count(60, high, scheme) - expected_count(60, low, scheme)
        assert ((r >= low) & (r < high)).sum() == pytest.approx(wanted, rel=0.06)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_neighbours_are_as_far_as_the_density_says(scheme: LogPolar | None) -> None:
    table = CircularArray("30/deg", "10 deg").positions(WIDE, "0.05 deg", scheme)
    nearest = cKDTree(points(table)).query(points(table), 2)[0][:, 1]
    spacing = nearest * table.density.values
    # between rings cells stand at all angles to each other, so that the nearest is never farther than along the ring
    assert spacing.min() > 0.85
    assert spacing.max() < 1.1
    assert spacing.mean() == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize("scheme", SCHEMES[1:3])
def test_radii_of_the_rings(scheme: LogPolar, agreement: Agreement) -> None:
    """Each where the integrated density is a whole number: by quadrature and a root finder."""
    table = CircularArray("4/deg", "10 deg").positions(WIDE, "0.05 deg", scheme)
    radii = np.unique(np.hypot(table.x, table.y).values.round(9))

    fovea, k = FACTS[scheme]

    def integral(r: float) -> float:
        knee = {"points": [fovea]} if r > fovea else {}
        return float(integrate.quad(lambda s: 4 / (1 + k * max(s - fovea, 0)), 0, r, **knee)[0])

    wanted = [optimize.brentq(lambda r, n=n: integral(r) - n, 0, 6) for n in range(1, len(radii))]
    against = "scipy.integrate.quad and scipy.optimize.brentq"
    agreement("cells of a circular array: radii", against, "relative L2", relative(radii[1:], wanted), within=1e-7)
    assert integral(5) - (len(radii) - 1) < 1  # there is no room for one more


@pytest.mark.parametrize("array", [CircularArray("20/deg"), CircularArray("7/deg", "6 deg"), SquareArray("9/deg")])
@pytest.mark.parametrize("scheme", [None, LogPolar("1 deg", "2/deg")])
def test_arrays_are_their_own_mirror_images(array: Array, scheme: LogPolar | None) -> None:
    if isinstance(array, SquareArray):
        scheme = None
    own = points(array.positions((80, 101), "0.05 deg", scheme))
    for mirror in ([-1, 1], [1, -1], [-1, -1]):
        assert cKDTree(own).query(own * mirror)[0].max() < 1e-9


frames = st.tuples(st.integers(1, 60), st.integers(1, 60))
pitches = st.floats(0.01, 0.5)


@given(frames, pitches, pitches, st.floats(0.1, 20), st.booleans(), st.none() | st.floats(0.1, 40))
def test_all_are_inside_of_frame_and_array(
    frame: tuple[int, int], y: float, x: float, density: float, square: bool, size: float | None
) -> None:
    told = None if size is None else f"{size} deg"
    array: Array = SquareArray(f"{density}/deg", told, told) if square else CircularArray(f"{density}/deg", told)
    table = array.positions(frame, (f"{y} deg", f"{x} deg"))
    assert table.sizes["cell"] >= (0 if square else 1)
    for name, half in (("y", frame[0] * y / 2), ("x", frame[1] * x / 2)):
        limit = half if size is None else min(half, size / 2)
        assert (abs(table[name]) <= limit * (1 + 1e-6)).all()
    xr.testing.assert_identical(table, array.positions(frame, (f"{y} deg", f"{x} deg")))


def test_a_square_grid() -> None:
    table = SquareArray("10/deg", size_x="2 deg", size_y="1 deg").positions((100, 100), "0.05 deg")
    assert table.sizes["cell"] == 20 * 10
    np.testing.assert_allclose(np.unique(table.x.values.round(9)), np.linspace(-0.95, 0.95, 20))
    np.testing.assert_allclose(np.unique(table.y.values.round(9)), np.linspace(-0.45, 0.45, 10))
    nearest = cKDTree(points(table)).query(points(table), 2)[0][:, 1]
    np.testing.assert_allclose(nearest, 0.1)
    assert (float(table.x[0]), float(table.y[0])) == pytest.approx((-0.95, 0.45))  # as a picture: its top left


def test_one_cell_where_there_is_room_for_no_more() -> None:
    """As VirtualRetina says of its example of the cat."""
    for array in (CircularArray("1/deg", "0.5 deg"), SquareArray("1/deg", "0.5 deg", "0.5 deg")):
        table = array.positions((20, 20), "0.5 deg")
        assert points(table).tolist() == [[0.0, 0.0]]


def test_the_array_of_the_primate() -> None:
    """'Diameter set at 250 pix with 1 cell per pix in the fovea', its file says."""
    table = CircularArray("20/deg").positions((250, 250), "0.05 deg", LogPolar("1 deg", "1/deg"))
    r = np.hypot(table.x, table.y)
    assert r.max() <= 6.25
    assert float(table.density.sel(cell=0)) == 20
    assert float(table.density[r > 6].max()) < 20 / (1 + 5) * 1.01
    assert table.sizes["cell"] == pytest.approx(expected_count(20, 6.25, LogPolar("1.0 deg", "1.0/deg")), rel=0.05)


def test_the_table_is_labelled() -> None:
    table = CircularArray("3/deg").positions((20, 20), "0.1 deg")
    assert {name: (column.dims, column.attrs["units"]) for name, column in table.data_vars.items()} == {
        "x": (("cell",), "degree"),
        "y": (("cell",), "degree"),
        "density": (("cell",), "1/degree"),
    }
    assert table.cell.values.tolist() == list(range(table.sizes["cell"]))


def test_log_polar_is_uniform_in_the_fovea_and_continuous() -> None:
    scheme = LogPolar("2 deg", "0.5/deg")
    r = np.linspace(0, 20, 2001)
    np.testing.assert_array_equal(scheme.density(r[r <= 2]), 1)
    np.testing.assert_allclose(scheme.density(np.array([4.0, 12.0])), [0.5, 1 / 6])
    np.testing.assert_allclose(
        scheme.integral(r)[1:], integrate.cumulative_trapezoid(scheme.density(r), r), rtol=1e-5
    )  # fmt: skip
    np.testing.assert_allclose(scheme.radius(scheme.integral(r)), r, atol=1e-9)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: CircularArray(20), cx.UnitError, "fovea_density: wanted a spatial frequency"),
        (lambda: CircularArray("0/deg"), cx.ParameterError, "fovea_density: wanted something above 0"),
        (lambda: CircularArray("1/deg", "0 deg"), cx.ParameterError, "diameter: wanted something above 0"),
        (lambda: SquareArray("-1/deg"), cx.ParameterError, "density: wanted something above 0"),
        (lambda: SquareArray("1/deg", size_y="1 s"), cx.UnitError, "size_y: wanted a visual angle"),
        (lambda: LogPolar("0 deg"), cx.ParameterError, "fovea_radius: wanted something above 0"),
        (lambda: LogPolar("1 deg", "-1/deg"), cx.ParameterError, "scaling_factor: wanted 0 or more"),
        (lambda: CircularArray("1e6/deg").positions((100, 100), "1 deg"), cx.ContractError, "at most 10000000 cells"),
        (lambda: CircularArray("9999/deg").positions((100, 100), "1 deg"), cx.ContractError, "at most 10000000 cells"),
        (lambda: SquareArray("1e9/deg").positions((100, 100), "1 deg"), cx.ContractError, "at most 10000000 cells"),
        (lambda: SquareArray("1/deg").positions((100, 100), 0.1), cx.UnitError, "pixel_size"),
        (lambda: SquareArray("1/deg").positions((100.0, 100), "1 deg"), cx.UnitError, "frame"),
        (lambda: SquareArray("1/deg").positions(100, "1 deg"), cx.ContractError, "frame: wanted height and width"),
    ],
)
def test_bad_input(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()
