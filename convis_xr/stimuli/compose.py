"""Put stimuli together: over each other, one after the other, masked, with a border or a grey lead-in.

Everything stays lazy. Stimuli that are put together must agree in unit, range, sampling and coordinates: nothing is
converted or resampled behind one's back.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.contract import check_stimulus, valid_range
from convis_xr.coordinates import grid, space
from convis_xr.errors import ContractError, explain, explain_all
from convis_xr.sampling import Sampling, dequantified
from convis_xr.scales import whole
from convis_xr.stimuli.agreement import need_space, raise_unless_alike, space_faults, start_of
from convis_xr.stimuli.levels import floating, grey_level, lazy_data, mean_and_contrast, within
from convis_xr.stimuli.plane import pair, step_count
from convis_xr.units import factor, is_bare, magnitude


def overlay(below: xr.DataArray, above: xr.DataArray, *, mask: xr.DataArray | None = None) -> xr.DataArray:
    """One stimulus over another.

    Parameters
    ----------
    below, above : DataArray [units]
        Two stimuli with the same coordinates, unit and range.
    mask : DataArray (y, x) [1], optional
        1 where ``above`` is seen, 0 where ``below`` is, between them a mixture (see `masks`). Without one the
        deviations from the mean, which must be the same, add up, as two gratings make a plaid.

    Returns
    -------
    DataArray [units]

    Raises
    ------
    ContractError
        They do not agree, or the sum of their contrasts would leave the range.

    Examples
    --------
    >>> import convis_xr as cx
    >>> with cx.set_options(dt="1 ms", pixel_size="0.1 deg"):
    ...     grey, flash = cx.stimuli.uniform(5, 4), cx.stimuli.uniform(5, 4, contrast=1)
    ...     half = overlay(grey, flash, mask=cx.stimuli.masks.half_plane(4))
    >>> half[0, 0].values.tolist()
    [0.5, 0.5, 1.0, 1.0]
    """
    (a, _), (b, _) = check_stimulus(below, "below"), check_stimulus(above, "above")
    raise_unless_alike(a, b, ("below", "above"))
    dtype = np.promote_types(floating(a.dtype), floating(b.dtype))
    low, top = lazy_data(a).astype(dtype), lazy_data(b).astype(dtype)
    if mask is not None:
        data, described = low + (top - low) * _mask_values(a, mask, dtype), _common_attrs([a, b])
    else:
        mean, contrast = _summed(a, b)
        data, described = low + (top - dtype.type(mean)), {**_common_attrs([a, b]), "contrast": contrast}
    kept = within(data, valid_range(a))
    return xr.DataArray(kept, a.coords, a.dims, a.name, {"long_name": "overlay", **described})


def apply_mask(stimulus: xr.DataArray, mask: xr.DataArray, *, value: Any = None) -> xr.DataArray:
    """Show a stimulus through a mask.

    Parameters
    ----------
    stimulus : DataArray [units]
        Any stimulus with y and x.
    mask : DataArray (y, x) [1]
        1 where the stimulus is seen, 0 where ``value`` is, see `masks`.
    value : float or quantity, optional
        What is seen elsewhere, in the stimulus' units; by default its mean.

    Returns
    -------
    DataArray [units]

    Raises
    ------
    ContractError
        The mask has other coordinates or values outside 0 to 1, or ``value`` is outside the range.

    Examples
    --------
    >>> import convis_xr as cx
    >>> with cx.set_options(dt="1 ms", pixel_size="0.1 deg"):
    ...     shown = apply_mask(cx.stimuli.uniform(2, 4, contrast=1), cx.stimuli.masks.half_plane(4), value=0)
    >>> shown[0, 0].values.tolist()
    [0.0, 0.0, 1.0, 1.0]
    """
    array, _ = check_stimulus(stimulus)
    dtype = floating(array.dtype)
    level = dtype.type(grey_level(array.astype(dtype), value, "value"))
    shown = level + (lazy_data(array).astype(dtype) - level) * _mask_values(array, mask, dtype)
    return array.copy(data=within(shown, valid_range(array)))


def sequence(stimuli: Iterable[xr.DataArray], *, gap: Any = None, value: Any = None) -> xr.DataArray:
    """Stimuli one after the other, on one time axis that goes on from the first.

    Parameters
    ----------
    stimuli : iterable of DataArray [units]
        At least one. They agree in all but their length.
    gap : quantity or int, optional
        Grey time between them; a bare int is samples.
    value : float or quantity, optional
        The grey, in the stimuli's units; by default the mean of the first.

    Returns
    -------
    DataArray [units]

    Raises
    ------
    ContractError
        They do not agree in unit, range, sampling or frame.

    Examples
    --------
    >>> import convis_xr as cx
    >>> with cx.set_options(dt="1 ms", pixel_size="0.1 deg"):
    ...     parts = [cx.stimuli.uniform(2, 1, contrast=1), cx.stimuli.uniform(1, 1, contrast=-1)]
    >>> both = sequence(parts, gap="1 ms")
    >>> both.values.ravel().tolist(), both["time"].values.tolist()
    ([1.0, 1.0, 0.5, 0.0], [0.0, 0.001, 0.002, 0.003])
    """
    listed = (
        list(stimuli) if isinstance(stimuli, Iterable) and not isinstance(stimuli, xr.DataArray | xr.Dataset) else []
    )
    if not listed:
        cure = "sequence([first, second])"
        raise ContractError(explain("stimuli", wanted="a list of stimuli", got=type(stimuli).__name__, cure=cure))
    checked = [check_stimulus(stimulus, f"stimuli[{k}]") for k, stimulus in enumerate(listed)]
    (first, sampling), arrays = checked[0], [array for array, _ in checked]
    for k, array in enumerate(arrays[1:], 1):
        raise_unless_alike(first, array, ("stimuli[0]", f"stimuli[{k}]"), same_time=False)
    parts = [lazy_data(first)]
    pause = 0 if gap is None else step_count(gap, sampling, "gap")
    for array in arrays[1:]:
        parts += [_grey(first, pause, value)] if pause else []
        parts.append(lazy_data(array))
    described = first.attrs if len(arrays) == 1 else {"long_name": "sequence", **_common_attrs(arrays)}
    return _joined(first, sampling, parts, described)


def lead_in(stimulus: xr.DataArray, duration: Any, *, value: Any = None) -> xr.DataArray:
    """Grey before a stimulus, which then begins later (its first label is that of the grey).

    Parameters
    ----------
    stimulus : DataArray [units]
        Any stimulus.
    duration : quantity or int
        Of the grey; a bare int is samples.
    value : float or quantity, optional
        The grey, in the stimulus' units; by default its mean.

    Returns
    -------
    DataArray [units]

    Examples
    --------
    >>> import convis_xr as cx
    >>> flash = cx.stimuli.impulse(2, 1, dt="1 ms", pixel_size="0.1 deg")
    >>> lead_in(flash, "2 ms").values.ravel().tolist()
    [0.5, 0.5, 1.0, 0.5]
    """
    array, sampling = check_stimulus(stimulus)
    steps = step_count(duration, sampling, "duration")
    parts = [_grey(array, steps, value)] if steps else []
    return _joined(array, sampling, [*parts, lazy_data(array)], array.attrs)


def lead_out(stimulus: xr.DataArray, duration: Any, *, value: Any = None) -> xr.DataArray:
    """Grey after a stimulus.

    Parameters
    ----------
    stimulus, duration, value
        As in `lead_in`.

    Returns
    -------
    DataArray [units]

    Examples
    --------
    >>> import convis_xr as cx
    >>> flash = cx.stimuli.impulse(2, 1, dt="1 ms", pixel_size="0.1 deg")
    >>> lead_out(flash, 1, value=0).values.ravel().tolist()
    [1.0, 0.5, 0.0]
    """
    array, sampling = check_stimulus(stimulus)
    steps = step_count(duration, sampling, "duration")
    parts = [_grey(array, steps, value)] if steps else []
    return _joined(array, sampling, [lazy_data(array), *parts], array.attrs)


def border(stimulus: xr.DataArray, width: Any, *, value: Any = None) -> xr.DataArray:
    """Add a uniform border on all sides; the coordinates go on outwards.

    Parameters
    ----------
    stimulus : DataArray [units]
        Any stimulus with y and x.
    width : quantity, int or pair (y, x)
        Of the border; bare ints are pixels, quantities are visual angles.
    value : float or quantity, optional
        Its value, in the stimulus' units; by default the stimulus' mean.

    Returns
    -------
    DataArray [units]

    Examples
    --------
    >>> import convis_xr as cx
    >>> spot = cx.stimuli.uniform(1, 1, contrast=1, dt="1 ms", pixel_size="0.1 deg")
    >>> border(spot, (0, 1), value=0).values.tolist()
    [[[0.0, 1.0, 0.0]]]
    """
    array, sampling = check_stimulus(stimulus)
    need_space(array)
    pitches = sampling.need_pixel("width")
    widths = [
        whole(side, "width", "angle") if is_bare(side) else round(magnitude(side, "angle", "width") / pitch)
        for side, pitch in zip(pair(width), pitches, strict=True)
    ]
    if min(widths) < 0:
        raise ContractError(explain("width", wanted="no negative width", got=str(width), cure='width="0.5 deg"'))
    around = dict(zip(dims.SPACE, widths, strict=True))
    level = array.dtype.type(grey_level(array, value, "value"))
    pads = [(around.get(str(dim), 0),) * 2 for dim in array.dims]
    data = lazy_data(array).rechunk({array.dims.index(dim): -1 for dim in dims.SPACE})
    chunks = tuple((size[0] + 2 * pad[0],) if pad[0] else size for size, pad in zip(data.chunks, pads, strict=True))
    padded = data.map_blocks(
        partial(np.pad, pad_width=pads, constant_values=level), chunks=chunks, dtype=array.dtype, meta=data._meta
    )
    kept = {name: values for name, values in array.coords.items() if not set(values.dims) & set(dims.SPACE)}
    wider = xr.DataArray(padded, kept, array.dims, array.name, array.attrs)
    return wider.assign_coords(
        {dim: _extended(array, dim, around[dim], pitch) for dim, pitch in zip(dims.SPACE, pitches, strict=True)}
    )


def _extended(array: xr.DataArray, dim: str, width: int, pitch: float) -> xr.Variable:
    """The coordinate of ``dim`` with ``width`` more places at both ends [degree]."""
    size = array.sizes[dim]
    scale = factor(str(array[dim].attrs["units"]), "degree", dim)
    middle = float(array[dim].values.astype(np.float64).mean()) * scale
    variable = space(dim, size + 2 * width, -pitch if dim == dims.Y else pitch)
    return variable if abs(middle) < 1e-9 else variable.copy(data=variable.values + middle)


def _grey(like: xr.DataArray, steps: int, value: Any) -> Any:
    """Uniform data, ``steps`` long, cut as ``like`` is."""
    data, axis = lazy_data(like), like.dims.index(dims.TIME)
    shape, chunks = list(data.shape), list(data.chunks)
    shape[axis], chunks[axis] = steps, min(steps, max(data.chunks[axis]))
    return da.full(tuple(shape), grey_level(like, value, "value"), dtype=like.dtype, chunks=tuple(chunks))


def _joined(first: xr.DataArray, sampling: Sampling, parts: list[Any], attrs: dict[Any, Any]) -> xr.DataArray:
    axis = first.dims.index(dims.TIME)
    data = da.concatenate(parts, axis=axis) if len(parts) > 1 else parts[0]
    kept = {name: values for name, values in first.coords.items() if dims.TIME not in values.dims}
    joined = xr.DataArray(data, kept, first.dims, first.name, attrs)
    return joined.assign_coords(grid({dims.TIME: data.shape[axis]}, sampling, start=start_of(first)))


def _common_attrs(arrays: list[xr.DataArray]) -> dict[str, Any]:
    """Unit and range, and the mean and greatest contrast where all of them tell the same mean."""
    first = arrays[0].attrs
    kept = {name: first[name] for name in ("units", "valid_range") if name in first}
    if all("mean" in array.attrs and "contrast" in array.attrs for array in arrays):
        means = [float(array.attrs["mean"]) for array in arrays]
        if np.allclose(means, means[0], rtol=1e-6, atol=0):
            kept |= {"mean": means[0], "contrast": max(float(array.attrs["contrast"]) for array in arrays)}
    return kept


def _summed(a: xr.DataArray, b: xr.DataArray) -> tuple[float, float]:
    (mean, contrast), (other, further) = mean_and_contrast(a, "below"), mean_and_contrast(b, "above")
    if not np.isclose(mean, other, rtol=1e-6, atol=0):
        cure = f"set_contrast(above, ..., mean={mean:g}), or a mask"
        raise ContractError(explain("above", wanted=f"the mean of below, {mean:g}", got=f"{other:g}", cure=cure))
    low, high = valid_range(a) or (-np.inf, np.inf)
    total = contrast + further
    slack = 1e-6 * mean
    if mean * (1 - total) < low - slack or mean * (1 + total) > high + slack:
        got = f"contrasts {contrast:g} and {further:g}, together {total:g}"
        cure = "set_contrast(...) of each to half, or a mask"
        raise ContractError(explain("overlay", wanted=f"values in ({low:g}, {high:g})", got=got, cure=cure))
    return mean, total


def _mask_values(array: xr.DataArray, mask: Any, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """The mask's values in the order of ``array``'s last two axes."""
    need_space(array)
    if not isinstance(mask, xr.DataArray) or set(mask.dims) != set(dims.SPACE):
        got = str(mask.dims) if isinstance(mask, xr.DataArray) else type(mask).__name__
        raise ContractError(explain("mask", wanted="a DataArray (y, x)", got=got, cure="one of stimuli.masks"))
    ordered = dequantified(mask).transpose(*dims.SPACE)
    if dims.Y in ordered.coords and ordered.sizes[dims.Y] > 1 and ordered[dims.Y][0] < ordered[dims.Y][-1]:
        ordered = ordered.isel({dims.Y: slice(None, None, -1)})
    faults = space_faults(array, ordered)
    values = np.asarray(ordered.values, dtype=dtype)
    if not ((values >= 0) & (values <= 1)).all():
        faults.append(explain("values", wanted="numbers from 0 to 1", got="others", cure="mask.clip(0, 1)"))
    if faults:
        raise ContractError(explain_all("mask", faults))
    return values
