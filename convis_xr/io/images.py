"""A folder of pictures, or a glob pattern, as a film: one file per frame, in the natural order of their names."""

from __future__ import annotations

import glob
import os
import re
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendEntrypoint

from convis_xr.errors import FormatError, explain
from convis_xr.io.colour import Colour, Gamma
from convis_xr.io.faults import bad_file, existing, needed
from convis_xr.io.frames import FrameArray, FrameReader, film_dataset, film_dims

SUFFIXES = (".png", ".pgm", ".ppm", ".pbm", ".pnm", ".bmp", ".tif", ".tiff", ".jpg", ".jpeg", ".webp")
#: Pillow's modes and what they are read as; pictures with an alpha channel must be opaque
MODES = {
    "1": ("L", "u1"),
    "L": ("L", "u1"),
    "LA": ("L", "u1"),
    "P": ("RGB", "u1"),
    "RGB": ("RGB", "u1"),
    "RGBA": ("RGB", "u1"),
    "CMYK": ("RGB", "u1"),
    "YCbCr": ("RGB", "u1"),
    "I;16": (None, "u2"),
    "I;16L": (None, "u2"),
    "I;16B": (None, "u2"),
    "I": (None, "i4"),
    "F": (None, "f4"),
}


class ImagesReader(FrameReader):
    """Reads the pictures that are asked for.

    Parameters
    ----------
    paths : sequence of Path
    shape : (y, x)
    source : dtype of the pictures
    colour : Colour
    """

    def __init__(self, paths: tuple[Path, ...], shape: tuple[int, int], source: np.dtype[Any], colour: Colour) -> None:
        self.path = paths[0].parent
        self.count = len(paths)
        self.frame_shape = colour.shape(*shape)
        self.dtype = colour.dtype(source)
        self._paths, self._shape, self._source, self._colour = paths, shape, source, colour

    def frames(self, indices: Iterable[int]) -> Iterator[np.ndarray[Any, Any]]:
        """The frames of these ascending indices, one by one."""
        for index in indices:
            picture = _load(self._paths[index], index)
            if picture.shape[:2] != self._shape or picture.dtype != self._source:
                wanted, got = f"{self._shape} {self._source}", f"{picture.shape[:2]} {picture.dtype}"
                raise bad_file(self._paths[index], f"frame {index} with {wanted}, as the first picture", got)
            yield self._colour.convert(picture)


class ImagesBackend(BackendEntrypoint):
    """``xarray.open_dataset(folder_or_pattern, engine="convis_images")``.

    Parameters
    ----------
    dt, pixel_size : quantity, optional
        Pictures have none of their own; without them the dimensions get no coordinates.
    luminance, gamma
        See `convis_xr.io.colour`.
    """

    description = "Folders of pictures as stimuli, through Pillow"
    open_dataset_parameters = ("filename_or_obj", "drop_variables", "dt", "pixel_size", "luminance", "gamma")

    def open_dataset(  # type: ignore[override]
        self,
        filename_or_obj: str | os.PathLike[str],
        *,
        drop_variables: str | Iterable[str] | None = None,
        dt: Any = None,
        pixel_size: Any = None,
        luminance: str = "rec709",
        gamma: Gamma = None,
    ) -> xr.Dataset:
        """Open a film made of pictures; reads the header of each, the pixels of none."""
        colour = Colour(luminance, gamma)
        paths = find_pictures(filename_or_obj)
        shape, source = _common(paths)
        film = FrameArray(ImagesReader(paths, shape, source, colour))
        names = film_dims(len(film.shape))
        dataset = film_dataset(film, names, dt=dt, pixel_size=pixel_size, limits=colour.limits(source))
        return dataset.drop_vars(drop_variables or [])

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """A picture, a folder with pictures, or a pattern that ends like a picture."""
        if not isinstance(filename_or_obj, str | os.PathLike):
            return False
        path = Path(filename_or_obj)
        return path.suffix.lower() in SUFFIXES or (path.is_dir() and bool(_pictures_in(path)))


