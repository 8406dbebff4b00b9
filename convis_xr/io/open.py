"""`open_stimulus`: any file that holds a stimulus, lazily."""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from dask.base import tokenize

from convis_xr import dims as names
from convis_xr.contract import AXES, check_stimulus
from convis_xr.coordinates import grid
from convis_xr.errors import ContractError, explain
from convis_xr.io import images, video
from convis_xr.io.colour import Gamma
from convis_xr.io.faults import bad_file, existing, needed
from convis_xr.io.guard import DAMAGE, guarded
from convis_xr.options import get_option
from convis_xr.sampling import Sampling
from convis_xr.scales import pixel_degrees, step_seconds
from convis_xr.units import Quantity, parse_unit

#: bytes of a block where the caller does not choose
BLOCK_BYTES = 2**22
_ENGINES = {
    "convis_video": video.SUFFIXES,
    "convis_images": images.SUFFIXES,
    "convis_npy": (".npy",),
    "convis_inr": (".inr",),
    "zarr": (".zarr", ".zarr.zip"),
    "h5netcdf": (".nc", ".nc4", ".cdf", ".h5", ".hdf5", ".hdf"),
}
#: what a reader takes besides path, dt and pixel_size
_OPTIONS = {"convis_video": {"luminance", "gamma"}, "convis_images": {"luminance", "gamma"}, "convis_npy": {"dims"}}


def open_stimulus(
    path: str | os.PathLike[str],
    *,
    dt: Any = None,
    pixel_size: Any = None,
    units: str | None = None,
    valid_range: tuple[float, float] | None = None,
    luminance: str = "rec709",
    gamma: Gamma = None,
    chunk: Any = None,
    variable: str | None = None,
    dims: tuple[str, ...] | None = None,
    engine: str | None = None,
) -> xr.DataArray:
    """Open a file as a stimulus; nothing is read but what describes it.

    Parameters
    ----------
    path : path
        zarr store, netCDF or HDF5 (.nc, .h5), .npy, film (.mp4, .avi, .gif, ...), folder of pictures or glob pattern,
        .inr.
    dt : quantity, optional
        Time step [s]. By default that of the file: a film's time stamps, the coordinate of a zarr or netCDF file;
        then that of `set_options`. A film is played at the step given here; for zarr and netCDF one that contradicts
        the file raises.
    pixel_size : quantity or pair (y, x), optional
        Pixel pitch [degree]; as ``dt``.
    units : str, optional
        Unit of the values. By default that of the file; unsigned levels of films and pictures have "1".
    valid_range : (float, float), optional
        Range of the values. By default that of the file; (0, 255) for 8-bit levels.
    luminance : {"rec709", "channels"}
        Of colour films and pictures: weigh r, g, b by Rec. 709 into one grey level (of the encoded levels, unless
        ``gamma`` is given), or keep them along ``channel``.
    gamma : float or "srgb", optional
        Make levels linear in light first; the values are then relative luminance, float32 in 0..1. For cd/m^2 see
        `convis_xr.io.to_luminance`.
    chunk : int or quantity, optional
        Samples, or time, in a block; by default about 4 MiB.
    variable : str, optional
        Which one, where a zarr or netCDF file has several.
    dims : tuple of str, optional
        Meaning of the axes of an .npy file, or of HDF5 without names; by default as of `as_stimulus`.
    engine : str, optional
        An engine of xarray's, where the name does not tell.

    Returns
    -------
    DataArray ([batch, channel,] time, y, x), dask
        A film of variable frame rate or with dropped frames keeps its time stamps, and wants `convis_xr.io.resample`
        before use.

    Raises
    ------
    FormatError
        The file is empty, truncated, of another type, or its header lies.
    ContractError
        The file holds no stimulus; scales are missing or contradict the file.
    FileNotFoundError

    Examples
    --------
    >>> from convis_xr.samples import sample
    >>> film = open_stimulus(sample("big_buck_bunny"))
    >>> film.sizes, film.dtype
    (Frozen({'time': 115, 'y': 88, 'x': 160}), dtype('uint8'))
    """
    chosen = engine or _engine(path)
    options = {"luminance": luminance, "gamma": gamma, "dims": dims}
    defaults = {"luminance": "rec709", "gamma": None, "dims": None}
    options = {key: value for key, value in options.items() if value != defaults[key]}
    if chosen.startswith("convis_"):
        film = _open_film(path, chosen, dt, pixel_size, options)
    else:
        film = _open_labelled(path, chosen, variable, dt, pixel_size, options)
    if units is not None:
        film.attrs["units"] = parse_unit(units, "units")
    if valid_range is not None:
        film.attrs["valid_range"] = valid_range
    limits: Any = film.attrs.get("valid_range")
    if np.size(limits) == 2:  # an array in netCDF; what is no range the contract refuses
        film.attrs["valid_range"] = np.asarray(limits).tolist()
    film = _checked(film, str(path))
    return chunked(film, chunk, tokenize(str(path), _changed(path), chosen, dt, pixel_size, options, variable))


