"""The integrate-and-fire cell in torch, on any device: all cells at once, one step after the other.

Cells that fire are followed through the rest of their step together, one spike per pass.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..philox import steps as philox
from .membrane import BRIDGE, CERTAIN, MOST, NOISE, REFRACTORY, Events, Membrane, Source, overflow, span_of


def noisy_lif(
    current: Tensor,
    potential: Tensor,
    refractory: Tensor,
    cells: Tensor,
    membrane: Membrane,
    source: Source,
    events: list[Events] | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute what ``reference.noisy_lif`` defines, for a current (batch, channel, time, y, x)."""
    counts = torch.zeros(current.shape, dtype=torch.uint8, device=current.device)
    v, left, cell = potential.flatten(), refractory.flatten(), cells.flatten()
    for k, drive in enumerate(current.unbind(2)):
        step = _Step(drive.flatten(), cell, membrane, source, source.step + k)
        count, v, left, failed = step.take(v, left)
        if failed.numel():
            i = int(failed[0])
            where = tuple(int(n) for n in torch.unravel_index(torch.tensor(i), cells.shape))
            raise overflow(where, source.step + k, float(step.drive[i]), membrane)
        counts[:, :, k] = count.view(cells.shape)
        if events is not None:
            events += step.events
    return counts, v.view(cells.shape), left.view(cells.shape)


@dataclass
class _Step:
    """One step of all cells (cell,)."""

    drive: Tensor
    cells: Tensor
    membrane: Membrane
    source: Source
    now: int
    events: list[Events] = field(default_factory=list)

    def take(self, v: Tensor, left: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return counts, membranes, refractory times, and the cells whose counts overflow."""
        whole = span_of(self.membrane, self.membrane.dt)
        noise = self._draw(NOISE, 0, slice(None))
        new = v * whole.decay + self.drive * whole.gain + whole.spread * noise
        asleep = left >= self.membrane.dt
        near = (1 - v) * (1 - new) < whole.bridge * CERTAIN * 1.001
        busy = (~asleep & (near | (new >= 1) | (v >= 1) | (left > 0))).nonzero().squeeze(1)
        counts = torch.zeros(v.shape, dtype=torch.uint8, device=v.device)
        out, rest = torch.where(asleep, 0, new), torch.where(asleep, left - self.membrane.dt, 0)
        if not busy.numel():
            return counts, out, rest, busy
        late = left[busy] > 0
        h = (self.membrane.dt - left[busy]).double()
        start = torch.where(late, 0, v[busy]).double()
        end = torch.where(late, self._move(start, noise[busy], h, busy), new[busy].double())
        failed = self._follow(busy, start, end, h, counts, out, rest)
        return counts, out, rest, failed

    def _follow(
        self, at: Tensor, v: Tensor, end: Tensor, h: Tensor, counts: Tensor, out: Tensor, rest: Tensor
    ) -> Tensor:
        """Follow cells through their spikes, writing to the last three; what is left after the last one overflows."""
        for span in range(MOST + 1):
            fires = (v >= 1) | (end >= 1)
            crossed = ~fires & self._crossed(v, end, h, span, at)
            fires = (fires | crossed) & ~end.isnan()
            done = at[~fires]
            out[done], rest[done] = end[~fires].to(out.dtype), 0
            at, v, end, h = at[fires], v[fires], torch.where(crossed, 2 - end, end)[fires], h[fires]
            if span == MOST or not at.numel():
                break
            h = h - self._crossing_time(v, end, h)
            counts[at] += 1
            self.events.append(Events(at, torch.full_like(at, self.now), self.membrane.dt - h))
            quiet = torch.full_like(h, self.membrane.refractory_mean)
            if self.membrane.refractory_sd > 0:
                quiet = (quiet + self.membrane.refractory_sd * self._draw(REFRACTORY, span, at).double()).clamp(min=0)
            over = quiet >= h
            out[at[over]], rest[at[over]] = 0, (quiet - h)[over].to(rest.dtype)
            at, h = at[~over], (h - quiet)[~over]
            v = torch.zeros_like(h)
            end = self._move(v, self._draw(NOISE, span + 1, at), h, at)
        return at

    def _draw(self, stream: int, span: int, at: Tensor | slice) -> Tensor:
        cells = self.cells[at]
        if stream == NOISE and self.membrane.noise == 0:
            return torch.zeros(cells.shape, dtype=self.drive.dtype, device=cells.device)
        draw = philox.uniform if stream == BRIDGE else philox.normal
        key, _, repeat = self.source
        return draw(cells, key=key, step=self.now, stream=stream, span=span, repeat=repeat, dtype=self.drive.dtype)

    def _move(self, v: Tensor, noise: Tensor, h: Tensor, at: Tensor) -> Tensor:
        """Return where membranes are after times h."""
        x = self.membrane.g_leak * h
        gain = -torch.expm1(-x) / self.membrane.g_leak if self.membrane.g_leak > 0 else h
        spread = self.membrane.noise * (-torch.expm1(-2 * x)).sqrt()
        return v * (-x).exp() + self.drive[at].double() * gain + spread * noise.double()

    def _crossed(self, v: Tensor, end: Tensor, h: Tensor, span: int, at: Tensor) -> Tensor:
        """Say which membranes, below threshold at both ends of a span, crossed it within."""
        if self.membrane.noise == 0 or self.membrane.g_leak == 0:
            return torch.zeros(v.shape, dtype=torch.bool, device=v.device)
        bridge = self.membrane.noise**2 * (self.membrane.g_leak * h).clamp(max=700.0).sinh()
        return self._draw(BRIDGE, span, at).double() < (-(1 - v) * (1 - end) / bridge).exp()

    def _crossing_time(self, v: Tensor, end: Tensor, h: Tensor) -> Tensor:
        x = self.membrane.g_leak * h
        if self.membrane.g_leak == 0:
            time = h * (1 - v) / (end - v)
        else:
            part = -torch.expm1(-x) * (1 - v) / ((end - 1) + (-x).exp() * (1 - v))
            time = torch.minimum(h, torch.log1p(part) / self.membrane.g_leak)
        return torch.where(v >= 1, 0, time)
