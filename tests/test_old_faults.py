"""What convis computed wrongly, one test for each fault that `shared/design/science.md` lists: none may come back.

Each would fail on the old behaviour; the numbers wanted are closed forms or plain loops.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

import convis_xr as cx
from convis_xr.models.retina import Bipolar, BipolarConfig, Ganglion, GanglionConfig

MS = {"dt": "1 ms", "pixel_size": "0.1 deg", "units": "1"}


def film(values: np.ndarray, **facts: object) -> object:
    return cx.as_stimulus(values, **{**MS, **facts})


def test_the_window_of_a_spike_triggered_average_lies_before_the_spike() -> None:
    shown = np.zeros((200, 2, 2))
    shown[50, 0, 1] = 1.0
    stimulus = film(shown)
    response = stimulus[:, 0, 0].drop_vars(["y", "x"]).astype("uint8").assign_attrs(units="count")
    response[53] = 1  # three steps after the flash
    average = cx.analysis.sta(stimulus, response, window=10)
    assert float(average[3, 0, 1]) == 1.0
    assert float(average.sum()) == 1.0
    twice = response.copy(data=np.roll(response, 4) + response)  # the second one 7 steps after the flash
    square = cx.analysis.stc(stimulus, twice, 10)[:, 0, 1, :, 0, 1]
    np.testing.assert_allclose(square.values[np.ix_([3, 7], [3, 7])], [[0.5, -0.5], [-0.5, 0.5]])
    assert float(abs(square).sum()) == pytest.approx(2.0)


@pytest.mark.parametrize("chunk", [1, 3, 7, 10, 100])
def test_the_last_frame_is_not_dropped(chunk: int) -> None:
    shown = np.arange(10.0)[:, None, None] * np.ones((1, 2, 2))
    result = cx.run(cx.filters.LowPass("0 s"), film(shown), chunk=chunk, progress=False).response
    np.testing.assert_array_equal(result, shown)
    stream = cx.Stream.from_generator(iter(shown), **MS)
    result = cx.run(cx.filters.LowPass("0 s"), stream, chunk=chunk, stop=10, progress=False).response
    np.testing.assert_array_equal(result, shown)


def settled(tau: str, gain: str, sigma: str = "0 deg", steps: int = 3000) -> np.ndarray:
    cell = Bipolar(BipolarConfig("50 Hz", "50 Hz", sigma, tau, gain))
    cell.initial = "zeros"
    current = np.zeros((steps, 1, 1))
    current[1:] = 2.0
    return cell(film(current))[:, 0, 0].values


def test_gain_control_has_the_strength_of_its_equation() -> None:
    """At rest g V = A I with g = g0 + gain V^2: a cubic."""
    v = settled("20 ms", "30 Hz")[-1]
    roots = np.roots([30.0, 0.0, 50.0, -100.0])
    assert v == pytest.approx(float(roots[np.isreal(roots)].real[0]), rel=1e-5)
    assert 0.3 < v / settled("20 ms", "0 Hz")[-1] < 0.9  # far from 1e4 times too strong


def test_gain_control_takes_its_time_constant() -> None:
    """The later the leak rises, the higher the first peak."""
    peaks = [settled(tau, "30 Hz").max() for tau in ("0 s", "20 ms", "200 ms", "1 s")]
    assert np.all(np.diff(peaks) > 0.01)
    slow = settled("200 ms", "30 Hz")
    assert slow.max() > 1.2 * slow[-1]


def test_the_blur_of_the_gain_control_does_not_compound() -> None:
    """Standing still, the adapting leak is the blur of what drives it, once, however long it has been running."""
    sigma, shape = 1.5, (41, 41)
    current = np.zeros((4000, *shape))
    current[:, 20, 20] = 1.0
    config = BipolarConfig("50 Hz", "50 Hz", f"{0.1 * sigma} deg", "5 ms", "30 Hz")
    retina = cx.models.Retina(cx.models.RetinaConfig(bipolar=config), opl=False)
    made = cx.run(retina, film(current), outputs=["bipolar", "adaptation"], progress=False).isel(time=-1)
    drive, leak = 30.0 * made.bipolar.values.astype(float) ** 2, made.adaptation.values.astype(float)
    place = np.arange(41) - 20.0
    spread = (leak.sum(0) * place**2).sum() / leak.sum() - (drive.sum(0) * place**2).sum() / drive.sum()
    assert leak.sum() == pytest.approx(drive.sum(), rel=1e-3)
    assert math.sqrt(spread) == pytest.approx(sigma, rel=1e-2)


@pytest.mark.parametrize("chunk", [1, 7, 50])
def test_a_high_pass_does_not_depend_on_the_chunks(chunk: int) -> None:
    shown = film(np.random.default_rng(0).random((200, 2, 2)))
    layer = cx.filters.PartialHighPass("30 ms", 0.9)
    whole, cut = (cx.run(layer, shown, chunk=length, progress=False).response for length in (200, chunk))
    np.testing.assert_array_equal(cut, whole)


def test_pooling_keeps_the_frame() -> None:
    cells = Ganglion(GanglionConfig("on", pooling_sigma="0.5 deg"), spikes=False)
    current = cells(film(np.ones((3, 6, 9))))
    assert current.shape == (3, 6, 9)
    np.testing.assert_allclose(current[0], float(current[0, 0, 0]), rtol=1e-6)  # nor do its borders darken


@pytest.mark.parametrize("size", ["0.01 deg", "0.0285 deg", "0.1 deg", "0.777 deg", "3 deg"])
def test_smoothing_kernels_sum_to_one(size: str) -> None:
    constant = film(np.full((40, 9, 9), 0.7))
    for layer in (cx.filters.Gaussian(size), cx.filters.LowPass("13 ms"), cx.filters.GammaLowPass("9 ms", n=4)):
        layer.initial = "first_frame"
        np.testing.assert_allclose(layer(constant), 0.7, rtol=3e-7)


@pytest.mark.parametrize("length", [1, 5, 40, None])
@pytest.mark.parametrize("n", [0, 1, 5])
def test_kernels_that_are_cut_short_sum_to_one(n: int, length: int | None) -> None:
    assert float(cx.filters.kernels.gamma_cascade("20 ms", n, length=length, dt="1 ms").sum()) == pytest.approx(1.0)
    total = cx.filters.kernels.exponential_high_pass("20 ms", 0.7, length=length, dt="1 ms").sum()
    assert float(total) == pytest.approx(0.3)


@pytest.mark.parametrize("dt", ["1 ms", "5 ms"])
def test_refractory_time_is_real_time(dt: str) -> None:
    """Without noise the interval is the refractory time and the exact way up to the threshold."""
    current, leak, refractory = 100.0, 50.0, 0.003
    interval = refractory - math.log(1 - leak / current) / leak
    cell = cx.spiking.NoisyLIF("50 Hz", 0.0, "3 ms")
    seconds = 20.0
    steps = round(seconds / (0.001 if dt == "1 ms" else 0.005))
    count = int(cell(cx.as_stimulus(np.full(steps, current), dt=dt, units="Hz")).sum())
    assert abs(count - (seconds + refractory) / interval) <= 1


def test_noise_has_its_standard_deviation() -> None:
    """Without threshold in reach the membrane spreads by ``noise``, not by ``noise / sqrt(2)``."""
    cells = cx.spiking.NoisyLIF("50 Hz", noise=0.1, refractory_mean="0 s")
    with cx.set_options(dt="1 ms", pixel_size="0.1 deg"):
        cells(torch.zeros(1, 1, 200, 100, 100))
    assert float(cells.potential.std()) == pytest.approx(0.1, rel=0.02)


def test_recurrent_layers_look_at_every_batch_and_channel() -> None:
    shown = np.random.default_rng(1).random((3, 2, 30, 4, 4))
    for layer in (cx.filters.LowPass("9 ms"), Bipolar(BipolarConfig(adaptation_gain="50 Hz"))):
        together = layer(film(shown))
        for batch in range(3):
            layer.clear_state()
            np.testing.assert_array_equal(layer(film(shown[batch : batch + 1])), together[batch : batch + 1])
        assert np.ptp(together.mean(["time", "y", "x"]).values) > 0


def test_missing_parameters_are_not_ignored() -> None:
    retina, values = cx.models.Retina(), cx.models.Retina().get_parameters()
    values["bipolar.g_lek"] = values.pop("bipolar.g_leak")
    with pytest.raises(cx.ParameterError, match=r"missing: bipolar.g_leak; unknown: bipolar.g_lek"):
        retina.set_parameters(values)
    with pytest.warns(UserWarning, match=r"missing: bipolar.g_leak"):
        retina.set_parameters(values, strict=False)


def test_a_configuration_swallows_nothing(tmp_path: Path) -> None:
    """Neither a value that cannot be, nor a name that nobody knows, nor a file that cannot be read."""
    blur = cx.filters.Gaussian("0.1 deg")
    with pytest.raises(cx.UnitError, match="sigma: wanted a visual angle"):
        blur.load_config({"sigma": "wide"})
    with pytest.warns(UserWarning, match="config: wanted paths among sigma, got sgima"):
        blur.load_config({"sgima": "0.2 deg"})
    (tmp_path / "retina.json").write_text('{"contrast-gain-control": {"bipolar-inert-leaks__Hz": "leaky"}}')
    with pytest.raises(cx.FormatError, match="bipolar-inert-leaks__Hz: wanted a number of Hz, 0 or more, got 'leaky'"):
        cx.models.Retina.from_config(tmp_path / "retina.json")


def test_scales_apply_to_models_already_made() -> None:
    blur, smooth = cx.filters.Gaussian("0.2 deg"), cx.filters.LowPass("10 ms")
    spot = torch.zeros(1, 1, 1, 41, 41)
    spot[..., 20, 20] = 1
    widths = []
    for pitch in ("0.1 deg", "0.05 deg"):
        with cx.set_options(pixel_size=pitch):
            profile = blur(spot)[0, 0, 0].sum(0).detach()
        widths.append(float((profile * (torch.arange(41) - 20.0) ** 2).sum().sqrt()))
    assert widths == pytest.approx([2.0, 4.0], rel=1e-3)
    with cx.set_options(dt="10 ms"):
        assert smooth(torch.ones(1, 1, 1, 1, 1)).item() == pytest.approx(1 - math.exp(-1))
    smooth.clear_state()
    with cx.set_options(dt="1 ms"):
        assert smooth(torch.ones(1, 1, 1, 1, 1)).item() == pytest.approx(1 - math.exp(-0.1))
