"""Write a film as a folder of pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from convis_xr.contract import check_stimulus
from convis_xr.errors import ContractError, explain
from convis_xr.io.faults import needed
from convis_xr.io.streaming import blocks, levels, pictures, whole_file

_LOSSLESS = {".png": "PNG", ".pgm": "PPM", ".ppm": "PPM", ".tif": "TIFF", ".bmp": "BMP"}


def to_images(
    stimulus: Any,
    path: str | os.PathLike[str],
    *,
    suffix: str = ".png",
    valid_range: tuple[float, float] | None = None,
    overwrite: bool = False,
) -> None:
    """Write a folder of pictures, ``frame_00000000.png`` and so on; time step and pixel pitch are not kept.

    Parameters
    ----------
    stimulus : DataArray ([channel,] time, y, x)
        8-bit levels are written as they are, 16-bit grey too (.png, .tif); all else is scaled to 8 bits.
    path : path
        The folder.
    suffix : {".png", ".pgm", ".ppm", ".tif", ".bmp"}
        Lossless, all of them.
    valid_range : (float, float), optional
        The values that become black and white; by default that of the stimulus.
    overwrite : bool
        Replace the folder.

    Raises
    ------
    ContractError
        No film, values out of range, or an unknown suffix.
    FileExistsError
        There is a folder of this name.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from convis_xr.contract import as_stimulus
    >>> film = as_stimulus(np.zeros((2, 8, 8), np.uint8), dt="40 ms", pixel_size="0.1 deg", units="1")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_images(film, Path(folder) / "film")
    ...     sorted(file.name for file in Path(folder, "film").iterdir())
    ['frame_00000000.png', 'frame_00000001.png']
    """
    film = pictures(check_stimulus(stimulus)[0])
    if suffix not in _LOSSLESS or (film.ndim == 4 and suffix == ".pgm"):
        wanted = f"one of {', '.join(_LOSSLESS)} (.pgm for grey only)"
        raise ContractError(explain("suffix", wanted=wanted, got=repr(suffix), cure='suffix=".png"'))
    image_module = needed("PIL.Image", "video")
    with whole_file(path, overwrite) as folder:
        folder.mkdir()
        for index, picture in enumerate(_pictures(film, suffix, valid_range)):
            image_module.fromarray(picture).save(folder / f"frame_{index:08d}{suffix}", format=_LOSSLESS[suffix])


def _pictures(film: xr.DataArray, suffix: str, limits: tuple[float, float] | None) -> Iterator[np.ndarray[Any, Any]]:
    deep = film.dtype == np.uint16 and film.ndim == 3 and limits is None and suffix in (".png", ".tif")
    for block in blocks(film) if deep else levels(film, limits):
        for index in range(block.shape[-3]):
            yield np.ascontiguousarray(block[index] if block.ndim == 3 else np.moveaxis(block[:, index], 0, -1))
