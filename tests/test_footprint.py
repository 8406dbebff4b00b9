from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convis_xr.footprint import UNKNOWN, Footprint

footprints = st.builds(
    Footprint,
    memory=st.integers(0, 99),
    tolerance=st.sampled_from([0.0, 1e-6]),
    radius=st.integers(0, 9),
    mixes_channels=st.booleans(),
)


@given(footprints, footprints, footprints)
def test_composition_is_associative_and_has_a_neutral_element(a: Footprint, b: Footprint, c: Footprint) -> None:
    assert a.then(b).then(c) == a.then(b.then(c))
    assert a.beside(b).beside(c) == a.beside(b.beside(c))
    assert a.then(Footprint()) == a == Footprint().then(a)
    assert a.beside(b) == b.beside(a)


def test_unknown_swallows_everything() -> None:
    assert Footprint(3, radius=2).then(UNKNOWN) == UNKNOWN
    assert Footprint(3, radius=2).beside(UNKNOWN) == UNKNOWN


@pytest.mark.parametrize("poles", [1, 2, 3, 6])
def test_a_decay_has_forgotten_by_then(poles: int) -> None:
    tau, dt = 0.01, 0.001
    footprint = Footprint.decay(tau, dt, poles=poles)
    lag = np.arange(10 * int(footprint.memory))
    response = np.power(lag + 1.0, poles - 1) * np.exp(-lag * dt / tau)
    assert response[int(footprint.memory) :].sum() <= 30 * footprint.tolerance * response.sum()
    assert math.isfinite(footprint.memory)


def test_no_time_constant_no_memory() -> None:
    assert Footprint.decay(0.0, 0.001) == Footprint()
