"""What is said of files that are not what they should be, and of packages that are not there."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from convis_xr.errors import ConvisError, FormatError, explain


def bad_file(
    path: Any, wanted: str, got: str, cure: str = "a whole file of this format, copied or written anew"
) -> FormatError:
    """A FormatError that names the file, what was expected and what was found.

    Examples
    --------
    >>> bad_file("film.mp4", "a film", "a text")
    FormatError('film.mp4: wanted a film, got a text. Cure: a whole file of this format, copied or written anew.')
    """
    return FormatError(explain(str(path), wanted=wanted, got=got, cure=cure))


def existing(path: Any) -> Path:
    """``path``, if there is something.

    Raises
    ------
    FileNotFoundError
        There is nothing.
    """
    found = Path(path)
    if not found.exists():
        raise FileNotFoundError(
            explain("path", wanted="an existing file or folder", got=f"{str(path)!r}", cure="check its spelling")
        )
    return found


def needed(module: str, extra: str) -> Any:
    """Import a package that only an extra installs.

    Raises
    ------
    ConvisError
        It is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        cure = f'pip install "convis-xr[{extra}]"'
        message = explain(module.split(".")[0], wanted="this package", got="none installed", cure=cure)
        raise ConvisError(message) from error