def _engine(path: str | os.PathLike[str]) -> str:
    name = str(path)
    if glob.has_magic(name) and not Path(path).exists():
        return "convis_images"
    found = existing(path)
    if found.is_dir() and not any((found / mark).exists() for mark in ("zarr.json", ".zgroup", ".zmetadata")):
        return "convis_images" if found.suffix != ".zarr" else "zarr"
    if found.is_dir():
        return "zarr"
    for engine, suffixes in _ENGINES.items():
        if name.lower().endswith(suffixes):
            return engine
    known = " ".join(suffix for suffixes in _ENGINES.values() for suffix in suffixes)
    got = f"the suffix {found.suffix!r}"
    if found.suffix.lower() == ".nwb":
        cure = "cx.recordings.stimulus_of(cx.open_recording(path))"
        raise bad_file(path, "a stimulus alone", "an NWB file, which holds a recording", cure)
    raise bad_file(path, f"a file that ends with one of {known}", got, 'rename it, or say engine="..."')


def _open_film(path: Any, engine: str, dt: Any, pixel_size: Any, options: dict[str, Any]) -> xr.DataArray:
    unknown = sorted(set(options) - _OPTIONS.get(engine, set()))
    if unknown:
        raise ContractError(
            explain(unknown[0], wanted=f"nothing, for {path}", got=str(options[unknown[0]]), cure="drop it")
        )
    dataset = xr.open_dataset(path, engine=engine, dt=dt, pixel_size=pixel_size, **options)
    film: xr.DataArray = dataset["stimulus"]
    if names.TIME not in film.dims:
        film = film.expand_dims(names.TIME)
    return _labelled(film, dt, pixel_size)


def _labelled(film: xr.DataArray, dt: Any, pixel_size: Any) -> xr.DataArray:
    """Give the dimensions that have no coordinate one by what the caller, or `set_options`, says."""
    bare = {str(name): size for name, size in film.sizes.items() if name not in film.coords}
    dt = get_option("dt") if dt is None else dt
    pixel_size = get_option("pixel_size") if pixel_size is None else pixel_size
    step = None if dt is None else Quantity(step_seconds(dt), "s")
    pixel = None if pixel_size is None else Quantity(np.array(pixel_degrees(pixel_size)), "degree")
    missing = []
    if names.TIME in bare and step is None:
        missing.append('dt="40 ms"')
    if set(bare) & set(names.SPACE) and pixel is None:
        missing.append('pixel_size="0.05 deg"')
    if missing:
        scales = ", ".join(missing)
        cure = f"open_stimulus(path, {scales}), or set_options({scales})"
        raise ContractError(explain("open_stimulus", wanted="a scale", got="a file that carries none", cure=cure))
    return film.assign_coords(grid(bare, Sampling(step, pixel)))


def _open_labelled(
    path: Any, engine: str, variable: str | None, dt: Any, pixel_size: Any, options: dict[str, Any]
) -> xr.DataArray:
    axes = options.pop("dims", None)
    if options:
        name = sorted(options)[0]
        raise ContractError(explain(name, wanted=f"nothing, for {path}", got=str(options[name]), cure="drop it"))
    found = existing(path)
    try:
        dataset = xr.open_dataset(found, decode_timedelta=False, **_labelled_engine(found, engine))
    except DAMAGE as error:
        raise bad_file(path, f"a file that {engine} understands", str(error) or type(error).__name__) from error
    film = guarded(_variable(dataset, path, variable), found)
    if axes is not None or any(str(name).startswith("phony_dim") for name in film.dims):
        meaning = axes or AXES.get(film.ndim, ())
        if len(meaning) != film.ndim:
            got = f"{film.ndim} axes"
            raise ContractError(explain("dims", wanted="a name for each axis", got=got, cure="dims=(...)"))
        film = film.rename(dict(zip(film.dims, meaning, strict=True)))
    film = _labelled(film, dt, pixel_size)
    _contradiction(film, path, dt, pixel_size)
    return film


