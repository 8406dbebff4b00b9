"""Models that run in a thread of their own while others look on. Imported lazily."""

from __future__ import annotations

from convis_xr.background.runner import Runner

__all__ = ["Runner"]
