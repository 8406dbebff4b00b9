"""`raster`: spikes one by one."""

from __future__ import annotations

import holoviews as hv
import numpy as np
import xarray as xr

from convis_xr import dims
from convis_xr.errors import ContractError, explain
from convis_xr.event_table import is_event_table
from convis_xr.plotting.backend import BLUE, FONT_SIZES, FRAME_HEIGHT, styled
from convis_xr.plotting.labels import TIME

_CELL = hv.Dimension("cells, by place")


def raster(times: xr.DataArray, *, events: int = 20_000) -> hv.Points:
    """A point for each spike of a table of exact times: time across, a row for each cell (and trial).

    Parameters
    ----------
    times : DataArray (event) [s]
        An output ``<name>_times`` of a run, with its coordinates.
    events : int
        Only the first ones are read and shown.

    Returns
    -------
    holoviews.Points

    Raises
    ------
    ContractError
        No table of events.

    Examples
    --------
    >>> import convis_xr as cx
    >>> current = cx.as_stimulus(np.full((30, 2, 2), 200.0), dt="1 ms", pixel_size="1 deg", units="Hz")
    >>> response = cx.run(cx.spiking.NoisyLIF(noise=0.0), current, outputs=["times"])
    >>> len(raster(response.times)), len(set(raster(response.times).dimension_values(1)))
    (12, 4)
    """
    if not is_event_table(times):
        cure = 'outputs=["parvo_on_times"] when you run'
        raise ContractError(explain("raster", wanted="a table of events", got=str(times.dims), cure=cure))
    shown = times[:events].load()
    own = {dims.TIME, f"{times.dims[0]}_{dims.TIME}"}
    places = [value.values for name, value in shown.coords.items() if name not in own and value.dims == shown.dims]
    row = np.unique(np.stack(places), axis=1, return_inverse=True)[1].reshape(-1) if places else np.zeros(shown.size)
    return styled(
        hv.Points((shown.values, row), [TIME, _CELL], label=str(times.name)),
        {"color": BLUE, "fontsize": FONT_SIZES},
        bokeh={"frame_height": FRAME_HEIGHT, "frame_width": 420, "size": 2},
        matplotlib={"aspect": 1.9, "s": 2},
    )
