"""Stimuli in physical units: lazy generators, masks, kernels, and their composition.

Every generator is a pure function of the absolute sample, so what it gives depends on no chunking, and nothing is
computed until it is read. Names are imported when they are first used.

Examples
--------
>>> import convis_xr as cx
>>> grating = cx.stimuli.moving_grating(
...     "1 s", (20, 30), spatial_frequency="0.5 cycle/deg", temporal_frequency="4 Hz", dt="1 ms", pixel_size="0.1 deg"
... )
>>> dict(grating.sizes)
{'time': 1000, 'y': 20, 'x': 30}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convis_xr.lazy import attach

if TYPE_CHECKING:
    from convis_xr.stimuli import compose, kernels, masks
    from convis_xr.stimuli.bars import moving_bar
    from convis_xr.stimuli.canvas import Canvas
    from convis_xr.stimuli.compose import apply_mask, border, lead_in, lead_out, overlay, sequence
    from convis_xr.stimuli.flashes import impulse, pulse, step, uniform
    from convis_xr.stimuli.gaze import eye_movements
    from convis_xr.stimuli.gratings import counterphase_grating, moving_grating
    from convis_xr.stimuli.levels import in_luminance, set_contrast
    from convis_xr.stimuli.moving import move
    from convis_xr.stimuli.noise import random_checker, sparse_noise, white_noise
    from convis_xr.stimuli.samples import SampleGenerator, generate_sample_data
    from convis_xr.stimuli.sweeps import chirp, contrast_sweep, frequency_sweep
    from convis_xr.stimuli.windows import moving_window, random_walk, straight_path

_MODULES = ("compose", "kernels", "masks")
_HOME = {
    "Canvas": "canvas",
    "SampleGenerator": "samples",
    "apply_mask": "compose",
    "border": "compose",
    "chirp": "sweeps",
    "contrast_sweep": "sweeps",
    "counterphase_grating": "gratings",
    "eye_movements": "gaze",
    "frequency_sweep": "sweeps",
    "generate_sample_data": "samples",
    "impulse": "flashes",
    "in_luminance": "levels",
    "lead_in": "compose",
    "lead_out": "compose",
    "move": "moving",
    "moving_bar": "bars",
    "moving_grating": "gratings",
    "moving_window": "windows",
    "overlay": "compose",
    "pulse": "flashes",
    "random_checker": "noise",
    "random_walk": "windows",
    "sequence": "compose",
    "set_contrast": "levels",
    "sparse_noise": "noise",
    "step": "flashes",
    "straight_path": "windows",
    "uniform": "flashes",
    "white_noise": "noise",
}

__all__ = [
    "Canvas",
    "SampleGenerator",
    "apply_mask",
    "border",
    "chirp",
    "compose",
    "contrast_sweep",
    "counterphase_grating",
    "eye_movements",
    "frequency_sweep",
    "generate_sample_data",
    "impulse",
    "in_luminance",
    "kernels",
    "lead_in",
    "lead_out",
    "masks",
    "move",
    "moving_bar",
    "moving_grating",
    "moving_window",
    "overlay",
    "pulse",
    "random_checker",
    "random_walk",
    "sequence",
    "set_contrast",
    "sparse_noise",
    "step",
    "straight_path",
    "uniform",
    "white_noise",
]


__getattr__, __dir__ = attach(__name__, _HOME, _MODULES)
