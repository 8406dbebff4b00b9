"""What an object is, in words and tables: text in a terminal, HTML in a notebook. Imported lazily."""

from __future__ import annotations

from convis_xr.describing.description import Description, Table
from convis_xr.describing.kinds import describe

__all__ = ["Description", "Table", "describe"]
