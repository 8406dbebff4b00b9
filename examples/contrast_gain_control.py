"""Contrast gain control: the answer to a grating saturates with contrast, and comes sooner.

python contrast_gain_control.py [folder for contrast_gain_control.png]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import convis_xr as cx

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
frequency = 4  # Hz
contrasts = np.array([0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0])

# one drifting grating for each contrast, side by side along `batch`; one row of pixels will do for vertical bars
gratings = [
    cx.stimuli.moving_grating(
        "1.5 s", ("0.05 deg", "3 deg"), spatial_frequency="1 cycle/deg", temporal_frequency=f"{frequency} Hz",
        contrast=contrast, dt="1 ms", pixel_size="0.05 deg",
    )
    for contrast in contrasts
]  # fmt: skip
stimulus = xr.concat(gratings, xr.Variable("batch", contrasts), combine_attrs="drop_conflicts")


def first_harmonic(trace):
    """Amplitude and phase at the grating's frequency over the last second, where the response has settled."""
    settled = trace.sel(time=slice(0.5, None))
    return 2 * (settled * np.exp(-2j * np.pi * frequency * settled.time)).mean("time")


harmonic = {}
for gain in ["0 Hz", "100 Hz"]:
    retina = cx.models.Retina("primate")
    retina.bipolar.adaptation_gain = gain
    bipolar = cx.run(retina, stimulus, outputs="bipolar").bipolar.isel(y=0).sel(x=0, method="nearest")
    harmonic[gain] = first_harmonic(bipolar)

off, on = (abs(harmonic[gain]) for gain in harmonic)
advance = np.angle(harmonic["100 Hz"] / harmonic["0 Hz"]) / (2 * np.pi * frequency) * 1e3
print("contrast  gain off  gain on  comes sooner by")
for index, contrast in enumerate(contrasts):
    print(f"{contrast:8.0%}  {off[index]:8.2f}  {on[index]:7.2f}  {advance[index]:6.1f} ms")

fig, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
axes[0].plot(100 * contrasts, off, "o--", label="gain control off")
axes[0].plot(100 * contrasts, on, "o-", label="gain control on")
axes[0].set(ylabel="first harmonic of bipolar cells [threshold = 1]", yscale="log", title="the response saturates")
axes[0].legend()
axes[1].plot(100 * contrasts, advance, "o-", color="C1")
axes[1].set(ylabel="phase advance [ms]", title="and comes sooner")
for ax in axes:
    ax.set(xlabel="contrast [%]", xscale="log")
    ax.set_xticks([2, 5, 10, 20, 50, 100], ["2", "5", "10", "20", "50", "100"])
    ax.minorticks_off()
fig.savefig(folder / "contrast_gain_control.png", dpi=110)
