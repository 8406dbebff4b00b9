"""The retina by VirtualRetina's convention, at any parameters, against the plain definition; state, start, choices."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

import convis_xr as cx
from convis_xr.kernels.gain_control.parameters import GainControl
from convis_xr.kernels.virtualretina import whole
from convis_xr.models.retina import BipolarConfig, GanglionConfig, OPLConfig, Retina, RetinaConfig, SpikesConfig

STEPS, HEIGHT, WIDTH = 22, 5, 7

#: What differs from the first of them: every branch of the convention, and odd values.
CASES: dict[str, dict[str, Any]] = {
    "leaky, undershoot": {},
    "leaky, no undershoot": {"w_u": 0.0},
    "leaky, n is ignored": {"n": 3},
    "separable": {"leaky": False},
    "separable, n = 1": {"leaky": False, "n": 1},
    "separable, n = 4, no undershoot": {"leaky": False, "n": 4, "w_u": 0.0},
    "steady transient": {"w": 0.0},
    "steady transient, pool": {"w": 0.0, "pool": 0.15},
    "pool": {"pool": 0.2, "w": 1.0},
    "coarse step": {"dt": 0.007},
    "wide surround": {"sigma_s": 1.5, "w_s": 0.6},
    "no blur": {"sigma_c": 0.0, "sigma_s": 0.0, "sigma_a": 0.0},
    "no blur, separable": {"sigma_c": 0.0, "sigma_s": 0.004, "leaky": False},
    "steps that blur too little": {"sigma_c": 0.02, "dt": 0.0005},
    "no memory": {"tau_c": 0.0, "tau_u": 0.0, "tau_s": 0.0, "tau_a": 0.0, "tau_t": 0.0},
    "no gain control": {"gain": 0.0},
    "perfect integrator": {"gain": 0.0, "g0": 0.0},
    "no leak at rest": {"g0": 0.0},
    "at the ceiling": {"gain": 1e7, "amp": 3000.0},
    "no surround": {"w_s": 0.0},
    "threshold": {"v0": 0.2, "i0": 10.0, "slope": 700.0},
    "no baseline": {"i0": 0.0},
}
BASE = {
    "sigma_c": 0.08, "tau_c": 0.01, "n": 0, "w_u": 0.6, "tau_u": 0.08, "sigma_s": 0.3, "tau_s": 0.006, "w_s": 1.0,
    "leaky": True, "amp": 150.0, "g0": 5.0, "sigma_a": 0.2, "tau_a": 0.01, "gain": 100.0, "tau_t": 0.02, "w": 0.7,
    "v0": 0.0, "i0": 80.0, "slope": 100.0, "pool": 0.0, "dt": 0.002,
}  # fmt: skip


def config_of(p: dict[str, Any]) -> RetinaConfig:
    on = GanglionConfig(
        "on", 1, f"{p['tau_t']} s", p["w"], p["v0"], f"{p['i0']} Hz", f"{p['slope']} Hz", f"{p['pool']} deg",
        SpikesConfig("50 Hz", 0.0, "2 ms", "0 s"),
    )  # fmt: skip
    return RetinaConfig(
        OPLConfig(
            f"{p['sigma_c']} deg", f"{p['tau_c']} s", p["n"], p["w_u"], f"{p['tau_u']} s", f"{p['sigma_s']} deg",
            f"{p['tau_s']} s", p["w_s"], 10.0, leaky_heat_equation=p["leaky"],
        ),
        BipolarConfig(
            f"{p['amp']} Hz", f"{p['g0']} Hz", f"{p['sigma_a']} deg", f"{p['tau_a']} s", f"{p['gain']} Hz"
        ),
        (on, replace(on, name="off", sign=-1)),
    )  # fmt: skip


def film(dt: float = 0.002, dtype: str = "float64") -> xr.DataArray:
    frames = np.random.default_rng(4).random((STEPS, HEIGHT, WIDTH)) * 255
    return cx.as_stimulus(
        frames.astype(dtype), dt=f"{dt} s", pixel_size=("0.1 deg", "0.05 deg"), units="1", valid_range=(0, 255)
    )


def defined(p: dict[str, Any], frames: np.ndarray, start: float = 127.5) -> dict[str, np.ndarray]:
    """The plain definition; names of ganglion layers as in the retina."""

    def width(deg: float) -> tuple[float, float]:
        return deg / 0.1, deg / 0.05

    opl = whole.Opl(
        width(p["sigma_c"]), p["tau_c"], p["n"], p["w_u"], p["tau_u"], width(p["sigma_s"]), p["tau_s"], p["w_s"],
        10 / 255, p["leaky"],
    )  # fmt: skip
    bipolar = GainControl(p["amp"], p["g0"], width(p["sigma_a"]), p["tau_a"], p["gain"], p["dt"])
    layers = [
        whole.Ganglion(sign, p["tau_t"], p["w"], p["v0"], p["i0"], p["slope"], width(p["pool"])) for sign in (1, -1)
    ]
    made = whole.stages(frames, start, opl, bipolar, layers)
    for i, name in enumerate(("on", "off")):
        made[f"{name}_transient"] = made.pop(f"transient{i}")
        made[f"{name}_current"] = made.pop(f"current{i}")
    return made


def retina(p: dict[str, Any], **options: Any) -> Retina:
    return Retina(config_of(p), "virtualretina", **options)


@pytest.mark.parametrize("change", CASES.values(), ids=CASES)
@pytest.mark.filterwarnings("ignore:dt. wanted a time step")
def test_every_stage_is_that_of_the_definition(change: dict[str, Any]) -> None:
    p = BASE | change
    stimulus, wanted = film(p["dt"]), defined(BASE | change, film().values)
    got = cx.run(retina(p), stimulus, outputs=[*wanted, "on", "off"], chunk=7, progress=False)
    for stage, values in wanted.items():
        scale = np.abs(values).max()
        np.testing.assert_allclose(got[stage].values, values, rtol=1e-9, atol=1e-10 * scale, err_msg=stage)
    for name in ("on", "off"):
        for y, x in ((0, 0), (2, 3)):
            times = whole.spike_times(wanted[f"{name}_current"][:, y, x], p["dt"], 50.0, 0.002)
            assert int(got[name].values[:, y, x].sum(dtype=int)) == len(times)


@pytest.mark.parametrize("change", [{}, {"leaky": False, "n": 2, "w_u": 0.0}, {"w": 0.0}], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pieces_are_the_whole_to_the_bit(change: dict[str, Any], dtype: str) -> None:
    stimulus, p = film(dtype=dtype), BASE | change
    outputs = [*retina(p).output_names]
    whole_run = cx.run(retina(p), stimulus, outputs=outputs, progress=False)
    part_runs = retina(p)
    parts = [
        part_runs.run(stimulus.isel(time=part), outputs=outputs, carry=True, progress=False)
        for part in (slice(0, 1), slice(1, 2), slice(2, 13), slice(13, None))
    ]
    for name in outputs:
        np.testing.assert_array_equal(np.concatenate([part[name].values for part in parts]), whole_run[name].values)
    state = whole_run.convis.state
    assert state.keys() == part_runs.get_state().keys()
    assert all(torch.equal(value, state[path]) for path, value in part_runs.get_state().items())


def test_parameters_have_the_paths_of_the_paper_s_convention() -> None:
    paper, late = Retina("primate"), Retina("primate", convention="virtualretina")
    assert list(late.p) == list(paper.p)
    assert late.output_names == paper.output_names
    assert late.default_outputs == paper.default_outputs
    late.set_parameters(paper.get_parameters())


def test_the_opl_rests_in_grey_and_later_stages_at_zero() -> None:
    grey = cx.as_stimulus(np.full((5, 4, 4), 127.5), dt="2 ms", pixel_size="0.1 deg", units="1", valid_range=(0, 255))
    made = cx.run(retina(BASE), grey, outputs=["center", "opl", "bipolar", "on_current"], progress=False)
    np.testing.assert_allclose(made.center, 10 * 0.5 * 0.4, rtol=1e-14)
    np.testing.assert_allclose(made.opl, 0, atol=1e-14)
    np.testing.assert_allclose(made.on_current, 80, rtol=1e-12)


@pytest.mark.parametrize("how", ["run", "attribute"])
@pytest.mark.parametrize("initial", [30.0, "zeros"])
def test_an_initial_value_is_what_the_opl_rests_in(how: str, initial: float | str) -> None:
    p = BASE | {"w_s": 0.7}
    wanted = defined(p, film().values, 0.0 if initial == "zeros" else 30.0)
    model = retina(p)
    if how == "attribute":
        model.initial = initial
    given = {"initial": initial} if how == "run" else {}
    got = cx.run(model, film(), outputs=[*wanted], progress=False, **given)
    for stage, values in wanted.items():
        np.testing.assert_allclose(
            got[stage].values, values, rtol=1e-9, atol=1e-9 * np.abs(values).max(), err_msg=stage
        )


def test_from_the_first_frame_it_rests_in_that_frame() -> None:
    still = film().isel(time=[0] * STEPS).assign_coords(time=film().time)
    made = cx.run(retina(BASE), still, outputs=["center", "surround", "bipolar"], initial="first_frame", progress=False)
    for stage in ("center", "surround"):
        values = made[stage].values
        np.testing.assert_allclose(values, np.broadcast_to(values[0], values.shape), rtol=1e-11)
    assert np.ptp(made.bipolar.values[:, 0, 0]) > 0


def test_grey_is_the_middle_of_the_range() -> None:
    shifted = film() - 127.5
    shifted.attrs = film().attrs | {"valid_range": (-127.5, 127.5)}
    one, other = (retina(BASE).run(x, outputs=["opl"], progress=False).opl.values for x in (film(), shifted))
    np.testing.assert_allclose(one, other, atol=1e-11)
    given = film()
    given.attrs["valid_range"] = (0, 10)
    ranged = retina(BASE, input_range=255).run(given, outputs=["opl"], progress=False).opl.values
    np.testing.assert_array_equal(ranged, one)


def test_without_bipolar_cells_ganglion_cells_read_the_opl_one_step_late() -> None:
    p = BASE | {"w": 0.0, "w_s": 0.5}
    made = cx.run(retina(p, bipolar=False), film(), outputs=["opl", "on_current"], progress=False)
    drive = np.concatenate([np.full((1, HEIGHT, WIDTH), 10 * 0.5 * 0.4 * 0.5), made.opl.values[:-1]])
    y = 100 * drive
    expected = np.where(y >= 0, 80 + y / (1 + y / (5e5 - 80)), 80**2 / (80 - np.minimum(y, 0)))
    np.testing.assert_allclose(made.on_current, expected, rtol=1e-12)


def test_noise_and_random_start_follow_the_seed() -> None:
    spikes = SpikesConfig(noise=0.2, refractory_sd="1 ms", random_init=True)
    config = config_of(BASE)
    config = replace(config, ganglion=tuple(replace(layer, spikes=spikes) for layer in config.ganglion))
    bright = film() * 0 + film()
    bright.attrs = film().attrs
    one, same, other = (
        cx.run(Retina(config, "virtualretina"), bright, seed=seed, chunk=chunk, progress=False)
        for seed, chunk in ((1, 22), (1, 5), (2, 22))
    )
    assert one.identical(same)
    assert not one.on.equals(other.on)


def test_a_choice_that_the_convention_leaves_not_is_refused() -> None:
    with pytest.raises(cx.ParameterError, match='convention: wanted "paper" or "virtualretina", got \'fast\''):
        Retina(convention="fast")
    with pytest.raises(cx.ParameterError, match='spatial: wanted "deriche" by the convention'):
        Retina(convention="virtualretina", spatial="gaussian")
    with pytest.raises(cx.ParameterError, match='temporal: wanted "recursive" by the convention'):
        Retina(convention="virtualretina", temporal="fir")
    Retina(convention="virtualretina", spatial="deriche", temporal="recursive")


def test_the_paper_s_convention_says_that_its_filters_are_separable(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="convis_xr"):
        Retina(config_of(BASE))
        assert [record.levelname for record in caplog.records] == ["INFO"]
        assert "separable" in caplog.text
        caplog.clear()
        Retina(config_of(BASE | {"leaky": False}))
        retina(BASE)
        Retina(config_of(BASE), opl=False)
    assert not caplog.records


def test_gradients_reach_every_parameter_before_the_spikes() -> None:
    model = retina(BASE | {"pool": 0.2}, spikes=False)
    x = torch.from_numpy(film().values)[None, None]
    model(film())  # tells it the sampling
    model.clear_state()
    made = model(x)
    (made["on_current"].pow(2).sum() + made["off_current"].sum()).backward()
    missing = [path for path, value in model.named_parameters() if value.grad is None or float(value.grad) == 0]
    assert set(missing) <= {"opl.center.n", "opl.surround.n", "on.sign", "off.sign"}
