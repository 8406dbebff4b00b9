"""Speed on a graphics card, beside what the card's memory and arithmetic would allow: ``python benchmarks/gpu.py``.

Ends with an error where there is no card, and where the tests of the same kernels do not pass on it. Every rate is of
float32, in billions of pixels and steps per second, by the fastest of some rounds after a first one that compiles.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

import convis_xr as cx
from convis_xr.context import InputInfo
from convis_xr.kernels.gain_control import gain_control
from convis_xr.kernels.gaussian import gaussian_blur
from convis_xr.kernels.lif import noisy_lif
from convis_xr.kernels.philox import key_of
from convis_xr.kernels.recursion import low_pass

ROOT = Path(__file__).parent.parent
TESTS = ["tests/kernels/test_replay.py", "tests/kernels/test_precision.py", "tests/engine/test_transfer.py"]
#: what the floors stand on: an H100's memory and its float32 arithmetic without tensor cores
BYTES_PER_S, FLOPS_PER_S = 4.3e12, 67e12
ROUNDS = 5
INFO = InputInfo(cx.Sampling("1 ms", "0.1 deg"), "1", (0, 255))
CAT = {"input_amplification": 100.0, "g_leak": 5.0, "tau": 0.01, "gain": 100.0}


class Work(NamedTuple):
    """What is timed, and the least that it costs: bytes of input and output, and the sums and products of its blurs."""

    name: str
    samples: int
    bytes: float
    flops: float
    run: Callable[[], object]

    def row(self, seconds: float) -> dict[str, Any]:
        """Rate, and the part of the time that the card's limits alone would take."""
        floor = max(self.bytes / BYTES_PER_S, self.flops / FLOPS_PER_S)
        return {
            "work": self.name,
            "Gpx/s": self.samples / 1e9 / seconds,
            "seconds": seconds,
            "of the floor": floor / seconds,
        }


def kernels(device: torch.device, batch: int, size: int, steps: int) -> list[Work]:
    """Single operations on a float32 movie that is on the device."""
    shape = (batch, 1, steps, size, size)
    x = torch.rand(shape, device=device)
    zeros = torch.zeros_like(x[:, :, 0])
    n = x.numel()
    lif = {"g_leak": 50.0, "noise": 0.1, "refractory_mean": 0.003, "refractory_sd": 0.001}
    return [
        Work("low-pass", n, 8 * n, 0, lambda: low_pass(x, zeros, 0.01, 0.001)),
        Work("Gaussian, sigma 2.5 px", n, 8 * n, 0, lambda: gaussian_blur(x, (2.5, 2.5))),
        Work(
            "LIF with noise", n, 5 * n, 0,
            lambda: noisy_lif(60 * x, (zeros, zeros), **lif, dt=0.001, key=key_of(0, "lif")),
        ),
    ]  # fmt: skip


def gain_controlled(device: torch.device, batch: int, size: int, steps: int) -> Work:
    """The gain control alone; its blur counts as two products with dense matrices, which the issue reckons with."""
    x = torch.rand(batch, 1, steps, size, size, device=device)
    zeros = torch.zeros_like(x[:, :, 0])
    state = (zeros, zeros)
    return Work(
        f"gain control, {size} x {size} x {batch}", x.numel(), 8 * x.numel(), 4 * size * x.numel(),
        lambda: gain_control(x, state, **CAT, sigma_px=(2.5, 2.5), dt=0.001, with_adaptation=False),
    )  # fmt: skip


def retina(device: torch.device, batch: int, size: int, steps: int, gain: str) -> Work:
    """The retina with one type of cell, frames of a byte a pixel on the device, spikes of a byte."""
    model = cx.models.Retina("human_parvo")
    model.bipolar.adaptation_gain = gain
    model = model.to(device)
    frames = torch.randint(0, 256, (batch, 1, steps, size, size), dtype=torch.uint8, device=device)

    def run() -> object:
        with torch.no_grad():
            return model.advance(model.new_context(INFO), frames, torch.float32)

    kind = "gain control" if gain[0] != "0" else "linear-nonlinear"
    return Work(f"retina, {kind}, {size} x {size} x {batch}", frames.numel(), 2 * frames.numel(), 0, run)


def end_to_end(device: torch.device, batch: int, size: int, steps: int) -> Work:
    """A run from bytes in the host's memory to spikes there: the floor is that of the card, not of the bus."""
    model = cx.models.Retina("human_parvo")
    model.bipolar.adaptation_gain = "0 Hz"
    model = model.to(device)
    values = np.random.default_rng(0).integers(0, 256, (batch, steps, size, size), dtype="u1")
    film = cx.as_stimulus(
        values, dt="1 ms", pixel_size="0.1 deg", units="1", valid_range=(0, 255), dims=("batch", "time", "y", "x")
    )
    chunk = max(1, steps // 8)
    return Work(
        f"run, host to host, {size} x {size} x {batch}", values.size, 2 * values.size, 0,
        lambda: cx.run(model, film, chunk=chunk, progress=False),
    )  # fmt: skip


def measured(work: Work, device: torch.device, rounds: int = ROUNDS) -> dict[str, Any]:
    """The fastest round."""
    times = []
    for _ in range(rounds + 1):
        synchronize(device)
        start = time.perf_counter()
        work.run()
        synchronize(device)
        times.append(time.perf_counter() - start)
    return work.row(min(times[1:]))


def synchronize(device: torch.device) -> None:
    """Wait for all that has been launched."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def bus(device: torch.device, size: int = 2**28) -> float:
    """Bytes per s from the host's memory to the card."""
    values = torch.empty(size, dtype=torch.uint8).pin_memory()
    work = Work("bus", size, 0, 0, lambda: values.to(device, non_blocking=True))
    return size / measured(work, device)["seconds"]


def tests_pass() -> bool:
    """The tests of the kernels that are timed, in a process of their own, on this very card."""
    files = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests/kernels").glob("*/test_triton.py")) + TESTS
    return (
        subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:benchmark", *files], cwd=ROOT).returncode == 0
    )


def main() -> int:
    """Check, measure, print, and write JSON where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the rows there, too")
    where = parser.parse_args().json
    if not torch.cuda.is_available():
        print("no card: torch finds no CUDA device, so nothing is measured", file=sys.stderr)
        return 2
    if not tests_pass():
        print("refused: the tests of these kernels do not pass on this card", file=sys.stderr)
        return 1
    device = torch.device("cuda")
    facts = {"card": torch.cuda.get_device_name(device), "torch": torch.__version__, "bus, GB/s": bus(device) / 1e9}
    print(*(f"{name}: {value}" for name, value in facts.items()), sep="\n")
    rows = []
    for make in (
        lambda: kernels(device, 16, 256, 200),
        lambda: [gain_controlled(device, 132, 128, 200)],
        lambda: [gain_controlled(device, 16, 256, 200)],
        lambda: [retina(device, 16, 256, 200, "0 Hz")],
        lambda: [retina(device, 132, 128, 200, "100 Hz")],
        lambda: [end_to_end(device, 16, 256, 800)],
    ):
        for work in make():
            rows.append(measured(work, device))
            print(
                f"{rows[-1]['Gpx/s']:8.2f} Gpx/s  {rows[-1]['of the floor']:6.1%} of the floor  {work.name}", flush=True
            )
        torch.cuda.empty_cache()
    if where is not None:
        where.write_text(json.dumps({**facts, "rows": rows}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
