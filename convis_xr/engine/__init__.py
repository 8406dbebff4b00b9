"""The engine: runs a model over data of any length in bounded memory."""

from convis_xr.engine.runner import plan, run

__all__ = ["plan", "run"]
