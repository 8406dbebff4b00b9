"""The decorators of every compiled loop, so that all are compiled by the same rules.

numba's cache on disk looks at the file that a loop stands in, not at the files of what the loop calls: a change there
would go unnoticed, and old code would run. So the cache is stamped with the state of all kernels' files.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

_STAMP = tuple(
    (str(path), (found := path.stat()).st_mtime_ns, found.st_size)
    for path in sorted(Path(__file__).parent.rglob("*.py"))
)


def _decorator(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    decorate = numba.njit(cache=True, nogil=True, error_model="numpy", **options)

    def compile_and_keep(function: Callable[..., Any]) -> Any:
        dispatcher = decorate(function)
        dispatcher._cache._cache_file._source_stamp = _STAMP
        return dispatcher

    return compile_and_keep


#: Compiled once and kept on disk; runs without the interpreter lock; division by zero gives inf as in numpy.
#: Strict arithmetic: a value does not depend on its place in a vector, so any cut of the work gives the same bits.
compiled = _decorator()

#: As `compiled`, but a product and a sum may be fused into one rounding. Twice as fast where arithmetic is the limit,
#: and allowed only where the length of the inner loop does not depend on how the work is cut.
compiled_fused = _decorator(fastmath={"contract"})

#: As `compiled`, for the small parts of inner loops: a call that stays a call keeps its loop from being vectorised.
compiled_inline = _decorator(forceinline=True)
