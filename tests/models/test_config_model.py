"""A retina of a configuration, and the configuration of a retina."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

import convis_xr as cx
from convis_xr.models.retina.presets import PRESETS, preset

FOLDER = Path(__file__).parents[1] / "data" / "virtualretina"
CAT, LINEAR, PRIMATE = sorted(FOLDER.glob("*.xml"))


def film(dt: str = "5 ms", pixel_size: str = "0.5 deg", high: float = 255) -> xr.DataArray:
    values = np.random.default_rng(0).random((20, 6, 6)) * high
    return cx.as_stimulus(values, dt=dt, pixel_size=pixel_size, units="1", valid_range=(0, high))


@pytest.mark.parametrize("as_text", [True, False])
def test_a_retina_by_its_file(as_text: bool) -> None:
    retina = cx.models.Retina.from_config(str(CAT) if as_text else CAT, ganglion=["ganglion_0"])
    by_name = cx.models.Retina("cat_x", input_range=255)
    stimulus = film()
    sampled = retina.run(stimulus, outputs=["ganglion_0_current"]).ganglion_0_current  # by the array in the file
    frame = by_name.run(stimulus, outputs=["x_on_current"]).x_on_current
    assert sampled.dims == ("time", "cell")
    np.testing.assert_allclose(sampled, frame.interp(y=sampled.y, x=sampled.x), rtol=1e-5)


def test_json_and_objects_too(tmp_path: Path) -> None:
    cx.RetinaConfig.read_xml(CAT).write_json(tmp_path / "cat.JSON")
    one = cx.models.Retina.from_config(tmp_path / "cat.JSON")
    assert one.to_config() == cx.models.Retina.from_config(cx.RetinaConfig.read_xml(CAT)).to_config()


@pytest.mark.parametrize(("name", "error"), [("none.xml", FileNotFoundError), ("retina.txt", cx.FormatError)])
def test_no_such_file(name: str, error: type[Exception], tmp_path: Path) -> None:
    with pytest.raises(error, match=name):
        cx.models.Retina.from_config(tmp_path / name)


@pytest.mark.parametrize("config", [None, {"opl": 1}, 3])
def test_what_is_no_file_and_no_configuration_is_refused(config: object) -> None:
    with pytest.raises(cx.ParameterError, match=r"config: wanted a path, or a RetinaConfig, got (NoneType|dict|int)"):
        cx.models.Retina.from_config(config)  # type: ignore[arg-type]


def test_the_convention_is_handed_on() -> None:
    with pytest.raises(cx.ParameterError, match="convention"):
        cx.models.Retina.from_config(CAT, convention="other")


def test_what_a_file_lacks_the_retina_has_not() -> None:
    retina = cx.models.Retina.from_config(LINEAR)
    assert retina.bipolar is None
    assert retina.output_names == ("center", "surround", "opl")
    config = cx.RetinaConfig.read_xml(PRIMATE)
    config.opl = None
    config.set("ganglion-layers.0.spiking-channel.enabled", False)
    config.set("ganglion-layers.1.enabled", False)
    retina = cx.models.Retina(config)
    assert retina.opl is None
    assert retina.default_outputs == ("ganglion_0_current", "ganglion_2", "ganglion_3")
    with pytest.raises(cx.ParameterError, match="at least one stage"):
        cx.models.Retina(cx.RetinaConfig(opl=None, bipolar=None))


# --- scales ---------------------------------------------------------------------------------------------------


def test_a_stimulus_of_the_same_scales_does_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cx.models.Retina.from_config(CAT)(film())
        cx.models.Retina.from_config(CAT).run(film(), chunk=7)


@pytest.mark.parametrize(
    ("stimulus", "message"),
    [
        ({"dt": "1 ms"}, r"temporal-step__sec 0.001, not 0.005\."),
        ({"pixel_size": "0.1 deg"}, r"pixels-per-degree 10, not 2\."),
        ({"high": 1.0}, r"input-luminosity-range 1, not 255 \(which holds unless input_range=1 is given\)\."),
        ({"dt": "1 ms", "pixel_size": "0.1 deg"}, r"temporal-step__sec 0.001, not 0.005; pixels-per-degree 10, not 2"),
    ],
)
def test_other_scales_warn_once_and_those_of_the_stimulus_hold(stimulus: dict[str, str], message: str) -> None:
    retina = cx.models.Retina.from_config(CAT)
    with pytest.warns(UserWarning, match=f"stimulus: wanted scales as in the configuration, got {message}") as caught:
        response = retina.run(film(**stimulus), outputs=["bipolar"], chunk=7)  # type: ignore[arg-type]
    assert len({str(one.message) for one in caught}) == 1
    assert len(caught) < 3, "once for each chunk"
    expected = cx.models.Retina("cat_x", input_range=255).run(film(**stimulus), outputs=["bipolar"])  # type: ignore[arg-type]
    xr.testing.assert_equal(response.bipolar, expected.bipolar)


def test_each_pitch_of_pixels_that_are_not_square_is_compared() -> None:
    stimulus = cx.as_stimulus(
        film().values, dt="5 ms", pixel_size=("0.5 deg", "0.25 deg"), units="1", valid_range=(0, 255)
    )
    with pytest.warns(UserWarning, match=r"got pixels-per-degree 4, not 2\."):
        cx.models.Retina.from_config(CAT)(stimulus)


def test_a_range_that_is_given_is_meant() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cx.models.Retina.from_config(CAT, input_range=1)(film(high=1.0))


# --- back -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PRESETS)
def test_an_untouched_retina_is_its_configuration(name: str) -> None:
    config = cx.models.Retina(name).to_config()
    assert config == preset(name)
    assert (config.opl, config.bipolar, config.ganglion) == (
        preset(name).opl,
        preset(name).bipolar,
        preset(name).ganglion,
    )


def test_fitted_values_are_written_back_in_their_units() -> None:
    retina = cx.models.Retina("cat_x")
    retina.opl.center.tau = "11 ms"  # type: ignore[union-attr]
    retina.opl.surround.sigma = "130 arcmin"  # type: ignore[union-attr]
    retina.bipolar.adaptation_gain = "90 Hz"  # type: ignore[union-attr]
    retina.x_on.sign = -1
    retina.x_on.slope = "1/3 Hz"
    retina.x_on.spikes.noise = 0.25
    retina.x_on.spikes.random_init = False
    config = retina.to_config()
    assert config.opl == replace(preset("cat_x").opl, center_tau="11 ms", surround_sigma=config.opl.surround_sigma)  # type: ignore[union-attr,type-var]
    assert config.get("surround-sigma__deg").magnitude == pytest.approx(130 / 60, rel=1e-15)
    assert config.bipolar.adaptation_gain == "90 Hz"  # type: ignore[union-attr]
    layer = config.ganglion[0]
    assert (layer.sign, layer.slope, layer.spikes.noise, layer.spikes.random_init) == (-1, f"{1 / 3!r} Hz", 0.25, False)  # type: ignore[union-attr]


def test_every_parameter_comes_back_to_the_bit() -> None:
    """Each moved by a factor that no unit can tell in few digits."""
    retina = cx.models.Retina("primate")
    for path, value in retina.named_parameters():
        if not value.whole:  # type: ignore[attr-defined]
            value.data *= 1 + np.pi / 7 + len(path) / 97
    again = cx.models.Retina(retina.to_config())
    values = {path: float(value) for path, value in retina.named_parameters()}
    assert {path: float(value) for path, value in again.named_parameters()} == values
    assert len(values) > 40


def test_only_what_the_retina_has_is_written_back() -> None:
    config = cx.models.Retina("primate", ganglion=["magno_on"], bipolar=False, spikes=False, input_range=3).to_config()
    assert config.bipolar is None
    assert [layer.name for layer in config.ganglion] == ["magno_on"]
    assert config.ganglion[0].spikes is None
    assert config.input_range == 3


def test_what_a_configuration_has_no_place_for_is_refused() -> None:
    retina = cx.models.Retina()
    retina.opl.surround.n = 2  # type: ignore[union-attr]
    with pytest.raises(cx.ParameterError, match=r"opl.surround.n: wanted 0: .*, got 2"):
        retina.to_config()


def test_load_config_takes_a_configuration() -> None:
    retina = cx.models.Retina("human_parvo")
    retina.load_config(cx.models.Retina("human_parvo").to_config())
    other = preset("human_parvo")
    other.set("ganglion-layers.1.transient-tau__sec", "7 ms")
    other.set("center-sigma__deg", 0.1)
    retina.load_config(other)
    assert retina.to_config() == other
    retina.opl.load_config(preset("primate"), prefix="opl")  # type: ignore[union-attr]
    assert replace(retina.to_config(), ganglion=(), bipolar=None) == replace(
        preset("primate"), ganglion=(), bipolar=None
    )
    with pytest.warns(UserWarning, match="got magno_o") as caught:
        retina.load_config(preset("primate"))
    assert len(caught) == 22


def test_load_config_leaves_out_what_is_not_enabled() -> None:
    config = preset("human_parvo")
    config.set("ganglion-layers.1.enabled", False)
    config.set("ganglion-layers.0.transient-tau__sec", "7 ms")
    retina = cx.models.Retina(config)
    retina.load_config(config)
    assert float(retina.parvo_on.transient_tau) == 0.007


@pytest.mark.parametrize("suffix", ["xml", "json"])
def test_a_fitted_value_keeps_its_digits_in_a_file(suffix: str, tmp_path: Path) -> None:
    retina = cx.models.Retina("cat_x")
    tau = 0.008123456789012346
    with torch.no_grad():
        retina.bipolar.adaptation_tau.fill_(tau)  # type: ignore[union-attr]
    config = retina.to_config()
    getattr(config, f"write_{suffix}")(tmp_path / f"fitted.{suffix}")
    again = cx.models.Retina.from_config(tmp_path / f"fitted.{suffix}")
    assert float(again.bipolar.adaptation_tau) == pytest.approx(tau, rel=4e-16, abs=0)  # type: ignore[union-attr]
