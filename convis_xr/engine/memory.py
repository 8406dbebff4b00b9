"""What this process holds, what the machine has left, and giving back what the allocator keeps."""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from pathlib import Path

_STATM = Path("/proc/self/statm")
_MEMINFO = Path("/proc/meminfo")


def resident_bytes() -> int:
    """Bytes of memory that this process occupies now (where the system does not tell: the most it has occupied).

    Examples
    --------
    >>> resident_bytes() > 2**20
    True
    """
    if _STATM.exists():
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return reached_bytes()


def reached_bytes() -> int:
    """The most bytes of memory that this process has occupied so far.

    Examples
    --------
    >>> reached_bytes() > 2**20
    True
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, Linux KiB


def available_bytes() -> int:
    """Bytes of memory that can still be taken without swapping (where the system does not tell: all of its memory)."""
    if _MEMINFO.exists():
        rows = dict(row.split(":", 1) for row in _MEMINFO.read_text().splitlines())
        if "MemAvailable" in rows:
            return int(rows["MemAvailable"].split()[0]) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


class Keeper:
    """Makes the allocator give freed memory back once the process holds more than it should.

    glibc keeps what each thread has freed, in case that thread asks again: with blocks of some megabytes, and the
    threads of reader, writer and zarr, that is several times what is in use. Giving all of it back each time would be
    slow, since the pages have to be fetched anew.

    Parameters
    ----------
    limit : int
        Bytes of the whole process from which on memory is given back.
    margin : int
        Where others hold more than the limit: bytes by which the process must have grown since the last time.

    Examples
    --------
    >>> Keeper(limit=2**40, margin=2**20).look()
    """

    def __init__(self, limit: int, margin: int) -> None:
        self._limit, self._margin = limit, margin
        self._trim = getattr(ctypes.CDLL(None), "malloc_trim", None)

    def look(self) -> None:
        """Give back if it is time to."""
        if self._trim is not None and resident_bytes() > self._limit:
            self._trim(0)
            self._limit = max(self._limit, resident_bytes() + self._margin)


def shown_bytes(count: float) -> str:
    """A number of bytes for people.

    Examples
    --------
    >>> shown_bytes(1536), shown_bytes(3 * 2**30)
    ('1.5 KiB', '3 GiB')
    """
    size, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1024 and len(units) > 1:
        size, units = size / 1024, units[1:]
    return f"{size:.3g} {units[0]}" if size < 1000 else f"{size:.0f} {units[0]}"
