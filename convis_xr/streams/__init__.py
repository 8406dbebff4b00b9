"""Endless sources: cameras, sockets, generators. Imported lazily."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convis_xr.lazy import attach

if TYPE_CHECKING:
    from convis_xr.streams.socket import send as send
    from convis_xr.streams.stream import Stream as Stream

_WHERE = {"Stream": "stream", "send": "socket"}

__all__ = ["Stream", "send"]


__getattr__, __dir__ = attach(__name__, _WHERE)
