"""The progress bar of a run."""

from __future__ import annotations

from types import TracebackType

from tqdm import tqdm

from convis_xr.options import get_option


class _Bar(tqdm):  # type: ignore[misc]
    """tqdm without its monitoring thread: a run leaves no thread behind."""

    monitor_interval = 0


class Progress:
    """Samples per second and millions of pixels per second, where standard error is a terminal.

    Parameters
    ----------
    total, done : int
        Samples in all, and those that an earlier run has done.
    pixels : int
        Values in one sample.
    wanted : bool
        False: silent anyway, as with ``set_options(progress=False)``.

    Examples
    --------
    >>> with Progress(10, 0, 4, wanted=False) as progress:
    ...     progress.step(10)
    """

    def __init__(self, total: int, done: int, pixels: int, wanted: bool) -> None:
        shown = wanted and get_option("progress")
        self._bar = _Bar(total=total, initial=done, unit="samples", unit_scale=True, disable=None if shown else True)
        self._pixels = pixels

    def __enter__(self) -> Progress:
        return self

    def step(self, samples: int) -> None:
        """So many samples more are done."""
        rate = self._bar.format_dict.get("rate") if not self._bar.disable else None
        if rate:
            self._bar.set_postfix_str(f"{rate * self._pixels / 1e6:.3g} Mpx/s", refresh=False)
        self._bar.update(samples)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()
