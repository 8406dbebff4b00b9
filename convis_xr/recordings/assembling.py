"""`as_recording`: a recording of parts that are at hand."""

from __future__ import annotations

from typing import Any

import xarray as xr

from convis_xr import dims
from convis_xr.contract import check_stimulus
from convis_xr.errors import ContractError, explain
from convis_xr.recordings.forms import cell_table, check_all_known, check_spikes, recording_tree
from convis_xr.recordings.repeats import ENDS
from convis_xr.recordings.times import seconds


def as_recording(
    *,
    stimulus: xr.DataArray | dict[str, xr.DataArray] | None = None,
    spikes: Any = None,
    cells: Any = None,
    trials: Any = None,
    electrodes: xr.Dataset | None = None,
    attrs: dict[str, Any] | None = None,
) -> xr.DataTree:
    """Put parts together as `open_recording` gives them: a simulated recording, or one from a format of your own.

    Parameters
    ----------
    stimulus : DataArray (time, ...) or dict of these by name, optional
    spikes : Dataset (event), optional
        ``time`` [time], and the coordinate ``cell``.
    cells : sequence of labels, or Dataset (cell), optional
        By default all that spike.
    trials : Dataset (trial), optional
        ``start`` and ``stop`` [time]; other columns are conditions.
    electrodes : Dataset (electrode), optional
    attrs : dict, optional
        Of the session: ``identifier``, ``session_description``, ``session_start_time`` (ISO 8601), ...

    Returns
    -------
    DataTree

    Raises
    ------
    ContractError
        A part is not of its form.

    Examples
    --------
    >>> import convis_xr as cx
    >>> list(as_recording(spikes=cx.recordings.spike_table({"a": [0.1]})).children)
    ['spikes', 'cells']
    """
    if isinstance(stimulus, xr.DataArray):
        stimulus = {str(stimulus.name or "stimulus"): stimulus}
    stimuli = {name: check_stimulus(film, name)[0] for name, film in (stimulus or {}).items()}
    table, known = (None, None) if spikes is None else _spikes(spikes, cells)
    if electrodes is not None and dims.ELECTRODE not in electrodes.dims:
        got, cure = f"{dict(electrodes.sizes)}", 'xr.Dataset({"x": ("electrode", ...)})'
        raise ContractError(explain("electrodes", wanted="a Dataset over electrode", got=got, cure=cure))
    rows = None if trials is None else _trials(trials)
    return recording_tree(stimuli=stimuli, attrs=attrs, spikes=table, cells=known, trials=rows, electrodes=electrodes)


def _spikes(spikes: Any, cells: Any) -> tuple[xr.Dataset, xr.Dataset]:
    checked = check_spikes(spikes)
    table = cell_table(cells, checked)
    check_all_known(checked, table)
    coords = {dims.CELL: (dims.EVENT, checked.cell)}
    if checked.repeat is not None:
        coords[dims.REPEAT] = (dims.EVENT, checked.repeat)
    attrs = {"units": "s", "long_name": "time of the spike"}
    rows = xr.Dataset({dims.TIME: (dims.EVENT, checked.times, attrs)}, coords)
    return rows, table.set_coords(list(table.data_vars))


def _trials(trials: Any) -> xr.Dataset:
    if not isinstance(trials, xr.Dataset) or not set(ENDS) <= set(trials.variables):
        got, cure = type(trials).__name__, 'xr.Dataset({"start": ("trial", ...), "stop": ("trial", ...)})'
        raise ContractError(explain("trials", wanted="a table with start and stop [s]", got=got, cure=cure))
    ends = {name: (trials[name].dims, seconds(trials[name], f"trials[{name!r}]"), {"units": "s"}) for name in ENDS}
    table = trials.assign(ends)
    return table if dims.TRIAL in table.coords else table.assign_coords({dims.TRIAL: range(table.sizes[dims.TRIAL])})
