from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import convis_xr as cx


class Model(cx.Layer):
    """Names that an archive writer might take for its own, and plain torch parameters."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.file = cx.Parameter(f"{10 * scale!r} ms", bounds=("0 s", None))
        self.sigma = cx.Parameter(f"{0.05 * scale!r} deg")
        self.weights = cx.Parameter(np.arange(6.0).reshape(2, 3) * scale)
        self.conv = torch.nn.Conv3d(1, 2, (3, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def _values(model: Model) -> dict[str, Any]:
    return {name: value.tolist() for name, value in model.get_parameters().items()}


@pytest.mark.parametrize("suffix", ["npz", "json"])
def test_round_trip_is_exact(suffix: str, tmp_path: Path) -> None:
    first, second = Model(1.1), Model()
    path = tmp_path / f"fitted.{suffix}"
    first.save_parameters(path)
    identities = [id(value) for value in second.parameters()]
    second.load_parameters(str(path))
    assert _values(second) == _values(first)
    assert [id(value) for value in second.parameters()] == identities


def test_json_is_for_people_and_npz_needs_no_pickle(tmp_path: Path) -> None:
    Model().save_parameters(tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text())["file"] == {"value": 0.01, "units": "s"}
    Model().save_parameters(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as archive:
        assert float(archive["file"]) == 0.01
        assert json.loads(str(archive["units of every parameter"]))["sigma"] == "degree"


def test_units_in_a_file_are_converted(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    Model().save_parameters(path)
    table = json.loads(path.read_text())
    table["file"] = {"value": 7, "units": "ms"}
    path.write_text(json.dumps(table))
    model = Model()
    model.load_parameters(path)
    assert model.file.item() == pytest.approx(0.007)


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ({"value": 7, "units": "deg"}, cx.UnitError),
        ({"value": -7, "units": "s"}, cx.ParameterError),
        ({"value": float("nan"), "units": "s"}, cx.UnitError),
        ({"value": [1, 2], "units": "s"}, cx.ParameterError),
        ({"value": True, "units": "s"}, cx.FormatError),
        ({"value": 1, "units": "foo"}, cx.FormatError),
        ({"value": None, "units": "s"}, cx.FormatError),
        ({"value": 1}, cx.FormatError),
        (7, cx.FormatError),
        ({"value": "x", "units": "s"}, cx.FormatError),
        ({"value": 1, "units": 5}, cx.FormatError),
    ],
)
def test_a_refused_value_leaves_all_as_they_were(row: Any, error: type[Exception], tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    Model(3.0).save_parameters(path)
    table = json.loads(path.read_text())
    del table["file"]
    path.write_text(json.dumps({**table, "file": row}))
    model = Model()
    before = _values(model)
    with pytest.raises(error):
        model.load_parameters(path)
    assert _values(model) == before


@pytest.mark.parametrize("text", ["", "{", "[]", "5", '"a"', "\x00"])
@pytest.mark.parametrize("suffix", ["npz", "json"])
def test_files_that_are_something_else(text: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"odd.{suffix}"
    path.write_text(text)
    with pytest.raises(cx.FormatError, match=rf"odd.{suffix}: wanted parameters with units, got .* Cure: ") as told:
        Model().load_parameters(path)
    assert "unsafely" not in str(told.value)  # numpy's advice for what it takes to be pickled


@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_truncated_archive(part: float, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    Model().save_parameters(path)
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    with pytest.raises(cx.FormatError, match="wanted parameters with units"):
        Model().load_parameters(path)


def test_corrupted_archive(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    Model().save_parameters(path)
    raw = bytearray(path.read_bytes())
    at = raw.index(np.float64(0.01).tobytes())
    raw[at] ^= 0xFF
    path.write_bytes(raw)
    with pytest.raises(cx.FormatError, match="CRC"):
        Model().load_parameters(path)


def test_foreign_archives(tmp_path: Path) -> None:
    np.savez(tmp_path / "foreign.npz", sigma=np.ones(1))
    with pytest.raises(cx.FormatError, match="units of every parameter"):
        Model().load_parameters(tmp_path / "foreign.npz")
    with zipfile.ZipFile(tmp_path / "empty.npz", "w"):
        pass
    with pytest.raises(cx.FormatError, match="wanted parameters"):
        Model().load_parameters(tmp_path / "empty.npz")
    units = {"units of every parameter": np.array('{"sigma": "s"}')}
    np.savez(tmp_path / "pickled.npz", **units, sigma=np.array([{}], object))
    with pytest.raises(cx.FormatError, match="allow_pickle"):
        Model().load_parameters(tmp_path / "pickled.npz")
    np.save(tmp_path / "array.npy", np.ones(3))
    (tmp_path / "array.npy").rename(tmp_path / "array.npz")
    with pytest.raises(cx.FormatError, match="wanted parameters"):
        Model().load_parameters(tmp_path / "array.npz")


def test_wrong_suffix_and_missing_file(tmp_path: Path) -> None:
    with pytest.raises(cx.FormatError, match=r"wanted a suffix .npz or .json, got .txt"):
        Model().save_parameters(tmp_path / "a.txt")
    (tmp_path / "a.txt").touch()
    with pytest.raises(cx.FormatError, match="wanted a suffix"):
        Model().load_parameters(tmp_path / "a.txt")
    with pytest.raises(FileNotFoundError, match=r"b.npz"):
        Model().load_parameters(tmp_path / "b.npz")
