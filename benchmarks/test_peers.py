"""The peers, in the same rows as what they are beside. No speed is reported of a peer that computes something else."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import signal

import convis_xr as cx
from benchmarks import peers
from benchmarks.conftest import Speed
from convis_xr.kernels.convolution import causal_convolution
from convis_xr.kernels.gaussian import gaussian_blur
from convis_xr.kernels.recursion import low_pass

STEPS = 100
SIZES = [100, 256]


def frames(steps: int, size: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (steps, size, size), dtype="u1")


def retina(**options: Any) -> cx.models.Retina:
    """Two noisy types behind gain control."""
    model = cx.models.Retina("human_parvo", **options)
    model.bipolar.adaptation_gain = "100 Hz"
    return model


def film(values: NDArray[np.uint8]) -> Any:
    return cx.as_stimulus(values, dt="1 ms", pixel_size="0.05 deg", units="1", valid_range=(0, 255))


@pytest.mark.parametrize("size", SIZES)
def test_numpy_retina(speed: Speed, size: int) -> None:
    values = frames(STEPS, size).astype("f4")
    rate = float(np.mean(peers.retina(frames(300, 30).astype("f4"))[0]))
    ours = float(retina().run(film(frames(300, 30)), progress=False).parvo_on.mean())
    assert 0.5 * ours < rate < 1.5 * ours  # it loses what crosses the threshold within a step
    speed(f"whole retina, {size}x{size}", lambda: peers.retina(values), values.size, by="numpy+scipy", rounds=2)


@pytest.mark.threads(1)
@pytest.mark.parametrize("size", SIZES)
def test_opencv_retina(speed: Speed, size: int) -> None:
    import cv2

    cv2.setNumThreads(1)
    values, row = frames(STEPS, size), f"frames of {size}x{size} through a retina (another model)"
    speed(row, lambda: peers.opencv_retina(values), STEPS, by="cv2.bioinspired", unit="frames/s")


@pytest.mark.threads(1)
@pytest.mark.parametrize("size", SIZES)
def test_frames_beside_opencv(speed: Speed, size: int) -> None:
    model, values = retina(), film(frames(1000, size))
    row = f"frames of {size}x{size} through a retina (another model)"
    speed(row, lambda: model.run(values, progress=False), 1000, unit="frames/s", rounds=3)


@pytest.mark.parametrize("sigma", [1.0, 2.5, 7.5])
def test_scipy_gaussian(speed: Speed, sigma: float) -> None:
    values = frames(STEPS, 100).astype("f4")
    # scipy samples the Gaussian, which is another kernel of nearly the same width: what is smooth does not see that
    smooth = peers.blur(values[:5], 4.0)
    made = gaussian_blur(torch.from_numpy(smooth), (sigma, sigma)).numpy()
    np.testing.assert_allclose(peers.blur(smooth, sigma), made, atol=0.5)
    speed(f"Gaussian, sigma {sigma:g} px", lambda: peers.blur(values, sigma), values.size, by="scipy", rounds=3)


def test_scipy_low_pass(speed: Speed) -> None:
    values = frames(STEPS, 100).astype("f4")
    made, _ = low_pass(torch.from_numpy(values)[None, None], torch.from_numpy(values)[None, None, 0], 0.01, peers.DT)
    np.testing.assert_allclose(peers.low_pass(values, 0.01), made[0, 0].numpy(), rtol=1e-4)
    speed("exponential low-pass", lambda: peers.low_pass(values, 0.01), values.size, by="scipy", rounds=3)


def _torch_convolution(values: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    height, width = weight.shape[3:]
    around = (width - 1 - width // 2, width // 2, height - 1 - height // 2, height // 2, 0, 0)
    padded = torch.nn.functional.pad(values, around, mode="replicate")
    return torch.nn.functional.conv3d(padded, weight.flip(2, 3, 4))


def _scipy_convolution(values: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    height, width = weight.shape[3:]
    around = ((0, 0), (height - 1 - height // 2, height // 2), (width - 1 - width // 2, width // 2))
    padded = np.pad(values[0, 0].numpy(), around, mode="edge")
    return torch.from_numpy(signal.oaconvolve(padded, weight[0, 0].numpy(), mode="valid"))[None, None]


@pytest.mark.parametrize(
    ("by", "function"), [("torch conv3d", _torch_convolution), ("scipy oaconvolve", _scipy_convolution)]
)
@pytest.mark.parametrize("kernel", [(20, 10, 10), (100, 11, 11), (3, 3, 3)])
def test_convolutions(
    speed: Speed, kernel: tuple[int, int, int], by: str, function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
) -> None:
    values = torch.from_numpy(frames(kernel[0] - 1 + STEPS, 100).astype("f4"))[None, None]
    weight = torch.randn(1, 1, *kernel, generator=torch.Generator().manual_seed(0))
    small, history = values[:, :, : kernel[0] + 9, :24, :24], values[:, :, : kernel[0] - 1, :24, :24]
    made, _ = causal_convolution(small[:, :, kernel[0] - 1 :], history, weight)
    torch.testing.assert_close(function(small, weight), made, rtol=1e-4, atol=1.0)
    rounds = 1 if kernel[0] == 100 else 2
    speed("Conv3d {}x{}x{}".format(*kernel), lambda: function(values, weight), STEPS * 100 * 100, by=by, rounds=rounds)


@pytest.mark.threads(1)
@pytest.mark.parametrize("sigma", [2.0, 5.0])
def test_numpy_gain_control(speed: Speed, sigma: float) -> None:
    current = np.random.default_rng(0).standard_normal((STEPS, 100, 100), "f4")
    cat = {"amplification": 150.0, "leak": 5.0, "tau": 0.01, "gain": 100.0}
    operation = partial(peers.gain_control, current, sigma_px=sigma, **cat)
    speed(f"gain control over {sigma:g} px", operation, current.size, by="numpy+scipy", rounds=2)


def test_numpy_spikes(speed: Speed) -> None:
    current = 37 + 10 * np.random.default_rng(0).standard_normal((STEPS, 100, 100), "f4")
    operation = partial(peers.spikes, current, 50.0, 0.1, 0.003, 0.001, 0)
    speed("LIF with noise", operation, current.size, by="numpy", rounds=2)
