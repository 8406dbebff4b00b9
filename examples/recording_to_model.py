"""From a recording to models: receptive fields, LN and LN-LN fits, scores on held-out repeats.

python recording_to_model.py [folder for session.nwb and recording_to_model.png]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
import xarray as xr

import convis_xr as cx

folder, kernels = Path(sys.argv[1] if len(sys.argv) > 1 else "."), cx.stimuli.kernels
flicker = {"size": (7, 7), "distribution": "binary", "contrast": 1, "dt": "10 ms", "pixel_size": "0.2 deg"}
segment = cx.stimuli.white_noise("5 s", seed=2, **flicker)  # shown 20 times, after 200 s that never come again
film = cx.stimuli.sequence([cx.stimuli.white_noise("200 s", seed=1, **flicker), *[segment] * 20]).rename("noise")
ends = {name: ("trial", 5.0 * np.arange(20) + at, {"units": "s"}) for name, at in [("start", 200), ("stop", 205)]}


def _models():
    subunit, pool = cx.filters.Conv3d(1, (10, 3, 3)), cx.filters.RF(1, (1, 7, 7))
    cascade = cx.models.Sequential(subunit=subunit, rectify="relu", pool=pool, spike="softplus")
    return cx.models.LN((10, 7, 7), population=False, nonlinearity="softplus"), cascade


def _predict(model, shown):
    return cx.run(model, shown).response.squeeze(["y", "x"], drop=True).assign_attrs(units="count")


(one, two), course = _models(), kernels.biphasic("15 ms", length=10, dt="10 ms")
one.conv.weight = 4 * kernels.separable(course, np.exp(-((segment.y - 0.2) ** 2 + (segment.x + 0.2) ** 2) / 0.125))
spot = kernels.difference_of_gaussians("0.12 deg", "0.3 deg", weight=0.5, size=3, pixel_size="0.2 deg")
two.subunit.weight = 10 * kernels.separable(course, spot)
two.pool.weight = 1.5 * np.exp(-(segment.y**2 + (segment.x - 0.2) ** 2) / 0.18)
one.conv.bias, two.subunit.bias, two.pool.bias = [-2.5], [-1.0], [-3.0]
rate = xr.concat([_predict(cell, film) for cell in (one, two)], xr.Variable("cell", ["linear", "subunits"]))
spikes = cx.analysis.spike_times(rate.copy(data=np.random.default_rng(3).poisson(rate)))
recording = cx.recordings.as_recording(stimulus=film, spikes=spikes, trials=xr.Dataset(ends))
cx.recordings.save(recording, folder / "session.nwb", overwrite=True)

session = cx.open_recording(folder / "session.nwb")
shown, response = cx.recordings.join(cx.recordings.stimulus_of(session), session["spikes"], cells=session["cells"])
repeats = cx.recordings.cut(session["spikes"], session["trials"], dt="10 ms", cells=session["cells"])[:, 10:]
shown, response = shown.isel(time=slice(20_000)), response.isel(time=slice(20_000))
fields = cx.analysis.receptive_field(shown, response, "100 ms", "asd")
how = {"loss": "poisson", "batch": "all", "validation": 0.2, "patience": 3, "epochs": 15}
how["optimizer"] = lambda weights: torch.optim.LBFGS(weights, max_iter=5, line_search_fn="strong_wolfe")
fitted, feve = {}, xr.DataArray(np.zeros((2, 2)), {"cell": rate.cell.values, "model": ["LN", "LN-LN"]})
for cell in feve.cell.values:
    linear, cascade = fitted[cell] = _models()
    linear.conv.weight, linear.conv.bias, cascade.pool.bias = fields.sel(cell=cell), [-1.0], [-2.0]
    cx.fit(linear, shown, response.sel(cell=cell), **how, regularizers=[cx.fitting.L2("conv.weight", 1e-3)])
    parts = cx.analysis.separability(fields.sel(cell=cell).copy(data=linear.conv.weight.detach()[0, 0]))
    scale, first = float(parts.singular_values[0]) ** 0.5, parts.sel(component=0)
    cascade.subunit.weight = scale * np.pad(first.temporal.values[:, None, None], ((0, 0), (1, 1), (1, 1)))
    cascade.pool.weight = 2 * scale * first.spatial
    cx.fit(cascade, shown, response.sel(cell=cell), **how)
    feve.loc[cell] = [cx.analysis.feve(_predict(m, segment)[10:], repeats.sel(cell=cell)) for m in fitted[cell]]

fig, axes = plt.subplots(1, 3, figsize=(13, 3.6), layout="constrained", width_ratios=[1, 1.8, 1])
fields.sel(cell="subunits", time=0.01).plot(ax=axes[0], cmap="RdBu_r", cbar_kwargs={"label": "weight [count]"})
axes[0].set(title="subunits: field, 10 ms", aspect="equal", xlabel="x [deg]", ylabel="y [deg]", xticks=[-0.6, 0, 0.6])
recorded = 100 * repeats.sel(cell="subunits").mean("repeat")[:100]  # Hz, of steps of 10 ms
axes[1].fill_between(recorded.time, recorded, color="0.85")
axes[1].plot(recorded.time, np.transpose([100 * _predict(m, segment)[10:110] for m in fitted["subunits"]]))
axes[1].set(xlabel="time in the repeat [s]", ylabel="rate [Hz]", title="subunit cell, held-out repeats", ylim=(0, 300))
axes[1].legend(["mean of 20 repeats", "LN", "LN-LN"], ncols=3, loc="upper center")
feve.to_pandas().plot.bar(ax=axes[2], rot=0, ylim=(0, 1.45), ylabel="FEVE [1]", title="explainable variance explained")
fig.savefig(folder / "recording_to_model.png", dpi=110)
