"""The decorators of every compiled loop, so that all are compiled by the same rules, and a way to hear of compiling.

numba's cache on disk looks at the file that a loop stands in, not at the files of what the loop calls: a change there
would go unnoticed, and old code would run. So the cache is stamped with the state of all kernels' files. It lies in
``__pycache__`` beside them, or in the user's own cache folder where that cannot be written to; where neither can,
nothing is kept, with a warning. Compiling needs no compiler on the machine: numba brings its own.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core import event

_PACKAGE = __name__.partition(".")[0]
_STAMP = tuple(
    (str(path), (found := path.stat()).st_mtime_ns, found.st_size)
    for path in sorted(Path(__file__).parent.rglob("*.py"))
)


@contextmanager
def compiling(tell: Callable[[str], None]) -> Iterator[None]:
    """Hear of every loop that is compiled within the block, by any thread; what is found on disk is not compiled.

    Parameters
    ----------
    tell : callable
        Is given the loop's full name before it is compiled. Parts that numba itself needs are passed over.

    Examples
    --------
    >>> with compiling(print):
    ...     pass  # a run that finds all of its kernels on disk
    """
    with event.install_listener("numba:compile", _Listener(tell)):
        yield


class _Listener(event.Listener):  # type: ignore[misc]
    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell

    def on_start(self, event: Any) -> None:
        function = event.data["dispatcher"].py_func
        if function.__module__.partition(".")[0] == _PACKAGE:
            self._tell(f"{function.__module__}.{function.__qualname__}")

    def on_end(self, event: Any) -> None:
        """Nothing is to be told."""


def _decorator(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    decorate = numba.njit(nogil=True, error_model="numpy", **options)

    def compile_and_keep(function: Callable[..., Any]) -> Any:
        dispatcher = decorate(function)
        try:
            dispatcher.enable_caching()
        except RuntimeError:  # numba finds no folder that can be written to
            _warn_of_no_cache()
        else:
            dispatcher._cache._cache_file._source_stamp = _STAMP
        return dispatcher

    return compile_and_keep


@cache
def _warn_of_no_cache() -> None:
    """Once in a process: what every run then pays, and the cure."""
    message = (
        "compiled kernels cannot be kept: neither the package's folder nor the user's cache folder can be written to, "
        "so that every process compiles anew; set NUMBA_CACHE_DIR to a folder that can"
    )
    warnings.warn(message, stacklevel=2)


#: Compiled once and kept on disk; runs without the interpreter lock; division by zero gives inf as in numpy.
#: Strict arithmetic: a value does not depend on its place in a vector, so any cut of the work gives the same bits.
compiled = _decorator()

#: As `compiled`, but a product and a sum may be fused into one rounding. Twice as fast where arithmetic is the limit,
#: and allowed only where the length of the inner loop does not depend on how the work is cut.
compiled_fused = _decorator(fastmath={"contract"})

#: As `compiled`, for the small parts of inner loops: a call that stays a call keeps its loop from being vectorised.
compiled_inline = _decorator(forceinline=True)
