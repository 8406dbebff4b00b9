from __future__ import annotations

import numpy as np
import pytest

from convis_xr import ContractError, Sampling, UnitError
from convis_xr.stimuli import plane
from convis_xr.units import Quantity


def test_pairs() -> None:
    assert plane.pair("1 deg") == ("1 deg", "1 deg")
    assert plane.pair(["1 deg", 2]) == ("1 deg", 2)
    y, x = plane.pair(Quantity(np.array([1.0, 2.0]), "degree"))
    assert (y, x) == (Quantity(1.0, "degree"), Quantity(2.0, "degree"))


def test_a_size_in_degrees_uses_the_pitch_of_its_own_axis() -> None:
    sampling = Sampling(pixel_size=("0.2 deg", "0.1 deg"))
    assert plane.pixel_counts("2 deg", sampling) == (10, 20)
    assert plane.pixel_counts(Quantity(np.array([1.0, 2.0]), "degree"), sampling) == (5, 20)


@pytest.mark.parametrize("size", ["0 deg", (3, 0), -1, True, None, "3"])
def test_sizes_that_are_none(size: object) -> None:
    with pytest.raises((ContractError, UnitError), match="size"):
        plane.pixel_counts(size, Sampling(pixel_size="0.1 deg"))


def test_bounds() -> None:
    assert plane.at_least("0 deg", "angle", "a") == 0.0
    with pytest.raises(ContractError, match="a: wanted more than 0"):
        plane.at_least("0 deg", "angle", "a", above=True)
    with pytest.raises(ContractError, match="p: wanted a probability"):
        plane.probability(1.1)
    with pytest.raises(ContractError, match="one of 'a', 'b'"):
        plane.choice(3, ("a", "b"), "kind")


@pytest.mark.parametrize("seed", [0, 2**64 - 1, np.int64(7)])
def test_seeds(seed: object) -> None:
    assert plane.seed_number(seed) == int(seed)


@pytest.mark.parametrize("seed", [True, "1", None, -1, 2**64, 0.5])
def test_seeds_that_are_none(seed: object) -> None:
    with pytest.raises(ContractError, match="seed"):
        plane.seed_number(seed)


def test_values_in_units() -> None:
    assert plane.in_units(0.5, "1", "mean") == 0.5
    assert plane.in_units("10 cd/m^2", "cd/m^2", "mean") == 10.0
    with pytest.raises(UnitError, match=r'units="cd/m\^2"'):
        plane.in_units("10 cd/m^2", "1", "mean")
    with pytest.raises(UnitError, match="mean"):
        plane.in_units(10, "cd/m^2", "mean")
    with pytest.raises(UnitError, match="units"):
        plane.in_units(10, "mV", "mean")
