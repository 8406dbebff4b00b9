"""The soft ceiling of VirtualRetina's static nonlinearities."""

from __future__ import annotations

#: Hz
CEILING = 5e5