def find_pictures(source: str | os.PathLike[str]) -> tuple[Path, ...]:
    """The pictures of a folder (other files in it are passed over), or all files that a pattern matches.

    Raises
    ------
    FormatError
        There is none.
    FileNotFoundError
        The folder or file does not exist.
    """
    path = Path(source)
    if glob.has_magic(str(source)) and not path.exists():
        found = [Path(match) for match in glob.glob(str(source))]
    else:
        found = _pictures_in(existing(path)) if path.is_dir() else [existing(path)]
    if not found:
        cure = "check the path; known suffixes: " + " ".join(SUFFIXES)
        raise bad_file(source, "pictures", "none", cure)
    paths = tuple(sorted(found, key=natural))
    _warn_of_gaps(paths)
    return paths


def _warn_of_gaps(paths: tuple[Path, ...]) -> None:
    """A picture that is missing in a numbered row would let all later ones come too early."""
    numbers = [int(found[-1]) for path in paths if (found := re.findall(r"\d+", path.stem))]
    steps = np.diff(numbers)
    if len(numbers) < len(paths) or not len(steps) or steps.min() < 1 or steps.min() == steps.max():
        return
    gap = int(np.flatnonzero(steps > steps.min())[0])
    got = f"{paths[gap + 1].name} after {paths[gap].name}: the film closes the gap"
    cure = "put the missing pictures back, or give the parts one by one"
    warnings.warn(explain("path", wanted="pictures numbered without gaps", got=got, cure=cure), stacklevel=4)


def natural(path: Path) -> list[tuple[int, str]]:
    """A key that sorts frame2 before frame10.

    Examples
    --------
    >>> sorted([Path("f10.png"), Path("f2.png")], key=natural)[0].name
    'f2.png'
    """
    parts = re.findall(r"\d+|\D+", path.name)
    return [(int(part), part) if part.isdigit() else (-1, part) for part in parts]


def _pictures_in(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file()]


def _common(paths: tuple[Path, ...]) -> tuple[tuple[int, int], np.dtype[Any]]:
    """Size and type of all pictures, by their headers."""
    headers = [_header(path) for path in paths]
    for path, header in zip(paths, headers, strict=True):
        if header != headers[0]:
            (shape, dtype), (first, kind) = header, headers[0]
            wanted = f"pictures of one size and type, as {paths[0].name} {first} {kind}"
            raise bad_file(path, wanted, f"{shape} {dtype}", "bring them to one size, or choose by a pattern")
    return headers[0]


def _header(path: Path) -> tuple[tuple[int, int], np.dtype[Any]]:
    image_module = needed("PIL.Image", "video")
    try:
        with image_module.open(path) as image:
            width, height = image.size
            if image.mode not in MODES:
                raise bad_file(path, f"a picture of mode {', '.join(MODES)}", image.mode)
            return (height, width), np.dtype(MODES[image.mode][1])
    except (OSError, ValueError, SyntaxError, image_module.DecompressionBombError) as error:
        raise _unreadable(path, error) from error


def _load(path: Path, index: int) -> np.ndarray[Any, Any]:
    image_module = needed("PIL.Image", "video")
    try:
        with image_module.open(path) as image:
            if image.has_transparency_data and image.convert("RGBA").getextrema()[3][0] < 255:
                raise bad_file(
                    path, f"an opaque picture for frame {index}", "a transparent one", "remove its alpha channel"
                )
            mode, dtype = MODES[image.mode]
            return np.asarray(image if mode is None else image.convert(mode)).astype(dtype, copy=False)
    except (OSError, ValueError, SyntaxError, image_module.DecompressionBombError) as error:
        raise _unreadable(path, error, f"frame {index}: ") from error


def _unreadable(path: Path, error: Exception, what: str = "") -> FormatError:
    if isinstance(error, FormatError):
        return error
    got = "no file, or an empty one" if not path.exists() or path.stat().st_size == 0 else str(error)
    return bad_file(path, f"{what}a picture that Pillow understands", got)
