"""The progress bar of a fit, with its live loss."""

from __future__ import annotations

from convis_xr.engine.progress import Progress
from convis_xr.fitting.history import History


class FitProgress(Progress):
    """Samples per second as in a run, and the loss of the last step and of the best epoch.

    Parameters
    ----------
    total, done, pixels, wanted
        As of `Progress`.

    Examples
    --------
    >>> with FitProgress(10, 0, 4, wanted=False) as progress:
    ...     progress.tell(0.5, History(loss=[0.7]))
    ...     progress.step(10)
    """

    def tell(self, loss: float, history: History) -> None:
        """Show a loss before the next samples are counted."""
        self._bar.set_description_str(
            f"epoch {history.epochs + 1}, loss {loss:.4g} (best {history.judged(history.best):.4g})", refresh=False
        )
