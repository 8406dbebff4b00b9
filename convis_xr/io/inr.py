"""Inrimage-4 files (.inr), in which VirtualRetina keeps films and maps.

A text header, filled up to a multiple of 256 bytes, then the numbers: the components (VDIM) of a pixel together,
pixels along x, rows along y, and planes (ZDIM) one after the other, which are the frames.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendEntrypoint

from convis_xr.errors import FormatError
from convis_xr.io.faults import bad_file, existing
from convis_xr.io.flat import FlatArray
from convis_xr.io.frames import film_dataset, film_dims
from convis_xr.io.tag import read_tag

MAGIC = b"#INRIMAGE-4#{"
END = b"##}\n"
BLOCK = 256
#: by TYPE and bits
TYPES = {
    ("unsigned fixed", 8): "u1",
    ("unsigned fixed", 16): "u2",
    ("unsigned fixed", 32): "u4",
    ("signed fixed", 8): "i1",
    ("signed fixed", 16): "i2",
    ("signed fixed", 32): "i4",
    ("float", 32): "f4",
    ("float", 64): "f8",
}
ORDERS = {"decm": "<", "alpha": "<", "pc": "<", "sun": ">", "sgi": ">"}


class InrBackend(BackendEntrypoint):
    """``xarray.open_dataset(path, engine="convis_inr")``: ZDIM is time, VDIM (above 1) channels.

    Parameters
    ----------
    dt, pixel_size : quantity, optional
        By default as our own writer noted them in the file; without, the dimensions get no coordinates.
    """

    description = "Inrimage-4 files (.inr) as stimuli"
    open_dataset_parameters = ("filename_or_obj", "drop_variables", "dt", "pixel_size")

    def open_dataset(  # type: ignore[override]
        self,
        filename_or_obj: str | os.PathLike[str],
        *,
        drop_variables: str | Iterable[str] | None = None,
        dt: Any = None,
        pixel_size: Any = None,
    ) -> xr.Dataset:
        """Open an image sequence, lazily."""
        path = existing(filename_or_obj)
        header, offset = _header(path)
        fields = dict(re.findall(r"^\s*(\w+)\s*=\s*(.*?)\s*$", header, re.MULTILINE))
        dtype = _dtype(path, fields)
        x, y, z, v = (_number(path, fields, name) for name in ("XDIM", "YDIM", "ZDIM", "VDIM"))
        data = FlatArray(
            path, dtype, (z, y, x, v) if v > 1 else (z, y, x), offset, "C", (3, 0, 1, 2) if v > 1 else None
        )
        noted_dt, noted_pixel = read_tag(header)
        dataset = film_dataset(
            data,
            film_dims(len(data.shape)),
            dt=dt if dt is not None else noted_dt,
            pixel_size=pixel_size if pixel_size is not None else noted_pixel,
            limits=(0.0, 255.0) if data.dtype == np.uint8 else None,
        )
        return dataset.drop_vars(drop_variables or [])

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """By the name."""
        return isinstance(filename_or_obj, str | os.PathLike) and Path(filename_or_obj).suffix.lower() == ".inr"


def _header(path: Path) -> tuple[str, int]:
    """The header's text, and where the data begin."""
    text = b""
    with path.open("rb") as file:
        while END not in text:
            block = file.read(BLOCK)
            text += block
            if not text.startswith(MAGIC):
                raise bad_file(path, f"an Inrimage-4 file, beginning with {MAGIC.decode()}", f"{text[:16]!r}")
            if len(block) < BLOCK or len(text) > 64 * BLOCK:
                raise bad_file(
                    path, f"a header in blocks of {BLOCK} bytes that ends with ##}}", f"{len(text)} bytes without"
                )
    return text.decode("latin-1"), len(text)


def _number(path: Path, fields: dict[str, str], name: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", fields.get(name, "")):
        raise bad_file(path, f"{name}=number in its header", fields.get(name, "none"))
    return int(fields[name])


def _dtype(path: Path, fields: dict[str, str]) -> np.dtype[Any]:
    kind, size, cpu = fields.get("TYPE", ""), fields.get("PIXSIZE", ""), fields.get("CPU", "decm")
    bits = re.fullmatch(r"([0-9]+)\s*bits?", size)
    code = TYPES.get((kind, int(bits[1]))) if bits else None
    if code is None or cpu not in ORDERS:
        fault: FormatError = bad_file(path, "a TYPE, PIXSIZE and CPU of Inrimage-4", f"{kind!r}, {size!r}, {cpu!r}")
        raise fault
    if fields.get("SCALE", "2**0") != "2**0":
        raise bad_file(path, "SCALE=2**0", fields["SCALE"])
    return np.dtype(ORDERS[cpu] + code)
