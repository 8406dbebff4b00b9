"""One line of text by which our own files remember their sampling, where the format itself has no place for it.

It stands in the comment of a film and in the header of an .inr file:
``convis_xr: dt=0.04 s, pixel_size=0.1 0.1 degree``.
"""

from __future__ import annotations

import re

_NUMBER = r"([0-9.eE+-]+)"
_TAG = re.compile(rf"convis_xr:(?: dt={_NUMBER} s,?)?(?: pixel_size={_NUMBER} {_NUMBER} degree)?")


def write_tag(dt_s: float | None, pixel_deg: tuple[float, float] | None) -> str:
    """The line for a time step in s and a pixel pitch (y, x) in degree; what is None is left out.

    Examples
    --------
    >>> write_tag(0.04, (0.1, 0.1))
    'convis_xr: dt=0.04 s, pixel_size=0.1 0.1 degree'
    """
    parts = []
    if dt_s is not None:
        parts.append(f"dt={dt_s!r} s")
    if pixel_deg is not None:
        parts.append("pixel_size={!r} {!r} degree".format(*pixel_deg))
    return f"convis_xr: {', '.join(parts)}"


def read_tag(text: str) -> tuple[str | None, tuple[str, str] | None]:
    """Time step and pixel pitch (y, x), as far as they stand in a text.

    Examples
    --------
    >>> read_tag("convis_xr: dt=0.04 s, pixel_size=0.1 0.1 degree")
    ('0.04 s', ('0.1 deg', '0.1 deg'))
    >>> read_tag("filmed on a Sunday")
    (None, None)
    """
    found = _TAG.search(text)
    if found is None:
        return None, None
    dt, y, x = found.groups()
    return (f"{dt} s" if dt else None), ((f"{y} deg", f"{x} deg") if y else None)
