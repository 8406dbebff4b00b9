"""Retina description files: the real ones, their round trips, and what is said of those that are not right."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from xml.etree import ElementTree

import pytest

import convis_xr as cx
from convis_xr.models.retina import (
    BipolarConfig,
    CircularArray,
    GanglionConfig,
    LogPolar,
    MicrosaccadesConfig,
    OPLConfig,
    SpikesConfig,
    SquareArray,
)
from convis_xr.models.retina.presets import PRESETS, preset

FILES = sorted((Path(__file__).parents[1] / "data" / "virtualretina").glob("*.xml"))
CAT, LINEAR, PRIMATE = FILES
GENERATOR = """<basic-microsaccade-generator pixels-per-degree="200" temporal-step__sec="0.005"
 angular-noise__pi-radians="0.3" period-mean__sec="0.2" period-stdev__sec="0" amplitude-mean__deg="0.5"
 amplitude-stdev__deg="0.1" saccade-duration-mean__sec="0.025" saccade-duration-stdev__sec="0.005"/>"""


def content(path: Path) -> list[tuple[str, list[tuple[str, str]]]]:
    """Every element with its attributes and the text of their values, in order."""
    return [(element.tag, sorted(element.attrib.items())) for element in ElementTree.parse(path).iter()]


def edited(tmp_path: Path, old: str, new: str, source: Path = CAT) -> Path:
    text = source.read_text()
    assert text.count(old) >= 1
    (tmp_path / "edited.xml").write_text(text.replace(old, new, 1))
    return tmp_path / "edited.xml"


def line_of(path: Path, part: str) -> int:
    return path.read_text().split(part)[0].count("\n") + 1


def test_the_cat() -> None:
    config = cx.RetinaConfig.read_xml(CAT)
    spikes = SpikesConfig("50 Hz", 0.1, "3 ms", "1 ms", random_init=True)
    cells = CircularArray("1/deg", "0.5 deg")
    layer = GanglionConfig("ganglion_0", 1, "30 ms", 0.7, 0, "80 Hz", "100 Hz", "0 deg", spikes, cells)
    assert config == cx.RetinaConfig(
        opl=OPLConfig("0.88 deg", "10 ms", 0, 0.5, "200 ms", "2.35 deg", "10 ms", 1, 10, leaky_heat_equation=True),
        bipolar=BipolarConfig("150 Hz", "5 Hz", "2.5 deg", "10 ms", "100 Hz"),
        ganglion=(layer,),
        input_range=255,
        time_step="5 ms",
        pixels_per_degree="2/deg",
    )
    assert config.source == CAT.name


def test_the_linear_retina_has_one_stage() -> None:
    config = cx.RetinaConfig.read_xml(LINEAR)
    assert (config.bipolar, config.ganglion, config.log_polar, config.microsaccades) == (None, (), None, None)
    assert config.opl is not None
    assert config.opl.undershoot_weight == 0


def test_the_primate() -> None:
    config = cx.RetinaConfig.read_xml(PRIMATE)
    assert config.log_polar == LogPolar("1.0 deg", "1.0/deg")
    assert [layer.sign for layer in config.ganglion] == [1, -1, 1, -1]
    assert [layer.name for layer in config.ganglion] == [f"ganglion_{index}" for index in range(4)]
    assert [layer.pooling_sigma for layer in config.ganglion] == ["0 deg", "0 deg", "0.1 deg", "0.1 deg"]
    assert [layer.cells for layer in config.ganglion] == [CircularArray(f"{d}/deg") for d in (20.0, 20.0, 15.0, 15.0)]


@pytest.mark.parametrize(("path", "name"), [(CAT, "cat_x"), (PRIMATE, "primate")])
def test_presets_are_those_files(path: Path, name: str) -> None:
    """But for names, scales, cells and the log-polar scheme, which the presets leave out."""
    config = cx.RetinaConfig.read_xml(path)
    config.input_range = config.log_polar = config.time_step = config.pixels_per_degree = None
    for index, layer in enumerate(preset(name).ganglion):
        config.set(f"ganglion-layers.{index}.name", layer.name)
        config.set(
            f"ganglion-layers.{index}.spiking-channel.circular-array.enabled",
            False,
        )
    assert config == preset(name)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_round_trips(path: Path, tmp_path: Path) -> None:
    config = cx.RetinaConfig.read_xml(path)
    config.write_xml(tmp_path / "again.xml")
    again = cx.RetinaConfig.read_xml(tmp_path / "again.xml")
    assert content(tmp_path / "again.xml") == content(path)
    config.write_json(tmp_path / "again.json")
    from_json = cx.RetinaConfig.read_json(tmp_path / "again.json")
    from_json.write_xml(tmp_path / "third.xml")
    assert again == config == from_json
    # not only the same retina: the same fields
    assert (again.opl, again.bipolar, again.ganglion) == (config.opl, config.bipolar, config.ganglion)
    assert (from_json.opl, from_json.bipolar, from_json.ganglion) == (config.opl, config.bipolar, config.ganglion)
    assert content(tmp_path / "third.xml") == content(path)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_come_back_with_their_names(name: str, tmp_path: Path) -> None:
    preset(name).write_xml(tmp_path / "preset.xml")
    preset(name).write_json(tmp_path / "preset.json")
    assert cx.RetinaConfig.read_xml(tmp_path / "preset.xml") == preset(name)
    assert cx.RetinaConfig.read_json(tmp_path / "preset.json") == preset(name)


def test_what_a_file_spells_out_it_spells_out_again(tmp_path: Path) -> None:
    path = edited(tmp_path, 'diameter__deg="0.5"', 'diameter__deg="0"')
    path.write_text(path.read_text().replace('sign = "1"', 'sign="1" sigma-pool__deg="0.0"'))
    path.write_text(path.read_text().replace('relative-weight="0.5"', 'relative-weight="0"', 1))
    config = cx.RetinaConfig.read_xml(path)
    config.write_xml(tmp_path / "again.xml")
    assert dict(content(tmp_path / "again.xml"))["circular-array"] == dict(content(path))["circular-array"]
    assert dict(content(tmp_path / "again.xml"))["undershoot"] == dict(content(path))["undershoot"]
    layer = dict(dict(content(tmp_path / "again.xml"))["ganglion-layer"])
    assert float(layer["sigma-pool__deg"]) == 0
    config.set("ganglion-layers.0.sigma-pool__deg", 0.1)
    config.write_xml(tmp_path / "again.xml")
    assert dict(dict(content(tmp_path / "again.xml"))["ganglion-layer"])["sigma-pool__deg"] == "0.1"


def test_other_units_are_written_in_those_of_the_file(tmp_path: Path) -> None:
    config = cx.RetinaConfig(opl=OPLConfig("3 arcmin", center_tau="23 ms"))
    config.write_xml(tmp_path / "units.xml")
    written = dict(dict(content(tmp_path / "units.xml"))["linear-version"])
    assert (written["center-sigma__deg"], written["center-tau__sec"]) == ("0.05", "0.023")


def test_read_on_an_object_changes_that_object() -> None:
    config = cx.RetinaConfig()
    assert config.read_xml(CAT) is config
    assert config == cx.RetinaConfig.read_xml(CAT)


def test_microsaccades_are_kept_as_data(tmp_path: Path) -> None:
    path = edited(tmp_path, "<retina-description-file>", f"<retina-description-file>\n{GENERATOR}")
    config = cx.RetinaConfig.read_xml(path)
    assert config.microsaccades == MicrosaccadesConfig(
        "0.2 s", "0 s", "0.5 deg", "0.1 deg", "0.025 s", "0.005 s", 0.3, "0.005 s", "200/deg"
    )
    config.write_xml(tmp_path / "again.xml")
    assert content(tmp_path / "again.xml") == content(path)
    with pytest.warns(UserWarning, match="config: wanted what a retina does, got microsaccades"):
        cx.models.Retina.from_config(config)


def test_a_square_array(tmp_path: Path) -> None:
    array = '<square-array size-x__deg="4" size-y__deg="3" uniform-density__inv-deg="20"/>'
    path = edited(tmp_path, CAT.read_text().partition("<circular")[2].partition("/>")[0], "")
    path.write_text(path.read_text().replace("<circular/>", array))
    config = cx.RetinaConfig.read_xml(path)
    assert config.ganglion[0].cells == SquareArray("20/deg", "4 deg", "3 deg")
    config.write_xml(tmp_path / "again.xml")
    assert content(tmp_path / "again.xml") == content(path)


# --- what is said of it ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('center-sigma__deg="0.88"', 'center-sigma__deg="0.88" sigma-of-center="3"'),
        ("<undershoot relative", '<overshoot weight="3"/><undershoot relative'),
        ("<contrast-gain-control", "<luminance-gain/>\n<contrast-gain-control"),
        ("<retina-description-file>", "<retina-description-file><other/>"),
        ("<retina-description-file>", '<retina-description-file><contrast-gain-control opl-amplification__Hz="3"/>'),
        ('sign = "1"', 'sign="1" enabled="0"'),
        ('random-init="1">', 'random-init="1"><all-units/>'),
        ("</spiking-channel>", "some text</spiking-channel>"),
        ("</spiking-channel>", "</spiking-channel><square-array/>"),
    ],
)
def test_what_is_unknown_warns_with_its_line_and_is_left_out(old: str, new: str, tmp_path: Path) -> None:
    path = edited(tmp_path, old, new)
    name = next(
        word for word in ("sigma-of-center", "overshoot", "luminance-gain", "other", "contrast-gain-control",
                          "enabled", "all-units", "text", "square-array") if word in new and word not in old
    )  # fmt: skip
    with pytest.warns(UserWarning, match=rf"edited.xml, line {line_of(path, name)}: .*{name}") as caught:
        config = cx.RetinaConfig.read_xml(path)
    assert len(caught) == 1
    assert config == cx.RetinaConfig.read_xml(CAT)


def test_an_attribute_is_told_by_its_own_line(tmp_path: Path) -> None:
    path = edited(tmp_path, 'surround-tau__sec="0.01"', 'surround-tau__sec="fast"')
    place = re.escape(f"{path}, line {line_of(path, 'surround-tau__sec=')}: surround-tau__sec")
    with pytest.raises(cx.FormatError, match=rf"{place}: wanted a number of s, 0 or more, got 'fast'. Cure: surround"):
        cx.RetinaConfig.read_xml(path)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("center-sigma__deg", "0.88", "-0.88"),
        ("center-sigma__deg", "0.88", "nan"),
        ("center-sigma__deg", "0.88", "1e999"),
        ("center-sigma__deg", "0.88", "0,88"),
        ("center-sigma__deg", "0.88", "0.88 deg"),
        ("center-sigma__deg", "0.88", "1_0"),
        ("center-sigma__deg", "0.88", "\N{ARABIC-INDIC DIGIT ONE}"),
        ("center-sigma__deg", "0.88", ""),
        ("leaky-heat-equation", "1", "2"),
        ("sign", "1", "0"),
        ("sign", "1", "0.5"),
        ("random-init", "1", "yes"),
        ("temporal-step__sec", "0.005", "0"),
        ("pixels-per-degree", "2.0", "-2"),
        ("input-luminosity-range", "255", "0"),
        ("fovea-density__inv-deg", "1", "0"),
        ("diameter__deg", "0.5", "-1"),
        ("g-leak__Hz", "50", "-50"),
        ("refr-mean__sec", "0.003", "9" * 5000),
    ],
)
def test_a_value_that_cannot_be_is_refused(name: str, old: str, new: str, tmp_path: Path) -> None:
    found = re.search(rf'{name}\s*=\s*"{re.escape(old)}"', CAT.read_text())
    assert found is not None
    path = edited(tmp_path, found.group(), f'{name}="{new}"')
    with pytest.raises(cx.FormatError, match=rf"edited.xml, line {line_of(path, name + '=')}: {name}: wanted .*Cure"):
        cx.RetinaConfig.read_xml(path)


@pytest.mark.parametrize("n", ["1.5", "-1", "1001"])
def test_the_order_of_the_cascade_is_whole(n: str, tmp_path: Path) -> None:
    path = edited(tmp_path, 'center-sigma__deg="0.88"', f'center-sigma__deg="0.88" center-n__uint="{n}"')
    with pytest.raises(cx.FormatError, match=r"center-n__uint: wanted a whole number"):
        cx.RetinaConfig.read_xml(path)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "an XML file, got an empty one"),
        ("  \n", "an XML file, got an empty one"),
        ("retina", "line 1: wanted XML"),
        ("<retina-description-file>\n<retina>", "line 2: wanted XML"),
        ("<retina-description-file>\n<retina a='1' a='2'/></retina-description-file>", "line 2: wanted XML"),
        ("<retina/>", "line 1: wanted a root element retina-description-file, got retina"),
        ("<retina-description-file/>", "line 1: wanted an element retina, got none"),
        ("<retina-description-file>\n<retina/></retina-description-file>", "line 2: wanted an element outer-plexiform"),
        ("<?xml version='1.0' encoding='klingon'?><a/>", "line 1: wanted XML"),
        ("<?xml version='1.0' encoding='shift_jis'?><a/>", "line 1: wanted XML"),
    ],
)
def test_broken_files(text: str, wanted: str, tmp_path: Path) -> None:
    (tmp_path / "broken.xml").write_text(text)
    with pytest.raises(cx.FormatError, match=rf"broken.xml.*{wanted}"):
        cx.RetinaConfig.read_xml(tmp_path / "broken.xml")


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "noise.xml").write_bytes(bytes(range(256)))
    with pytest.raises(cx.FormatError, match=r"noise.xml, line 1: wanted XML"):
        cx.RetinaConfig.read_xml(tmp_path / "noise.xml")


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE a [<!ENTITY secret SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE a SYSTEM "http://example.com/a.dtd">',
    ],
)
def test_declarations_that_may_be_harmful_are_refused(declaration: str, tmp_path: Path) -> None:
    path = edited(tmp_path, '<?xml version="1.0"?>', f'<?xml version="1.0"?>{declaration}')
    with pytest.raises(cx.FormatError, match=r"edited.xml, line 1: wanted plain XML, got declarations"):
        cx.RetinaConfig.read_xml(path)


def test_no_file() -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere.xml"):
        cx.RetinaConfig.read_xml("nowhere.xml")


@pytest.mark.parametrize(
    ("element", "old"),
    [
        ("linear-version", "</linear-version>"),
        ("outer-plexiform-layer", "</outer-plexiform-layer>"),
        ("contrast-gain-control", '__Hz="100"/>'),
        ("square-array", "</spiking-channel>"),
        ("retina", "</retina>"),
    ],
)
def test_one_of_each(element: str, old: str, tmp_path: Path) -> None:
    inside = old == "</spiking-channel>"
    path = edited(tmp_path, old, f"<{element}/>{old}" if inside else f"{old}<{element}/>")
    wanted = "one array of cells" if inside else "one "
    warnings.simplefilter("ignore", UserWarning)  # the second one lacks its attributes
    with pytest.raises(cx.FormatError, match=rf"edited.xml, line \d+.*wanted {wanted}"):
        cx.RetinaConfig.read_xml(path)


@pytest.mark.parametrize(
    "element", ["luminance-gain-control-version", "contrast-gain-control-custom", "spiking-channel-adap"]
)
def test_what_would_be_another_model_is_refused(element: str, tmp_path: Path) -> None:
    plain = {"luminance": "linear-version", "contrast": "contrast-gain-control", "spiking": "spiking-channel"}
    was = plain[element.partition("-")[0]]
    text = re.sub(rf"(</?){was}\b", rf"\1{element}", CAT.read_text())
    (tmp_path / "other.xml").write_text(text)
    with pytest.raises(cx.FormatError, match=rf"line \d+: {element}: wanted .* which makes another model"):
        cx.RetinaConfig.read_xml(tmp_path / "other.xml")


def test_a_missing_attribute_is_taken_as_virtualretina_takes_it_and_told_of(tmp_path: Path) -> None:
    path = edited(tmp_path, 'surround-tau__sec="0.01"', "")
    path.write_text(path.read_text().replace('transient-tau__sec="0.03"', ""))
    with pytest.warns(UserWarning, match=r"line \d+: (linear-version|0): .*spell out") as caught:
        config = cx.RetinaConfig.read_xml(path)
    assert [re.search(r"spell out (.*), which", str(one.message)).group(1) for one in caught] == [  # type: ignore[union-attr]
        'surround-tau__sec="0.01"',
        'transient-tau__sec="0.04"',
    ]
    assert config.opl is not None
    assert (config.opl.surround_tau, config.ganglion[0].transient_tau) == ("0.01 s", "0.04 s")


def test_a_missing_attribute_without_default_is_refused(tmp_path: Path) -> None:
    path = edited(tmp_path, 'fovea-radius__deg="1.0"', "", PRIMATE)
    line = line_of(path, "<log-polar-scheme")
    with pytest.raises(cx.FormatError, match=rf"line {line}: log-polar-scheme: wanted an attribute fovea-radius__deg"):
        cx.RetinaConfig.read_xml(path)


# --- what cannot be written -------------------------------------------------------------------------------------


def test_layers_that_are_not_enabled_are_left_out_and_told_of(tmp_path: Path) -> None:
    config = preset("human_parvo")
    config.set("ganglion-layers.0.enabled", False)
    with pytest.warns(UserWarning, match="parvo_on, which is not and is left out"):
        config.write_xml(tmp_path / "one.xml")
    assert [layer.name for layer in cx.RetinaConfig.read_xml(tmp_path / "one.xml").ganglion] == ["parvo_off"]
    config.write_json(tmp_path / "both.json")
    assert cx.RetinaConfig.read_json(tmp_path / "both.json") == config


def test_what_the_format_has_no_place_for_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "none.xml"
    with pytest.raises(cx.FormatError, match=r"wanted a retina with an outer plexiform layer"):
        cx.RetinaConfig(opl=None).write_xml(path)
    layer = GanglionConfig("on", spikes=None, cells=CircularArray("20/deg"))
    silent = cx.RetinaConfig(ganglion=(layer,))
    with pytest.raises(cx.FormatError, match=r"wanted arrays of cells that spike, got cells of on"):
        silent.write_xml(path)
    assert not path.exists()
    silent.write_json(path)
    assert cx.RetinaConfig.read_json(path) == silent


@pytest.mark.parametrize(
    ("opl", "error"),
    [
        (OPLConfig(center_sigma="5 ms"), cx.UnitError),
        (OPLConfig(center_sigma="-1 deg"), cx.ParameterError),
        (OPLConfig(center_n=1.5), cx.ParameterError),  # type: ignore[arg-type]
        (OPLConfig(amplification=float("nan")), cx.ParameterError),
    ],
)
def test_values_that_cannot_be_are_not_written(opl: OPLConfig, error: type[Exception], tmp_path: Path) -> None:
    for name in ("write_xml", "write_json"):
        with pytest.raises(error):
            getattr(cx.RetinaConfig(opl=opl), name)(tmp_path / "bad")
    assert not (tmp_path / "bad").exists()
