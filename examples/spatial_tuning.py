"""Spatial frequency tuning of parvo and magno cells, from drifting gratings.

python spatial_tuning.py [folder for spatial_tuning.png]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import convis_xr as cx

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
frequencies = cx.units.Quantity(np.geomspace(0.25, 8, 11), "cycle/degree")

# a strip of 6 deg, as fine as the foveal centres (0.03 deg) ask for; the cell in the middle, the last two cycles
retina = cx.models.Retina("primate", ganglion=["parvo_on", "magno_on"])
tuning = cx.analysis.spatial_frequency_tuning(
    retina, frequencies, temporal_frequency="4 Hz", contrast=0.1, size=(1, "6 deg"), settle="0.25 s", cycles=2,
    cells=[("0 deg", "0.01 deg")], outputs=["parvo_on_current", "magno_on_current"], dt="1 ms", pixel_size="0.02 deg",
)  # fmt: skip

fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for name, curves in tuning.children.items():
    curve, best = curves["F1"].squeeze("cell"), curves["preferred_spatial_frequency"].item()
    left = float(curve[-1] / curve.max())
    print(f"{name}: best at {best:.2f} cycle/deg, {float(curve.max()):.1f} Hz; at 8 cycle/deg {left:.1%} of it is left")
    label = f"{name.removesuffix('_current')}, best {float(curve.max()):.0f} Hz"
    ax.plot(curve.spatial_frequency, curve / curve.max(), "o-", label=label)
ax.set(
    xscale="log", xlabel="spatial frequency [cycle/deg]", ylabel="first harmonic of the current, relative to the best",
    ylim=(0, 1.05), title="gratings of 10 % contrast, drifting at 4 Hz",
)  # fmt: skip
ax.set_xticks([0.25, 0.5, 1, 2, 4, 8], ["0.25", "0.5", "1", "2", "4", "8"])
ax.minorticks_off()
ax.legend()
fig.savefig(folder / "spatial_tuning.png", dpi=110)
