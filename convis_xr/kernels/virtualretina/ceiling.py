"""The soft ceiling of VirtualRetina's static nonlinearities.

Of ganglion cells it holds for the whole current, ``i0 + y/(1 + y/(5e5 - i0))``: with 5e5 in the place of 5e5 - i0 the
currents of magnocellular cells are 1e-7 off what the simulator gives, else 2e-8, to which its numbers were rounded.
"""

from __future__ import annotations

#: Hz
CEILING = 5e5