def _labelled_engine(path: Path, engine: str) -> dict[str, Any]:
    """How xarray is to open a labelled file."""
    if engine == "zarr":
        return {"engine": "zarr", "consolidated": False}
    if engine != "h5netcdf":
        return {"engine": engine}
    with path.open("rb") as file:
        if file.read(3) == b"CDF":  # netCDF before it was HDF5
            return {"engine": "scipy"}
    needed("h5netcdf", "nwb")
    # it leaves a half-opened file behind where this would fail
    needed("h5py", "nwb").File(path, "r").close()
    return {"engine": "h5netcdf", "phony_dims": "access"}


def _variable(dataset: xr.Dataset, path: Any, variable: str | None) -> xr.DataArray:
    found = sorted(str(name) for name in dataset.data_vars)
    if variable is None and len(found) == 1:
        return dataset[found[0]]
    if variable not in found:
        cure = f'variable="{found[0]}"' if found else "a file with a stimulus"
        wanted = "one variable" if variable is None else f"variable {variable!r}"
        raise ContractError(
            explain("variable", wanted=f"{wanted} in {path}", got=", ".join(found) or "none", cure=cure)
        )
    return dataset[variable]


def _contradiction(film: xr.DataArray, path: Any, dt: Any, pixel_size: Any) -> None:
    """What the caller says of a labelled file must be what its coordinates say."""
    if dt is None and pixel_size is None:
        return
    stored = Sampling.of(film)
    cure = "drop the argument; to change the grid use convis_xr.io.resample(...)"
    if dt is not None and not np.isclose(step_seconds(dt), stored.need_dt("dt"), rtol=1e-6, atol=0):
        raise ContractError(explain("dt", wanted=f"{stored.dt_s:.9g} s, as stored in {path}", got=str(dt), cure=cure))
    if pixel_size is None or stored.pixel_deg is None:
        return
    if not np.allclose(pixel_degrees(pixel_size), stored.pixel_deg, rtol=1e-6, atol=0):
        wanted = f"{stored.pixel_deg} degree, as stored in {path}"
        raise ContractError(explain("pixel_size", wanted=wanted, got=str(pixel_size), cure=cure))


def _checked(film: xr.DataArray, name: str) -> xr.DataArray:
    """Check the contract. Only uneven time is let pass: a run refuses it, and `resample` evens it out."""
    times = film.coords.get(names.TIME)
    if times is not None and "step" in times.attrs and not _even(film):
        first = check_stimulus(film.isel({names.TIME: slice(0, 1)}), name)[0]
        return film.transpose(*first.dims)
    return check_stimulus(film, name)[0]


def _even(film: xr.DataArray) -> bool:
    try:
        Sampling.of(film.coords[names.TIME])
    except ContractError:
        return False
    return True


def chunked(film: xr.DataArray, chunk: Any, token: str) -> xr.DataArray:
    """Blocks of so many samples or so much time, by default of about 4 MiB in whole chunks of the file."""
    if chunk is None:
        frame = film.dtype.itemsize * film.size // film.sizes[names.TIME]
        length = max(1, BLOCK_BYTES // frame)
        stored = film.encoding.get("preferred_chunks", {}).get(names.TIME)
        if stored:  # whole chunks of the file, so that none is read twice
            length = max(1, length // stored) * stored
    else:
        length = Sampling.of(film).steps(chunk, "chunk")
        if length < 1:
            raise ContractError(explain("chunk", wanted="at least one sample", got=str(chunk), cure='chunk="1 s"'))
    sizes = {name: (length if name == names.TIME else -1) for name in film.dims}
    return film.chunk(sizes, token=token, name_prefix="stimulus-")


def _changed(path: Any) -> Any:
    """Tells a file from one that was later written under its name."""
    if not os.path.exists(path):
        return tuple((str(found), found.stat().st_mtime_ns) for found in images.find_pictures(path))
    status = os.stat(path)
    return status.st_mtime_ns, status.st_size
