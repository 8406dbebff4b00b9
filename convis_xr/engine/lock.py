"""Only one run at a time writes a store."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from convis_xr.errors import ContractError, explain


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a folder for one writer; where it is missing it is made, and taken away again if it stayed empty.

    The system holds the lock, on the folder itself: nothing lies in the store for it, and it goes with the process,
    however that ends. Where the file system knows no locks, there is none.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    ContractError
        Another run holds it.
    """
    missing = [place for place in (folder, *folder.parents) if not os.path.lexists(place)]
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
    if not folder.is_dir():  # whoever opens it says what is wrong
        yield
        return
    place = os.open(folder, os.O_RDONLY)
    try:
        _hold(place, folder)
        yield
    finally:
        os.close(place)
        with suppress(OSError):  # not empty
            for made in missing:
                made.rmdir()


def _hold(place: int, folder: Path) -> None:
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        cure = "wait until it is done, or another store="
        wanted = "a place that no other run writes to"
        raise ContractError(explain("store", wanted=wanted, got=f"{folder}, which one does", cure=cure)) from None
    except OSError:  # a file system without locks
        return
