"""Spatial frequency tuning of parvo and magno cells, from drifting gratings.

python spatial_tuning.py [folder for spatial_tuning.png]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import convis_xr as cx

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
drift = 4  # Hz
frequencies = np.geomspace(0.25, 8, 11)  # cycle/deg

# a strip of 6 deg, as fine as the foveal centres (0.03 deg) ask for; one grating for each entry of `batch`
gratings = [
    cx.stimuli.moving_grating(
        "0.75 s", (1, "6 deg"), spatial_frequency=f"{frequency} cycle/deg", temporal_frequency=f"{drift} Hz",
        contrast=0.1, dt="1 ms", pixel_size="0.02 deg",
    )
    for frequency in frequencies
]  # fmt: skip
stimulus = xr.concat(gratings, xr.Variable("batch", frequencies), combine_attrs="drop_conflicts")

retina = cx.models.Retina("primate", ganglion=["parvo_on", "magno_on"])
currents = cx.run(retina, stimulus, outputs=["parvo_on_current", "magno_on_current"])

# amplitude at the drift frequency of the cell in the middle, over the last two cycles
middle = currents.isel(y=0).sel(x=0, method="nearest").sel(time=slice(0.25, None))
tuning = 2 * abs((middle * np.exp(-2j * np.pi * drift * middle.time)).mean("time"))

for name, curve in tuning.items():
    best = float(curve.idxmax("batch"))
    print(f"{name}: best at {best:.2f} cycle/deg, {float(curve.max()):.1f} Hz; "
          f"at {frequencies[-1]:g} cycle/deg {float(curve[-1] / curve.max()):.1%} of it is left")  # fmt: skip

fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for name, curve in tuning.items():
    best = f"{name.removesuffix('_current')}, best {float(curve.max()):.0f} Hz"
    ax.plot(frequencies, curve / curve.max(), "o-", label=best)
ax.set(
    xscale="log", xlabel="spatial frequency [cycle/deg]", ylabel="first harmonic of the current, relative to the best",
    ylim=(0, 1.05), title=f"gratings of 10 % contrast, drifting at {drift} Hz",
)  # fmt: skip
ax.set_xticks([0.25, 0.5, 1, 2, 4, 8], ["0.25", "0.5", "1", "2", "4", "8"])
ax.minorticks_off()
ax.legend()
fig.savefig(folder / "spatial_tuning.png", dpi=110)
