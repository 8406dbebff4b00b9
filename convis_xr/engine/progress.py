"""What a run tells while it works: its progress bar, and that kernels are being compiled."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from tqdm import tqdm

from convis_xr.kernels.compiled import compiling
from convis_xr.options import get_option

#: is told at level INFO
LOG = logging.getLogger("convis_xr.compiling")
COMPILING = "convis_xr: compiling kernels for this machine (once, about 15 s)"


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


@contextmanager
def compiling_told(wanted: bool) -> Iterator[None]:
    """Say once when kernels have to be compiled within the block: it takes a while, and happens before the bar moves.

    It goes to the logger `LOG`. Where nobody has asked for that, it is shown where the progress bar would be.

    Parameters
    ----------
    wanted : bool
        False: only the logger is told.

    Examples
    --------
    >>> with compiling_told(wanted=False):
    ...     pass
    """
    told: list[str] = []

    def tell(name: str) -> None:
        if told:
            return
        told.append(name)
        if LOG.isEnabledFor(logging.INFO) and LOG.hasHandlers():
            LOG.info(COMPILING)
        elif wanted and get_option("progress") and sys.stderr is not None and sys.stderr.isatty():
            tqdm.write(COMPILING, file=sys.stderr)

    with compiling(tell):
        yield
