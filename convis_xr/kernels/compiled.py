"""The decorators of every compiled loop, so that all are compiled by the same rules.

numba keeps compiled code in ``__pycache__`` and compiles anew when the file of the function has changed. It does not
see a change in another file whose functions are called: after such an edit remove
``convis_xr/kernels/**/__pycache__/*.nb?``.
"""

from __future__ import annotations

import numba

#: Compiled once and kept on disk; runs without the interpreter lock; division by zero gives inf as in numpy.
#: Strict arithmetic: a value does not depend on its place in a vector, so any cut of the work gives the same bits.
compiled = numba.njit(cache=True, nogil=True, error_model="numpy")

#: As `compiled`, but a product and a sum may be fused into one rounding. Twice as fast where arithmetic is the limit,
#: and allowed only where the length of the inner loop does not depend on how the work is cut.
compiled_fused = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})

#: As `compiled`, for the small parts of inner loops: a call that stays a call keeps its loop from being vectorised.
compiled_inline = numba.njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
