"""Event tables against a plain loop, for all orders of dims and all chunkings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dask.array
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import convis_xr as cx
from convis_xr.analysis import spike_times
from convis_xr.coordinates import LONGEST_EXPLICIT, grid

DIMS = ("batch", "time", "y", "x")


def counts_of(values: np.ndarray[Any, Any]) -> xr.DataArray:
    coords = {
        "time": ("time", np.arange(values.shape[1]) * 0.5, {"units": "s"}),
        "y": ("y", np.arange(values.shape[2])[::-1] * 0.1, {"units": "degree"}),
        "x": ("x", np.arange(values.shape[3]) * 0.1, {"units": "degree"}),
    }
    return xr.DataArray(values.astype(np.uint8), coords, DIMS, name="parvo_on", attrs={"units": "count"})


def plain_loop(counts: xr.DataArray) -> list[tuple[float, int, float, float]]:
    found = []
    for index in np.ndindex(*counts.shape):
        cell = counts.transpose(*DIMS)[index]
        found += [(cell.time.item(), index[0], cell.y.item(), cell.x.item())] * int(cell)
    return found


def rows(table: xr.Dataset) -> list[tuple[float, ...]]:
    return list(zip(*(table[name].values.tolist() for name in ("time", "batch", "y", "x")), strict=True))


@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 2), st.integers(1, 7), st.integers(1, 3), st.integers(1, 3)),
    order=st.permutations(DIMS),
    chunk=st.integers(1, 7) | st.none(),
)
def test_table_is_what_a_plain_loop_finds(
    seed: int, shape: tuple[int, ...], order: list[str], chunk: int | None
) -> None:
    counts = counts_of(np.random.default_rng(seed).poisson(0.5, shape))
    given = counts.transpose(*order)
    table = spike_times(given if chunk is None else given.chunk({"time": chunk, "x": 1}))
    assert sorted(rows(table)) == sorted(plain_loop(counts))
    assert (np.diff(table["time"]) >= 0).all()


def test_table_keeps_units_and_knows_its_variable() -> None:
    table = spike_times(counts_of(np.ones((1, 2, 2, 2))))
    assert table["time"].attrs["units"] == "s"
    assert table["y"].attrs["units"] == "degree"
    assert table.attrs == {"variable": "parvo_on"}
    assert set(table["time"].coords) == {"batch", "y", "x"}


def test_labels_of_cells_come_along() -> None:
    coords = {"time": [0.0, 1.0], "cell": ["a", "b"], "depth": ("cell", [10.0, 20.0])}
    counts = xr.DataArray(np.array([[0, 1], [2, 0]], np.uint8), coords, ("time", "cell"), attrs={"units": "count"})
    table = spike_times(counts)
    assert table["cell"].values.tolist() == ["b", "a", "a"]
    assert table["depth"].values.tolist() == [20.0, 10.0, 10.0]


def test_blocks_are_read_one_after_the_other_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    def block(number: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        read.append(int(number[0, 0, 0]))
        return np.full((5, 2, 2), 1, np.uint8)

    numbers = dask.array.arange(4, chunks=1)[:, None, None]
    values = numbers.map_blocks(
        block, dtype=np.uint8, chunks=((5,) * 4, (2,), (2,)), meta=np.empty((0, 0, 0), np.uint8)
    )
    counts = xr.DataArray(values, {"time": np.arange(20.0)}, ("time", "y", "x"), attrs={"units": "count"})
    assert spike_times(counts).sizes["event"] == 80
    assert read == [0, 1, 2, 3]


def test_a_very_long_time_axis_is_not_written_out() -> None:
    length = LONGEST_EXPLICIT + 10
    values = dask.array.zeros((length,), dtype=np.uint8, chunks=2**22)
    values = dask.array.concatenate([values[: length - 3], dask.array.ones(3, dtype=np.uint8, chunks=3)])
    counts = xr.DataArray(values, grid({"time": length}, cx.Sampling(dt="1 ms")), ("time",), attrs={"units": "count"})
    np.testing.assert_allclose(spike_times(counts)["time"], (length - 3 + np.arange(3)) * 1e-3)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda counts: counts.assign_attrs(units="Hz"),
        lambda counts: counts.astype(np.float32),
        lambda counts: counts.isel(time=0),
    ],
)
def test_what_holds_no_counts_is_refused(spoil: Callable[[xr.DataArray], xr.DataArray]) -> None:
    with pytest.raises(cx.ContractError, match="whole counts per time step"):
        spike_times(spoil(counts_of(np.ones((1, 2, 2, 2)))))


def test_dataset_without_counts_is_refused() -> None:
    with pytest.raises(cx.ContractError, match="unit count, got a"):
        xr.Dataset({"a": ("time", [1.0])}).convis.spikes()
