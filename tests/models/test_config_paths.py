"""Parts of a configuration by dotted paths, as `RetinaConfiguration` of convis has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import convis_xr as cx
from convis_xr.models.retina import BipolarConfig, CircularArray, GanglionConfig, SpikesConfig, SquareArray
from convis_xr.models.retina.presets import preset

PRIMATE = Path(__file__).parents[1] / "data" / "virtualretina" / "EXAMPLE_primate_ParvoMagno.xml"
Q = cx.units.Quantity


@pytest.fixture
def config() -> cx.RetinaConfig:
    return cx.RetinaConfig.read_xml(PRIMATE)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("ganglion-layers.*.sign", [1, -1, 1, -1]),
        ("ganglion-layer.*.sign", [1, -1, 1, -1]),
        ("retina.ganglion-layer.2.sign", 1),
        ("ganglion-layers.2.sigma-pool__deg", Q(0.1, "degree")),
        ("ganglion-layers.0.sigma-pool__deg", Q(0, "degree")),  # the file does not have it
        ("ganglion-layers.0.spiking-channel.random-init", True),
        ("ganglion-layers.0.spiking-channel.circular-array.fovea-density__inv-deg", Q(20, "1/degree")),
        ("ganglion-layers.3.name", "ganglion_3"),
        ("pixels-per-degree", Q(20, "1/degree")),
        ("retina.temporal-step__sec", Q(0.005, "s")),
        ("center-sigma__deg", Q(0.03, "degree")),
        ("outer-plexiform-layers.0.linear-version.center-sigma__deg", Q(0.03, "degree")),
        ("retina.outer-plexiform-layer.linear-version.center-sigma__deg", Q(0.03, "degree")),
        ("retina.contrast-gain-control.bipolar-inert-leaks__Hz", Q(5, "Hz")),
        ("log-polar-scheme.fovea-radius__deg", Q(1, "degree")),
        ("leaky-heat-equation", True),
        ("enabled", [True] * 4),
        (
            "log-polar-scheme",
            {"fovea-radius__deg": Q(1, "degree"), "scaling-factor-outside-fovea__inv-deg": Q(1, "1/degree")},
        ),
    ],
)
def test_get(config: cx.RetinaConfig, path: str, value: Any) -> None:
    assert config.get(path) == value


def test_get_of_a_part_is_a_tree(config: cx.RetinaConfig) -> None:
    layer = config.get("ganglion-layers.2")
    assert layer["spiking-channel"]["circular-array"]["fovea-density__inv-deg"].magnitude == 15
    layer["sign"] = 5  # a copy
    assert config.get("ganglion-layers.2.sign") == 1


def test_get_of_what_is_not_there(config: cx.RetinaConfig) -> None:
    with pytest.raises(cx.ParameterError, match=r"ganglion-layers.9.sign: wanted one of 0, 1, 2, 3, got 9"):
        config.get("ganglion-layers.9.sign")
    with pytest.raises(cx.ParameterError, match=r"undershoot, which this retina has not. Cure: get\(path, default\)"):
        config.get("relative-weight")
    assert config.get("relative-weight", 0) == 0
    assert config.get("ganglion-layers.9.sign", None) is None
    assert cx.RetinaConfig(bipolar=None).get("contrast-gain-control", {}) == {}
    with pytest.raises(TypeError, match="one default"):
        config.get("sign", 1, 2)


@pytest.mark.parametrize("path", ["ganglion-layers.*.sing", "ganglion-cells.0", "opl.center.sigma", "1.5"])
def test_what_the_format_does_not_know_raises_even_with_a_default(config: cx.RetinaConfig, path: str) -> None:
    with pytest.raises(cx.ParameterError, match=r"wanted names of VirtualRetina's format, got"):
        config.get(path, None)
    with pytest.raises(cx.ParameterError, match=r"wanted names of VirtualRetina's format, got"):
        config.set(path, 1)


@pytest.mark.parametrize("path", ["", ".", "a..b", None, 3])
def test_a_path_is_a_dotted_text(config: cx.RetinaConfig, path: Any) -> None:
    with pytest.raises(cx.ParameterError, match="wanted a dotted path"):
        config.get(path)
    with pytest.raises(cx.ParameterError, match="wanted a dotted path"):
        config.set(path, 1)


@pytest.mark.parametrize(
    ("path", "value", "read", "found"),
    [
        ("ganglion-layers.*.spiking-channel.sigma-V", 0.5, "ganglion-layers.*.spiking-channel.sigma-V", [0.5] * 4),
        ("ganglion-layers.1.sign", 1, "ganglion-layers.*.sign", [1, 1, 1, -1]),
        ("ganglion-layers.1.transient-tau__sec", "7 ms", "ganglion-layers.1.transient-tau__sec", Q(0.007, "s")),
        ("ganglion-layers.1.transient-tau__sec", Q(7, "ms"), "ganglion-layers.1.transient-tau__sec", Q(0.007, "s")),
        ("ganglion-layers.1.transient-tau__sec", 0.007, "ganglion-layers.1.transient-tau__sec", Q(0.007, "s")),
        ("pixels-per-degree", 30, "retina.pixels-per-degree", Q(30, "1/degree")),
        ("retina.input-luminosity-range", 200, "input-luminosity-range", 200),
        ("leaky-heat-equation", 0, "leaky-heat-equation", False),
        ("center-n__uint", 2, "center-n__uint", 2),
        ("enabled", False, "ganglion-layers.*.enabled", [False] * 4),
    ],
)
def test_set(config: cx.RetinaConfig, path: str, value: Any, read: str, found: Any) -> None:
    before = config.copy()
    assert config.set(path, value) is None  # type: ignore[func-returns-value]
    assert config.get(read) == found
    assert before == cx.RetinaConfig.read_xml(PRIMATE)


def test_what_is_set_is_what_models_see(config: cx.RetinaConfig) -> None:
    config.set("ganglion-layers.*.spiking-channel.sigma-V", 0.5)
    config.set("contrast-gain-control.adaptation-tau__sec", "8 ms")
    retina = cx.models.Retina(config)
    assert float(retina.ganglion_3.spikes.noise) == 0.5
    assert float(retina.bipolar.adaptation_tau) == 0.008
    assert config.bipolar is not None
    assert config.bipolar.adaptation_tau == "8 ms"


def test_other_values_keep_the_unit_that_they_were_given_in() -> None:
    config = preset("human_parvo")
    config.set("ganglion-layers.0.sign", -1)
    assert config.ganglion[1] == preset("human_parvo").ganglion[1]
    assert config.opl == preset("human_parvo").opl


def test_a_whole_part_is_replaced(config: cx.RetinaConfig) -> None:
    part = {
        "opl-amplification__Hz": 50,
        "bipolar-inert-leaks__Hz": 50,
        "adaptation-sigma__deg": 0.2,
        "adaptation-tau__sec": 0.005,
        "adaptation-feedback-amplification__Hz": 0,
    }
    config.set("contrast-gain-control", part)
    assert config.bipolar == BipolarConfig("50 Hz", "50 Hz", "0.2 deg", "0.005 s", "0 Hz")
    config.set("ganglion-layers.+", {"name": "new", "sign": -1, "spiking-channel": {"square-array": {}}})
    assert config.ganglion[4] == GanglionConfig(
        "new", -1, "0.04 s", 0.75, 0, "70 Hz", "100 Hz", "0 deg",
        SpikesConfig("50 Hz", 0, "0.003 s", "0 s"), SquareArray("1/deg"),
    )  # fmt: skip


def test_new_layers(config: cx.RetinaConfig) -> None:
    config.set("ganglion-layers.=.sign", 1)  # a copy of the last
    config.set("ganglion-layers.=0.sign", -1)  # of the first
    config.set("ganglion-layers.+.enabled", True)  # VirtualRetina's defaults
    assert config.get("ganglion-layers.*.sign") == [1, -1, 1, -1, 1, -1, 1]
    assert [layer.slope for layer in config.ganglion[4:]] == ["400 Hz", "100 Hz", "100 Hz"]
    assert [layer.name for layer in config.ganglion[3:]] == [f"ganglion_{index}" for index in range(3, 7)]
    assert config.ganglion[6] == GanglionConfig(
        "ganglion_6", 1, "0.04 s", 0.75, 0, "70 Hz", "100 Hz", "0 deg", spikes=None
    )
    assert config.ganglion[4].cells == CircularArray("15.0/deg")


def test_stages_come_and_go(config: cx.RetinaConfig) -> None:
    config.set("contrast-gain-control.enabled", False)
    assert config.bipolar is None
    config.set("contrast-gain-control.enabled", True)
    assert config.get("contrast-gain-control.opl-amplification__Hz") == Q(100, "Hz")
    undershoot = {"relative-weight": 0.5, "tau__sec": 0.2}
    config.set("outer-plexiform-layer.linear-version.undershoot", undershoot)
    assert config.opl is not None
    assert (config.opl.undershoot_weight, config.opl.undershoot_tau) == (0.5, "0.2 s")
    config.set("ganglion-layers.0.spiking-channel.enabled", False)
    assert config.ganglion[0].spikes is None
    config.set("outer-plexiform-layer.enabled", False)
    assert config.opl is None
    config.set("center-sigma__deg", 0.1)
    assert config.opl is not None


def test_shortcuts_for_square_arrays() -> None:
    config = preset("human_parvo")
    config.set("size__deg", 4)
    config.set("uniform-density__inv-deg", 20)
    config.set("uniform-density__inv-deg", 10, layer_filter="off")
    assert [layer.cells for layer in config.ganglion] == [
        SquareArray(density, "4 deg", "4 deg") for density in ("20/deg", "10/deg")
    ]
    assert config.get("size__deg") == [[Q(4, "degree")] * 2] * 2
    config.set("enabled", False, layer_filter="on")
    assert cx.models.Retina(config).ganglion_names == ("parvo_off",)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("ganglion-layers.0.sign", 0, r"ganglion-layers.0.sign: wanted 1 \(ON\) or -1 \(OFF\), got 0"),
        ("ganglion-layers.0.sign", "1", "wanted 1"),
        ("ganglion-layers.0.sign", True, "wanted 1"),
        ("ganglion-layers.0.transient-tau__sec", "7 deg", "transient-tau__sec: wanted a number of s"),
        ("ganglion-layers.0.transient-tau__sec", -1, "wanted a number of s, 0 or more, got -1"),
        ("ganglion-layers.0.transient-tau__sec", None, "wanted a number of s"),
        ("ganglion-layers.0.transient-tau__sec", [1], "wanted a number of s"),
        ("ganglion-layers.0.transient-tau__sec", float("nan"), "wanted a number of s"),
        ("ganglion-layers.0.transient-tau__sec", 10**400, "wanted a number of s"),
        ("ganglion-layers.0.name", "a b", "name: wanted a name"),
        ("ganglion-layers.0.name", "ganglion_1", "name: wanted a name of its own"),
        ("ganglion-layers.0.enabled", 2, "enabled: wanted true or false"),
        ("ganglion-layers.0", 3, "wanted elements and attributes by name"),
        ("ganglion-layers.0.sign.sign", 3, "wanted something that has a part sign"),
        ("ganglion-layers", {}, "ganglion-layers: wanted a list"),
        ("ganglion-layers.4.sign", 1, r"wanted a layer from 0 to 3, got 4. Cure: .ganglion-layers.\+."),
        ("ganglion-layers.=4.sign", 1, "wanted a layer from 0 to 3, got =4"),
        ("contrast-gain-control.sign", 1, "contrast-gain-control.sign: wanted one of .* got sign, which is unknown"),
        ("relative-weight", 0.5, "undershoot: wanted an attribute tau__sec, got none"),
        ("ganglion-layers.0.spiking-channel.square-array.size-x__deg", 1, "wanted one array of cells"),
        ("source", 3, "source: wanted a text"),
    ],
)
def test_what_cannot_be_set_raises_and_changes_nothing(
    config: cx.RetinaConfig, path: str, value: Any, message: str
) -> None:
    with pytest.raises(cx.ParameterError, match=message):
        config.set(path, value)
    assert config == cx.RetinaConfig.read_xml(PRIMATE)


def test_presets_are_nobodys_to_change() -> None:
    preset("cat_x").set("center-sigma__deg", 5)
    assert preset("cat_x").get("center-sigma__deg").magnitude == 0.88
    config = preset("cat_x")
    retina = cx.models.Retina(config)
    config.set("center-sigma__deg", 5)
    assert retina.config.get("center-sigma__deg").magnitude == 0.88


def test_equality_is_of_the_retina_not_of_its_spelling() -> None:
    one = cx.RetinaConfig(time_step="5 ms", ganglion=(GanglionConfig("on", transient_tau="30 ms"),))
    same = cx.RetinaConfig(time_step="0.005 s", ganglion=(GanglionConfig("on", transient_tau="0.03 s"),), source="me")
    assert one == same
    assert one != cx.RetinaConfig(time_step="0.005 s", ganglion=(GanglionConfig("on", transient_tau="31 ms"),))
    assert one != "retina"
    with pytest.raises(TypeError, match="unhashable"):
        hash(one)
