"""Configurations as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import convis_xr as cx
from convis_xr.models.retina import SquareArray
from convis_xr.models.retina.presets import preset

#: the form in which convis has its default, one of four layers
CONVIS: dict[str, Any] = {
    "basic-microsaccade-generator": {"enabled": False, "pixels-per-degree": 200, "temporal-step__sec": 0.005},
    "retina": {"temporal-step__sec": 0.01, "input-luminosity-range": 255, "pixels-per-degree": 5.0},
    "log-polar-scheme": {"enabled": False, "fovea-radius__deg": 1.0, "scaling-factor-outside-fovea__inv-deg": 1.0},
    "outer-plexiform-layers": [
        {
            "linear-version": {
                "center-sigma__deg": 0.05,
                "surround-sigma__deg": 0.15,
                "center-tau__sec": 0.01,
                "center-n__uint": 0,
                "surround-tau__sec": 0.004,
                "opl-amplification": 10,
                "opl-relative-weight": 1,
                "leaky-heat-equation": 1,
                "undershoot": {"enabled": True, "relative-weight": 0.8, "tau__sec": 0.1},
            }
        }
    ],
    "contrast-gain-control": {
        "opl-amplification__Hz": 50,
        "bipolar-inert-leaks__Hz": 50,
        "adaptation-sigma__deg": 0.2,
        "adaptation-tau__sec": 0.005,
        "adaptation-feedback-amplification__Hz": 0,
    },
    "ganglion-layers": [
        {
            "name": "parvo_on",
            "enabled": True,
            "sign": 1,
            "transient-tau__sec": 0.02,
            "transient-relative-weight": 0.7,
            "bipolar-linear-threshold": 0,
            "value-at-linear-threshold__Hz": 37,
            "bipolar-amplification__Hz": 100,
            "sigma-pool__deg": 0.0,
            "spiking-channel": {
                "g-leak__Hz": 50,
                "sigma-V": 0.1,
                "refr-mean__sec": 0.003,
                "refr-stdev__sec": 0,
                "random-init": 0,
                "square-array": {"size-x__deg": 4, "size-y__deg": 4, "uniform-density__inv-deg": 20},
            },
        }
    ],
}


def written(tmp_path: Path, tree: Any) -> Path:
    (tmp_path / "retina.json").write_text(json.dumps(tree))
    return tmp_path / "retina.json"


def test_the_form_of_convis_is_read(tmp_path: Path) -> None:
    config = cx.RetinaConfig.read_json(written(tmp_path, CONVIS))
    assert config.log_polar is None
    assert config.microsaccades is None
    assert config.ganglion[0].cells == SquareArray("20/deg", "4 deg", "4 deg")
    config.set("ganglion-layers.0.spiking-channel.square-array.enabled", False)
    config.set("ganglion-layers.=.sign", -1)
    config.set("ganglion-layers.1.name", "parvo_off")
    config.input_range = config.time_step = config.pixels_per_degree = None
    assert config == preset("human_parvo")


def test_values_may_have_units(tmp_path: Path) -> None:
    tree = {**CONVIS, "retina": {"temporal-step__sec": "5 ms"}}
    assert cx.RetinaConfig.read_json(written(tmp_path, tree)).time_step == "5 ms"


def test_json_keeps_names_source_and_what_is_off(tmp_path: Path) -> None:
    config = preset("primate")
    config.set("ganglion-layers.2.enabled", False)
    config.write_json(tmp_path / "retina.json")
    again = cx.RetinaConfig.read_json(tmp_path / "retina.json")
    assert again == config
    assert again.source == config.source
    assert cx.models.Retina(again).ganglion_names == ("parvo_on", "parvo_off", "magno_off")


def test_what_is_unknown_warns(tmp_path: Path) -> None:
    tree = {**CONVIS, "amacrine-layers": []}
    with pytest.warns(UserWarning, match=r"retina.json: amacrine-layers: wanted one of .*is unknown here"):
        assert cx.RetinaConfig.read_json(written(tmp_path, tree)) == cx.RetinaConfig.read_json(
            written(tmp_path, CONVIS)
        )


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ([], "wanted elements and attributes by name"),
        (None, "wanted elements and attributes by name"),
        ({"retina": 3}, "retina: wanted elements"),
        ({"retina": {"temporal-step__sec": None}}, "retina.temporal-step__sec: wanted a number of s above 0, got None"),
        ({"retina": {"temporal-step__sec": "5 deg"}}, "retina.temporal-step__sec: wanted a number of s above 0"),
        ({"retina": {"temporal-step__sec": float("inf")}}, "retina.temporal-step__sec: wanted"),
        ({"retina": {"temporal-step__sec": 10**500}}, "retina.temporal-step__sec: wanted"),
        ({"retina": {"temporal-step__sec": True}}, "retina.temporal-step__sec: wanted"),
        ({"ganglion-layers": {}}, "ganglion-layers: wanted a list"),
        ({"ganglion-layers": [3]}, "ganglion-layers.0: wanted elements"),
        ({"outer-plexiform-layers": [{}]}, "outer-plexiform-layers.0: wanted an element linear-version"),
        ({"contrast-gain-control": {"enabled": "no"}}, "contrast-gain-control.enabled: wanted true or false"),
        ({"source": {}}, "source: wanted a text"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(tree: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(cx.FormatError, match=rf"retina.json: {message}"):
        cx.RetinaConfig.read_json(written(tmp_path, tree))


@pytest.mark.parametrize("text", ["", "{", '{"retina": }', "[" * 100_000, "1" * 5000 + "0", "\x00"])
def test_broken_files(text: str, tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text(text)
    with pytest.raises(cx.FormatError, match=r"broken.json: wanted"):
        cx.RetinaConfig.read_json(tmp_path / "broken.json")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere.json"):
        cx.RetinaConfig.read_json(tmp_path / "nowhere.json")
    (tmp_path / "noise.json").write_bytes(bytes(range(128, 256)))
    with pytest.raises(cx.FormatError, match=r"noise.json: wanted JSON"):
        cx.RetinaConfig.read_json(tmp_path / "noise.json")
