"""The README is true: its code runs in order, and every error message in it is what the library says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import holoviews as hv
import numpy as np
import pytest
import xarray as xr

import convis_xr as cx
from tests.pages import ROOT, code_in, run_blocks, table_rows

README = ROOT / "README.md"
TEXT = README.read_text(encoding="utf-8")
ROWS = table_rows(TEXT.partition("## When it goes wrong")[2].partition("\n## ")[0])


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What a reader has after the last block, in a folder with the files that the table speaks of."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("readme"))
        whole = cx.sample("big_buck_bunny").read_bytes()
        Path("half.mp4").write_bytes(whole[: len(whole) // 2])
        np.save("film.npy", np.zeros((10, 4, 4)))
        found: dict[str, Any] = {"np": np}
        run_blocks(README, found)
        yield found


def test_first_look(names: dict[str, Any]) -> None:
    response, times = names["response"], names["times"]
    assert list(names["rate"].dims) == ["time"]
    assert set(response.data_vars) == {"parvo_on", "parvo_off", "magno_on", "magno_off"}
    assert times.sizes["event"] > 0
    assert names["inner"].adaptation.attrs["units"] == "Hz"
    assert isinstance(names["inner"].convis.plot(), hv.Layout)


def test_a_store_goes_on_and_is_read_anywhere(names: dict[str, Any]) -> None:
    again = cx.run(names["retina"], names["film"], memory="500 MiB", store="response.zarr", stop="0.5 s", resume=True)
    xr.testing.assert_identical(again, xr.open_zarr("response.zarr"))
    with xr.open_zarr("response.zarr") as stored:
        assert stored.sizes["time"] == 500
        later = cx.run(names["retina"], names["film"], start="0.5 s", stop="0.51 s", state=stored.convis.state)
    assert later.sizes["time"] == 10


def test_the_table_has_rows() -> None:
    assert len(ROWS) >= 12
    assert all(len(row) == 2 for row in ROWS)


@pytest.mark.parametrize(("did", "says"), ROWS, ids=[code_in(row[0])[0] for row in ROWS])
def test_error(names: dict[str, Any], did: str, says: str) -> None:
    kind = getattr(cx, says.partition(" ")[0])
    wanted = "\n".join(code_in(says))
    with pytest.raises(kind) as caught:
        eval(code_in(did)[0], dict(names))
    got = "\n".join(line.strip() for line in str(caught.value).splitlines())
    pattern = ".*".join(re.escape(part) for part in wanted.split("..."))
    assert re.fullmatch(pattern, got, re.DOTALL), got
