from __future__ import annotations

import numpy as np
import pytest

from convis_xr import ContractError, UnitError, set_options, stimuli


@pytest.fixture(autouse=True)
def sampling():
    with set_options(dt="1 ms", pixel_size="0.1 deg"):
        yield


def checkers(duration: object = "100 ms", size: object = (10, 20), **changed: object):
    return stimuli.random_checker(duration, size, **{"checker_size": "0.5 deg", "refresh": "10 ms", **changed})


def test_checkers_are_uniform_within_and_differ_between() -> None:
    values = checkers().values.reshape(10, 10, 2, 5, 4, 5)
    first = values[:, :1, :, :1, :, :1]
    np.testing.assert_array_equal(values, np.broadcast_to(first, values.shape))
    assert len(np.unique(first)) == 10 * 2 * 4


@pytest.mark.parametrize(
    "make", [checkers, stimuli.white_noise, lambda *a, **k: stimuli.sparse_noise(*a, spot_size="0.1 deg", **k)]
)
def test_the_seed_is_all_that_matters(make) -> None:
    one, again, other = (make("50 ms", (10, 20), seed=seed).values for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).mean() > 0.1
    longer = make("80 ms", (10, 20), seed=1, chunk=7).values
    np.testing.assert_array_equal(longer[:50], one)


def test_the_draws_stay_the_same_for_ever() -> None:
    # raw Philox bits: other numpy versions and machines must give these too
    made = stimuli.white_noise(2, (1, 3), distribution="uniform", contrast=1, seed=42, dtype="float64")
    bits = np.random.Philox(key=np.array([42, 1], dtype=np.uint64)).random_raw(3)
    np.testing.assert_allclose(made.values[1, 0], (bits / 2.0**64), atol=1e-15)


def test_refreshes_of_a_screen_that_is_no_whole_number_of_steps() -> None:
    made = checkers("1 s", (5, 5), refresh="1/60 s").values[:, 0, 0]
    changes = np.flatnonzero(np.diff(made)) + 1
    assert len(changes) == 59
    np.testing.assert_array_equal(changes, np.ceil(np.arange(1, 60) * 1000 / 60 - 1e-6))


def test_a_bare_refresh_is_samples() -> None:
    np.testing.assert_array_equal(checkers(refresh=10).values, checkers().values)


@pytest.mark.parametrize(("distribution", "values"), [("binary", [0.25, 0.75]), ("ternary", [0.25, 0.5, 0.75])])
def test_discrete_distributions(distribution: str, values: list[float]) -> None:
    made = stimuli.white_noise("1 s", (10, 10), distribution=distribution, contrast=0.5)
    found, counts = np.unique(made.values, return_counts=True)
    np.testing.assert_array_equal(found, np.float32(values))
    np.testing.assert_allclose(counts / counts.sum(), 1 / len(values), atol=0.01)


def test_a_uniform_distribution() -> None:
    made = stimuli.white_noise("1 s", (10, 10), distribution="uniform", contrast=0.5).values
    assert made.min() >= 0.25
    assert made.max() <= 0.75
    assert made.mean() == pytest.approx(0.5, abs=3e-3)
    assert made.std() == pytest.approx(0.5 / np.sqrt(12), rel=0.01)


def test_a_gaussian_distribution_is_white() -> None:
    made = stimuli.white_noise("1 s", (10, 10), contrast=0.2).values.astype(float)
    assert made.mean() == pytest.approx(0.5, abs=2e-3)
    assert made.std() == pytest.approx(0.1, rel=0.01)
    deviation = (made - made.mean()) / made.std()
    assert np.mean(deviation**4) == pytest.approx(3, abs=0.1)
    for shift in ((1, 0, 0), (0, 1, 0), (0, 0, 1)):
        assert abs(np.mean(deviation * np.roll(deviation, shift, (0, 1, 2)))) < 0.02


def test_a_gaussian_is_clipped_symmetrically_so_that_its_mean_stays() -> None:
    made = stimuli.white_noise("1 s", (10, 10), contrast=0.4, mean=0.7)
    assert float(made.min()) == pytest.approx(0.4, abs=1e-6)
    assert float(made.max()) == pytest.approx(1.0, abs=1e-6)
    assert float(made.mean()) == pytest.approx(0.7, abs=4e-3)


@pytest.mark.parametrize(("polarity", "white", "black"), [("both", 0.1, 0.1), ("white", 0.2, 0), ("black", 0, 0.2)])
def test_sparse_spots_come_with_their_probability(polarity: str, white: float, black: float) -> None:
    made = stimuli.sparse_noise("1 s", (10, 10), spot_size="0.1 deg", p=0.2, polarity=polarity).values
    assert (made == 1).mean() == pytest.approx(white, abs=5e-3)
    assert (made == 0).mean() == pytest.approx(black, abs=5e-3)
    assert (made == 0.5).mean() == pytest.approx(0.8, abs=8e-3)


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"checker_size": 5}, UnitError, "checker_size"),
        ({"checker_size": "0.05 deg"}, ContractError, "a pixel"),
        ({"refresh": "0.5 ms"}, ContractError, "a time step or more"),
        ({"refresh": 0}, ContractError, "refresh"),
        ({"distribution": "poisson"}, ContractError, "distribution"),
        ({"contrast": 1.2}, ContractError, "contrast"),
        ({"seed": -1}, ContractError, "seed"),
        ({"seed": 1.5}, ContractError, "seed"),
        ({"seed": 2**64}, ContractError, "seed"),
    ],
)
def test_bad_input_is_refused(changed: dict[str, object], error: type[Exception], words: str) -> None:
    with pytest.raises(error) as raised:
        checkers(**changed)
    assert words in str(raised.value)


@pytest.mark.parametrize("changed", [{"p": 1.5}, {"p": -0.1}, {"polarity": "grey"}])
def test_bad_spots_are_refused(changed: dict[str, object]) -> None:
    with pytest.raises(ContractError, match=next(iter(changed))):
        stimuli.sparse_noise(1, 1, spot_size="0.1 deg", **changed)
