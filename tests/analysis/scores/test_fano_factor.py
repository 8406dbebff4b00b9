"""Variance over mean, against plain numpy and processes that are known."""

from __future__ import annotations

import numpy as np
import pytest

import convis_xr as cx
from tests.analysis.scores.simulated import over_time


@pytest.mark.parametrize("lazy", [False, True])
def test_with_numpy(lazy: bool) -> None:
    values = np.random.default_rng(1).poisson(0.8, (5, 23, 2)).astype(float)
    values[0, 5, 0] = np.nan
    values[1:, 8:12, 1] = np.nan
    response = over_time(values, ("repeat", "time", "cell"))
    got = cx.analysis.fano_factor(response.chunk(time=7) if lazy else response, "40 ms")
    assert (got.chunks is not None) == lazy
    got = got.compute()
    for cell in range(2):
        for at in range(5):
            sums = values[:, 4 * at : 4 * at + 4, cell].sum(1)
            sums = sums[~np.isnan(sums)]
            wanted = sums.var(ddof=1) / sums.mean() if len(sums) > 1 else np.nan
            np.testing.assert_allclose(got[at, cell], wanted)
    windows = values[2, :20, 0].reshape(5, 4).sum(1)
    one = cx.analysis.fano_factor(response[2], "40 ms")
    assert one.dims == ("cell",)
    assert float(one[0]) == pytest.approx(windows.var(ddof=1) / windows.mean())


def test_poisson_clock_and_silence() -> None:
    rng = np.random.default_rng(2)
    cells = np.stack([rng.poisson(0.4, (40, 2000)), np.tile([0, 1], (40, 1000)), np.zeros((40, 2000))], -1)
    response = over_time(cells, ("repeat", "time", "cell"))
    factors = cx.analysis.fano_factor(response, "0.1 s").mean("time")
    assert float(factors[0]) == pytest.approx(1.0, abs=0.05)
    assert float(factors[1]) == 0
    assert np.isnan(factors[2])
    hertz = (response / 0.01).assign_attrs(units="Hz")
    np.testing.assert_allclose(cx.analysis.fano_factor(hertz, "0.1 s").mean("time"), factors)
