"""The retina against a plain computation of the same equations, and its outer face."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
import xarray as xr
from scipy import ndimage, signal, special

import convis_xr as cx
from convis_xr.context import InputInfo
from convis_xr.models.retina import OPL, GanglionConfig, Retina, RetinaConfig
from convis_xr.models.retina.presets import HUMAN_PARVO
from tests.agreement import Agreement, relative

DT, PIXEL = 1e-3, 0.05


def film(steps: int = 120, valid_range: tuple[float, float] | None = (0, 1)) -> xr.DataArray:
    rng = np.random.default_rng(3)
    frames = ndimage.zoom(rng.random((steps // 10, 9, 11)), (10, 1, 1), order=0)
    return cx.as_stimulus(frames, dt=f"{DT} s", pixel_size=f"{PIXEL} deg", units="1", valid_range=valid_range)


def blur(frames: np.ndarray, sigma_deg: float) -> np.ndarray:
    """Discrete Gaussian by scipy: far longer than is needed, so that it is not cut off."""
    if sigma_deg == 0:
        return frames
    n = np.arange(-80, 81)
    kernel = special.ive(n, (sigma_deg / PIXEL) ** 2)
    for axis in (-2, -1):
        frames = ndimage.convolve1d(frames, kernel / kernel.sum(), axis=axis, mode="nearest")
    return frames


def low_pass(frames: np.ndarray, tau: float) -> np.ndarray:
    c = np.exp(-DT / tau)
    return signal.lfilter([1 - c], [1, -c], frames, axis=0, zi=c * frames[:1])[0]


def expected(frames: np.ndarray, amplification: float) -> dict[str, np.ndarray]:
    """Human parvo with gain control on, stage by stage, as science has it."""
    center = low_pass(frames, 0.01)
    center = blur(center - 0.8 * low_pass(center, 0.1), 0.05)
    surround = blur(low_pass(center, 0.004), 0.15)
    opl = amplification * (center - surround)
    g0, gain = 50.0, 80.0
    a = np.zeros(opl.shape[1:])
    for _ in range(300):
        a = (a + blur(gain * (50 * opl[0] / (g0 + a)) ** 2, 0.2)) / 2
    v = 50 * opl[0] / (g0 + a)
    c = np.exp(-DT / 0.005)
    potentials, adaptations = [], []
    for current in opl:
        g = g0 + a
        v = 50 * current / g + (v - 50 * current / g) * np.exp(-DT * g)
        a = c * a + (1 - c) * blur(gain * v**2, 0.2)
        potentials.append(v)
        adaptations.append(a)
    bipolar = np.array(potentials)
    transient = bipolar - 0.7 * low_pass(bipolar, 0.02)
    made = {"center": amplification * center, "surround": amplification * surround, "opl": opl, "bipolar": bipolar}
    made |= {"adaptation": np.array(adaptations), "parvo_on_transient": transient, "parvo_off_transient": transient}
    for name, drive in (("parvo_on", transient), ("parvo_off", -transient)):
        made[f"{name}_current"] = np.where(drive >= 0, 37 + 100 * drive, 37**2 / (37 - 100 * np.minimum(drive, 0)))
    return made


def with_gain_control(**options: object) -> Retina:
    retina = Retina(**options)  # type: ignore[arg-type]
    retina.bipolar.adaptation_gain = "80 Hz"
    return retina


@pytest.mark.parametrize("stage", ["center", "surround", "opl", "bipolar", "adaptation"])
def test_every_stage_is_what_the_equations_say(stage: str, agreement: Agreement) -> None:
    _compare(stage, agreement)


@pytest.mark.parametrize("layer", ["parvo_on", "parvo_off"])
@pytest.mark.parametrize("stage", ["transient", "current"])
def test_ganglion_stages_are_what_the_equations_say(layer: str, stage: str, agreement: Agreement) -> None:
    _compare(f"{layer}_{stage}", agreement)


def _compare(name: str, agreement: Agreement) -> None:
    stimulus, retina = film(), with_gain_control()
    got = stages(retina, stimulus, [name])[name]
    wanted = expected(stimulus.values, 10.0)[name]
    # the kernel is cut off where less than 1e-6 is left
    stage = name.removeprefix("parvo_on_").removeprefix("parvo_off_")
    agreement(
        f"retina, paper: {stage}",
        "numpy and scipy pipeline",
        "relative L2",
        relative(got, wanted),
        within=2e-6,
    )


def stages(retina: Retina, stimulus: xr.DataArray, names: list[str]) -> dict[str, np.ndarray]:
    result = retina.run(stimulus, outputs=names, progress=False)
    return {name: result[name].values for name in names}


def test_a_constant_film_is_at_rest_from_the_first_frame() -> None:
    still = xr.full_like(film(20), 0.3) + film(20)[0].drop_vars("time") * 0.2
    still.attrs = film(20).attrs
    names = ["opl", "bipolar", "adaptation", "parvo_on_current"]
    for name, values in stages(with_gain_control(), still, names).items():
        np.testing.assert_allclose(values, np.broadcast_to(values[0], values.shape), rtol=1e-9, atol=1e-9, err_msg=name)


def test_eight_bit_film_is_scaled_by_its_range() -> None:
    grey = (film() * 255).round()
    grey.attrs = {"units": "1", "valid_range": (0, 255)}
    relative = grey / 255
    relative.attrs = {"units": "1", "valid_range": (0, 1)}
    eight_bit = stages(Retina(), grey.astype("uint8"), ["bipolar"])["bipolar"]
    np.testing.assert_allclose(eight_bit, stages(Retina(), relative, ["bipolar"])["bipolar"], rtol=1e-4, atol=1e-5)


def test_a_stimulus_without_range_is_refused() -> None:
    with pytest.raises(cx.ContractError, match=r"input_range: wanted the range .* got none.*valid_range"):
        Retina()(film(valid_range=None))
    assert Retina(input_range=1.0)(film(valid_range=None)).identical(Retina()(film(valid_range=(0, 1))))


@pytest.mark.parametrize("bad", [0, -1.0, float("inf"), float("nan"), "255", "80 cd/m^2"])
def test_input_range_must_be_above_zero(bad: float) -> None:
    with pytest.raises(cx.ParameterError, match="input_range: wanted a number above 0"):
        Retina(input_range=bad)  # type: ignore[arg-type]
    with pytest.raises(cx.ParameterError, match="input_range: wanted a number above 0"):
        OPL(input_range=bad)  # type: ignore[arg-type]


def test_names_units_and_dtypes_of_outputs() -> None:
    retina = Retina("primate")
    assert retina.default_outputs == ("parvo_on", "parvo_off", "magno_on", "magno_off")
    result = retina.run(film(30), outputs=["parvo_on", "magno_off_current", "adaptation", "opl"], progress=False)
    units = {name: (str(array.dtype), array.attrs["units"]) for name, array in result.data_vars.items()}
    assert units == {
        "parvo_on": ("uint8", "count"),
        "magno_off_current": ("float64", "Hz"),
        "adaptation": ("float64", "Hz"),
        "opl": ("float64", "1"),
    }


@pytest.mark.parametrize(
    "names", [("a", "a"), ("opl",), ("adaptation",), ("run",), ("a.b",), ("a", "a_current"), ("",)]
)
def test_every_ganglion_layer_needs_a_name_of_its_own(names: tuple[str, ...]) -> None:
    config = RetinaConfig(ganglion=tuple(map(GanglionConfig, names)))
    with pytest.raises(cx.ParameterError, match="ganglion: wanted a name of its own for every layer"):
        Retina(config)


def test_a_retina_within_another_model_gives_its_own_outputs() -> None:
    class Smoothed(cx.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.retina = Retina(spikes=False, ganglion=["parvo_on"])
            self.smooth = cx.filters.LowPass("5 ms")

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.smooth(self.retina(x)["parvo_on_current"])

    asked = Smoothed().run(film(20), outputs=["response"], progress=False)
    np.testing.assert_array_equal(asked.response, Smoothed()(film(20)))


def test_stages_can_be_left_out() -> None:
    assert Retina(ganglion=[]).default_outputs == ("bipolar",)
    assert Retina(ganglion=[], bipolar=False).default_outputs == ("opl",)
    assert Retina(spikes=False, ganglion=["parvo_off"]).default_outputs == ("parvo_off_current",)
    assert set(Retina(opl=False).output_names) & {"center", "opl"} == set()
    with pytest.raises(cx.ParameterError, match="Retina: wanted at least one stage, got none"):
        Retina(opl=False, bipolar=False, ganglion=[])
    with pytest.raises(cx.ParameterError, match="ganglion: wanted names among parvo_on, parvo_off, got magno_on"):
        Retina(ganglion=["magno_on"])


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(cx.ContractError, match=r"outputs: wanted names among center.*got ganglion"):
        Retina().run(film(10), outputs=["ganglion"], progress=False)
    with pytest.raises(cx.ParameterError, match='preset: wanted one of "human_parvo"'):
        Retina("mouse")
    with pytest.raises(cx.ParameterError, match='convention: wanted "paper"'):
        Retina(convention="other")


def test_paths_are_those_that_files_rely_on() -> None:
    paths = set(dict(Retina("cat_x").named_parameters()))
    opl = {"center.sigma", "center.tau", "center.n", "undershoot.weight", "undershoot.tau", "surround.sigma"}
    opl |= {"surround.tau", "surround_weight", "amplification"}
    bipolar = {"input_amplification", "g_leak", "adaptation_sigma", "adaptation_tau", "adaptation_gain"}
    ganglion = {"sign", "transient_tau", "transient_weight", "threshold", "baseline", "slope", "pooling_sigma"}
    ganglion |= {f"spikes.{name}" for name in ("g_leak", "noise", "refractory_mean", "refractory_sd")}
    wanted = {f"opl.{name}" for name in opl} | {f"bipolar.{name}" for name in bipolar}
    wanted |= {f"x_on.{name}" for name in ganglion}
    assert paths - {"opl.surround.n"} == wanted


#: (path, human_parvo, primate, cat_x); the primate's magnocellular cells follow
PUBLISHED = [
    ("opl.center.sigma", 0.05, 0.03, 0.88),
    ("opl.center.tau", 0.01, 0.01, 0.01),
    ("opl.center.n", 0, 0, 0),
    ("opl.surround.sigma", 0.15, 0.1, 2.35),
    ("opl.surround.tau", 0.004, 0.01, 0.01),
    ("opl.undershoot.weight", 0.8, 0, 0.5),
    ("opl.undershoot.tau", 0.1, 0.1, 0.2),
    ("opl.amplification", 10, 10, 10),
    ("opl.surround_weight", 1, 1, 1),
    ("bipolar.input_amplification", 50, 150, 150),
    ("bipolar.g_leak", 50, 5, 5),
    ("bipolar.adaptation_sigma", 0.2, 0.2, 2.5),
    ("bipolar.adaptation_tau", 0.005, 0.01, 0.01),
    ("bipolar.adaptation_gain", 0, 100, 100),
    ("transient_tau", 0.02, 0.03, 0.03),
    ("transient_weight", 0.7, 0.7, 0.7),
    ("threshold", 0, 0, 0),
    ("baseline", 37, 80, 80),
    ("slope", 100, 100, 100),
    ("pooling_sigma", 0, 0, 0),
    ("spikes.g_leak", 50, 50, 50),
    ("spikes.noise", 0.1, 0, 0.1),
    ("spikes.refractory_mean", 0.003, 0.003, 0.003),
    ("spikes.refractory_sd", 0, 0, 0.001),
]
MAGNO = {"transient_weight": 1, "slope": 400, "pooling_sigma": 0.1}


@pytest.mark.parametrize(("column", "preset"), [(1, "human_parvo"), (2, "primate"), (3, "cat_x")])
def test_presets_are_the_published_numbers(column: int, preset: str) -> None:
    retina = Retina(preset)
    got = {path: float(value) for path, value in retina.named_parameters() if path != "opl.surround.n"}
    published = {row[0]: row[column] for row in PUBLISHED}
    wanted = {path: value for path, value in published.items() if path.startswith(("opl.", "bipolar."))}
    for name in retina.ganglion_names:
        layer = {path: value for path, value in published.items() if path not in wanted}
        layer |= {"sign": -1 if name.endswith("off") else 1} | (MAGNO if name.startswith("magno") else {})
        got |= {f"random {name}": float(retina.get_submodule(f"{name}.spikes").random_init)}
        wanted |= {f"{name}.{path}": value for path, value in layer.items()}
        wanted |= {f"random {name}": float(preset != "human_parvo")}
    assert got == pytest.approx(wanted, rel=1e-12)


def test_a_configuration_of_ones_own() -> None:
    config = replace(HUMAN_PARVO, ganglion=(replace(HUMAN_PARVO.ganglion[0], name="mine", slope="50 Hz"),))
    retina = Retina(config)
    assert retina.default_outputs == ("mine",)
    assert float(retina.mine.slope) == 50


@pytest.mark.parametrize("between", ["opl", "bipolar", "parvo_on_current"])
def test_a_stage_that_has_begun_keeps_up_while_it_is_not_wanted(between: str) -> None:
    stimulus, whole = film(60), with_gain_control().run(film(60), progress=False)
    retina = with_gain_control()
    for part, outputs in ((slice(0, 20), None), (slice(20, 40), [between]), (slice(40, 60), None)):
        last = retina.run(stimulus.isel(time=part), carry=True, outputs=outputs, progress=False)
    assert last.sum() > 0
    for name in ("parvo_on", "parvo_off"):
        np.testing.assert_array_equal(last[name], whole[name][40:])


@pytest.mark.parametrize(
    ("change", "message"),
    [({"opl.center.n": 8}, "1.25 ms \\(opl.center.tau\\)"), ({"opl.undershoot.tau": "2 ms"}, "2 ms \\(opl.undershoot")],
)
def test_the_fastest_pole_counts(change: dict[str, object], message: str) -> None:
    retina = Retina("primate", spikes=False)
    for path, value in change.items():
        retina.get_parameter(path).set(value)
    slow = cx.as_stimulus(film(10).values, dt="3 ms", pixel_size="0.1 deg", units="1", valid_range=(0, 1))
    with pytest.warns(UserWarning, match=f"a time step of at most {message}"):
        retina(slow)


def test_a_coarse_time_step_warns() -> None:
    coarse = cx.as_stimulus(np.ones((4, 3, 3)), dt="20 ms", pixel_size="0.1 deg", units="1", valid_range=(0, 1))
    with pytest.warns(UserWarning, match=r"dt: wanted a time step of at most 4 ms \(opl.surround.tau\), got 20 ms"):
        Retina()(coarse)


@pytest.mark.parametrize("options", [{"chunk": 1}, {"chunk": 2, "repeats": 3}, {"chunk": 2, "initial": 0.5}])
def test_a_run_warns_once(options: dict[str, object]) -> None:
    coarse = cx.as_stimulus(np.ones((4, 3, 3)), dt="20 ms", pixel_size="0.1 deg", units="1", valid_range=(0, 1))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = cx.run(Retina(), coarse, **options)
    assert ["dt" in str(one.message) for one in caught] == [True]
    repeated = {"repeats": options["repeats"]} if "repeats" in options else {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it has been said
        cx.run(Retina(), coarse, state=made.convis.state, **repeated)


def test_spikes_only_is_the_chain_of_its_stages() -> None:
    """The one-pass kernel, taken where nothing between is asked for, gives the same bits."""
    stimulus = film()
    alone = stages(with_gain_control(), stimulus, ["parvo_on"])
    beside = stages(with_gain_control(), stimulus, ["parvo_on", "parvo_on_current"])
    np.testing.assert_array_equal(alone["parvo_on"], beside["parvo_on"])
    assert alone["parvo_on"].sum() > 0


def test_seeds() -> None:
    stimulus = film()
    one, same, other = (Retina(seed=seed)(stimulus).parvo_on.values for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    both = Retina(seed=1)(stimulus)
    assert (both.parvo_on.values != both.parvo_off.values).any()


def test_gradients_are_those_of_small_differences() -> None:
    """In every physical parameter at once, in the film, and in the state that it goes on from."""
    retina = Retina("primate", spikes=False, ganglion=["magno_off"])
    retina.opl.center.n, retina.opl.undershoot.weight, retina.bipolar.adaptation_gain = 2, 0.6, "60 Hz"
    info = InputInfo(cx.Sampling("1 ms", ("0.1 deg", "0.07 deg")), "1", (0, 1))
    x = torch.rand(1, 1, 4, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    begun = retina.new_context(info)
    retina.advance(begun, x)
    state = {path: value.detach() for path, value in begun.state.items()}
    held = {path: value for path, value in retina.named_parameters() if value.requires_grad}

    def response(x: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
        values_by_path = dict(zip([*held, *state], values, strict=True))
        for path in held:
            module, _, leaf = path.rpartition(".")
            retina.get_submodule(module)._parameters[leaf] = values_by_path[path]  # type: ignore[assignment]
        context = retina.new_context(info, state={path: values_by_path[path] for path in state})
        return retina.advance(context, x)["magno_off_current"]

    values = [value.detach().as_subclass(torch.Tensor).clone() for value in (*held.values(), *state.values())]
    operands = tuple(value.requires_grad_() for value in (x, *values))
    assert len(operands) == 1 + 19 + 6
    assert torch.autograd.gradcheck(response, operands, eps=1e-7, atol=1e-3, rtol=1e-3)


def test_gradients_reach_physical_parameters() -> None:
    retina = with_gain_control(spikes=False, input_range=1.0)
    with cx.set_options(dt="1 ms", pixel_size="0.05 deg"):
        out = retina(torch.rand(1, 1, 20, 5, 5, dtype=torch.float64))
    sum(value.sum() for value in out.values()).backward()
    for path in ("opl.center.sigma", "opl.surround.tau", "bipolar.adaptation_sigma", "parvo_on.transient_tau"):
        grad = retina.get_parameter(path).grad
        assert grad is not None
        assert float(grad) != 0


@pytest.mark.parametrize("change", [lambda film: film / 255, lambda film: film * 10, lambda film: film - 200])
def test_a_range_that_arithmetic_left_behind_warns(change: Callable[[xr.DataArray], xr.DataArray]) -> None:
    grey = (film() * 255).round()
    grey.attrs = {"units": "1", "valid_range": (0, 255)}
    with pytest.warns(UserWarning, match=r"stimulus: wanted luminance that the valid_range \(0, 255\) is made for"):
        Retina()(change(grey))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Retina(input_range=1.0)(change(grey))
        Retina()(grey)


def test_gradients_are_finite_where_gain_control_is_off() -> None:
    """As in the default preset, whose gain is 0."""
    retina = Retina(spikes=False, input_range=1.0)
    with cx.set_options(dt="1 ms", pixel_size="0.05 deg"):
        out = retina(torch.rand(1, 1, 5, 4, 4, dtype=torch.float64))
    sum(value.sum() for value in out.values()).backward()
    for path, value in retina.named_parameters():
        assert value.grad is None or bool(value.grad.isfinite()), path


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("convention", ["paper", "virtualretina"])
@pytest.mark.parametrize("outputs", [None, ["bipolar", "parvo_off_current", "parvo_on"], ["opl"], ["parvo_on_times"]])
def test_blocks_within_a_chunk_do_not_show(threads: int, convention: str, outputs: list[str] | None) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        stimulus, whole, blocks = film(), *(with_gain_control(convention=convention) for _ in range(2))
        blocks.block_bytes = 7 * stimulus[0].nbytes
        wanted, got = (retina.run(stimulus, outputs=outputs, chunk=50) for retina in (whole, blocks))
    finally:
        torch.set_num_threads(before)
    xr.testing.assert_identical(got.drop_attrs(), wanted.drop_attrs())
    for path, value in wanted.convis.state.items():
        assert torch.equal(got.convis.state[path], value), path


@pytest.mark.parametrize("convention", ["paper", "virtualretina"])
def test_a_sign_of_0_is_refused(convention: str) -> None:
    """A cell that is neither ON nor OFF would give its rest, whatever is shown."""
    with pytest.raises(cx.ParameterError, match=r"blind.sign: wanted 1 \(ON\) or -1 \(OFF\), got 0"):
        cx.models.Retina(cx.RetinaConfig(ganglion=(GanglionConfig("blind", sign=0),)), convention)
    retina = cx.models.Retina(convention=convention, input_range=1.0)
    retina.parvo_on.sign = 0
    grey = cx.as_stimulus(np.full((3, 4, 4), 0.5), dt="1 ms", pixel_size="0.1 deg", units="1")
    with pytest.raises(cx.ParameterError, match=r"parvo_on.sign: wanted 1 \(ON\) or -1 \(OFF\), got 0"):
        retina(grey)
