"""What speeds are measured beside: the same retina in plain numpy and scipy, and OpenCV's own model of a retina.

The first is the paper's pipeline (Wohrer & Kornprobst 2009) as one would write it in an afternoon, whole movie by whole
movie and in float32. OpenCV's retina is another model (Benoit et al. 2010, doi:10.1016/j.cviu.2010.01.011): no spikes,
no noise, 8-bit output; frames per second beside it say what a user waits for, not who computes the same faster.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

Movie = NDArray[np.float32]

DT = 0.001


def low_pass(movie: Movie, tau: float) -> Movie:
    """Exponential low-pass along time, at rest in the first frame."""
    c = np.float32(np.exp(-DT / tau))
    return signal.lfilter([1 - c], np.array([1, -c], "f4"), movie, axis=0, zi=c * movie[:1])[0]


def blur(movie: Movie, sigma_px: float) -> Movie:
    """Gaussian blur of a frame, or of every frame."""
    return ndimage.gaussian_filter(movie, sigma_px, axes=(-2, -1), mode="nearest", truncate=5.0)


def gain_control(current: Movie, amplification: float, leak: float, sigma_px: float, tau: float, gain: float) -> Movie:
    """Contrast gain control, step by step."""
    v, a = np.zeros_like(current[0]), np.zeros_like(current[0])
    rate, out = np.float32(1 - np.exp(-DT / tau)), np.empty_like(current)
    for k, drive in enumerate(current):
        g = leak + a
        rest = amplification * drive / g
        v = rest + (v - rest) * np.exp(-DT * g)
        a += rate * (blur(gain * v * v, sigma_px) - a)
        out[k] = v
    return out


def spikes(current: Movie, leak: float, noise: float, mean: float, sd: float, seed: int) -> NDArray[np.uint8]:
    """Noisy leaky integrate-and-fire cells; at most one spike a step, refractory in whole steps."""
    rng = np.random.default_rng(seed)
    decay = np.float32(np.exp(-leak * DT))
    spread = np.float32(noise * np.sqrt(1 - decay**2))
    v, left = np.zeros_like(current[0]), np.zeros(current.shape[1:], np.float32)
    counts = np.empty(current.shape, np.uint8)
    for k, drive in enumerate(current):
        v = decay * v + (1 - decay) / leak * drive + spread * rng.standard_normal(v.shape, np.float32)
        v[left > 0] = 0
        left -= DT
        fired = v >= 1
        n = int(fired.sum())
        v[fired] = 0
        left[fired] = mean + sd * rng.standard_normal(n, np.float32)
        counts[k] = fired
    return counts


def retina(movie: Movie) -> list[NDArray[np.uint8]]:
    """Two types of noisy ganglion cells behind gain control: human parvocellular, pixels of 0.05 deg."""
    center = low_pass(movie, 0.01)
    center = blur(center - np.float32(0.8) * low_pass(center, 0.1), 1.0)
    surround = blur(low_pass(center, 0.004), 3.0)
    v = gain_control(10 / 255 * (center - surround), 50.0, 50.0, 4.0, 0.005, 100.0)
    transient = v - np.float32(0.7) * low_pass(v, 0.02)
    made = []
    for seed, sign in enumerate((1, -1)):
        drive = sign * transient
        current = np.where(drive >= 0, 37 + 100 * drive, 37**2 / (37 - 100 * np.minimum(drive, 0)))
        made.append(spikes(current.astype("f4"), 50.0, 0.1, 0.003, 0.0, seed))
    return made


def opencv_retina(movie: NDArray[np.uint8]) -> Any:
    """Parvo- and magnocellular output of OpenCV's retina for every frame, as it comes out of the box."""
    import cv2

    model = cv2.bioinspired.Retina_create(movie.shape[:0:-1])
    last = None
    for frame in movie:
        model.run(frame)
        last = model.getParvo(), model.getMagno()
    return last
