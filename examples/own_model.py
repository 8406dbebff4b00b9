"""A model of your own: physical parameters, gradients through them, and a file that keeps them.

python own_model.py [folder for own_model.json and own_model.png]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import torch

import convis_xr as cx

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")


class Cell(cx.Layer):
    """Blur, low-pass, undershoot, and a gain of our own."""

    units_out = "Hz"

    def __init__(self, sigma="0.1 deg", tau="10 ms", gain="80 Hz"):
        super().__init__()
        self.blur = cx.filters.Gaussian(sigma)
        self.smooth = cx.filters.LowPass(tau)
        self.undershoot = cx.filters.PartialHighPass("100 ms", weight=0.8)
        self.gain = cx.Parameter(gain, "rate", bounds=("0 Hz", None), doc="for a relative luminance of 1")

    def forward(self, x):
        """Firing rate for a tensor (batch, channel, time, y, x)."""
        return self.gain * torch.relu(self.undershoot(self.smooth(self.blur(x))))


checkers = {"checker_size": "0.3 deg", "refresh": "20 ms", "dt": "1 ms", "pixel_size": "0.1 deg"}
flicker = cx.stimuli.random_checker("0.3 s", "0.9 deg", seed=1, **checkers)
truth = {"gain": 120, "smooth.tau": 0.03, "blur.sigma": 0.15}
recorded = Cell(sigma="0.15 deg", tau="30 ms", gain="120 Hz")(flicker)  # labels in, labels out: as if measured

model = Cell()
stride = {"gain": 4.0, "smooth.tau": 2e-3, "blur.sigma": 6e-3}  # of a step: parameters are held in Hz, s, deg
optimizer = torch.optim.Adam([{"params": [model.p[path]], "lr": stride[path]} for path in stride], betas=(0.5, 0.9))
x, wanted = flicker.convis.to_tensor(), recorded.convis.to_tensor()
history = {"loss": []} | {path: [] for path in stride}
with cx.set_options(dt="1 ms", pixel_size="0.1 deg"):  # the scale of tensors, which have no labels
    for _ in range(40):
        model.clear_state()  # each pass starts anew
        loss = ((model(x) - wanted) ** 2).mean()  # tensor in, tensor out, differentiable down to the parameters
        optimizer.zero_grad()
        loss.backward()
        for path, values in history.items():
            values.append(loss.item() if path == "loss" else float(model.p[path]))
        optimizer.step()
print(f"loss {history['loss'][0]:.3g} -> {history['loss'][-1]:.3g} Hz^2")

model.save_parameters(folder / "own_model.json")  # with their units
again = Cell()
again.load_parameters(folder / "own_model.json")
print(again.gain, again.smooth.tau, again.blur.sigma, sep="\n")

fig, axes = plt.subplots(1, 4, figsize=(13, 3.2), layout="constrained")
for ax, (path, values), unit in zip(axes, history.items(), ["Hz²", "Hz", "s", "deg"], strict=True):
    ax.plot(values)
    ax.axhline(truth.get(path, float("nan")), color="gray", linestyle=":")
    ax.set(xlabel="step", ylabel=f"{path} [{unit}]", yscale="log" if path == "loss" else "linear")
fig.savefig(folder / "own_model.png", dpi=110)
