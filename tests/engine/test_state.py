"""The state that a result keeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import convis_xr as cx
from convis_xr.engine.state import read_state
from tests.engine.cases import Cells, film


def test_the_state_of_a_store_is_that_of_the_result(tmp_path: Path) -> None:
    alone = read_state(cx.run(Cells(), film()))
    cx.run(Cells(), film(), store=tmp_path / "a.zarr", progress=False)
    stored = read_state(xr.open_zarr(tmp_path / "a.zarr", consolidated=False))
    assert alone.keys() == stored.keys()
    for path, value in alone.items():
        np.testing.assert_array_equal(value, stored[path], err_msg=path)


@pytest.mark.parametrize("stored", [False, True])
def test_a_part_of_a_result_has_no_state(stored: bool, tmp_path: Path) -> None:
    result = cx.run(Cells(), film(), store=tmp_path / "a.zarr" if stored else None, progress=False)
    with pytest.raises(cx.ContractError, match="dataset: wanted the whole result of a run, got 10 of 60 samples"):
        read_state(result.isel(time=slice(0, 10)))
    assert read_state(result.isel(x=0)).keys() == read_state(result).keys()


def test_what_is_no_result_has_no_state() -> None:
    with pytest.raises(cx.ContractError, match="dataset: wanted the result of a finished run, got one without state"):
        read_state(xr.Dataset({"a": film()}))
