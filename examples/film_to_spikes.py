"""A film through the primate retina, out of core, and where its cells fired.

python film_to_spikes.py [folder for response.zarr and film_to_spikes.png]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt

import convis_xr as cx

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")

# 24 frames per second, 88 x 160 pixels of 0.1 deg; nothing is read yet
film = cx.open_stimulus(cx.sample("big_buck_bunny"))  # (c) 2008 Blender Foundation, www.bigbuckbunny.org, CC BY 3.0
film = cx.io.resample(film, dt="1 ms", pixel_size="0.2 deg")  # each frame is held, every four pixels become one

retina = cx.models.Retina("primate")  # parvo and magno cells, ON and OFF
response = cx.run(retina, film, start="2 s", stop="3 s", store=folder / "response.zarr", resume=True)

rates = response.mean("time") / response.convis.sampling.dt_s
for name, rate in rates.items():
    rate.attrs = {"long_name": "rate", "units": "Hz"}
    print(f"{name:<10} {float(rate.mean()):5.1f} Hz on average, {float(rate.max()):3.0f} Hz at most")

events = response.convis.spikes()["magno_on"]  # a table: when and where each spike fell
print(f"magno_on   {events.sizes['event']} spikes, the first at {float(events.time[0]):.3f} s")

seen = film.sel(time=slice(2, 3)).mean("time").assign_attrs(long_name="level")
fig, axes = plt.subplots(2, 3, figsize=(13, 5.6), layout="constrained")
seen.plot(ax=axes[0, 0], cmap="gray")
axes[0, 0].set_title("the film, mean over 1 s")
for ax, name in zip(axes[:, 1:].T.flat, ["parvo_on", "parvo_off", "magno_on", "magno_off"], strict=True):
    rates[name].plot(ax=ax, cmap="magma", vmin=0)
    ax.set_title(name)
population = response.mean(("y", "x")).coarsen(time=20).mean() / response.convis.sampling.dt_s
for name in ["parvo_on", "magno_on", "magno_off"]:
    population[name].plot(ax=axes[1, 0], label=name)
axes[1, 0].set(ylabel="mean rate [Hz]", ylim=(0, None), title="all cells of a type, in 20 ms")
axes[1, 0].legend()
for ax in [axes[0, 0], *axes[:, 1:].flat]:
    ax.set_aspect("equal")
fig.savefig(folder / "film_to_spikes.png", dpi=110)
