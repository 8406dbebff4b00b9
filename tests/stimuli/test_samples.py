from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from convis_xr import ContractError, Sampling, stimuli
from convis_xr.contract import check_stimulus
from convis_xr.stimuli import SampleGenerator, generate_sample_data


def loops(kernel: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Rectified convolution, by its definition."""
    (lags, height, width), (_, rows, columns) = kernel.shape, values.shape
    result = np.zeros(values.shape)
    for t, y, x in np.ndindex(*values.shape):
        for lag, j, i in np.ndindex(lags, height, width):
            if t >= lag:
                row = min(max(y - (j - height // 2), 0), rows - 1)
                column = min(max(x - (i - width // 2), 0), columns - 1)
                result[t, y, x] += kernel[lag, j, i] * values[t - lag, row, column]
    return np.maximum(result, 0)


@given(kernel=st.tuples(*[st.integers(1, 4)] * 3), size=st.tuples(*[st.integers(1, 5)] * 3))
def test_the_response_is_a_rectified_causal_convolution(kernel: tuple[int, ...], size: tuple[int, ...]) -> None:
    made = SampleGenerator("randn", kernel_size=kernel, seed=1)
    stimulus, response = made.generate("rand", size=size)
    np.testing.assert_allclose(response.values, loops(made.kernel.values, stimulus.values), atol=1e-10)


def test_least_squares_finds_the_kernel() -> None:
    made = SampleGenerator("random", kernel_size=(4, 3, 3), seed=5)
    stimulus, response = made.generate(size=(400, 7, 7))
    values, inner = stimulus.values, response.values[3:, 1:-1, 1:-1]
    columns = [values[3 - lag : 400 - lag, 2 - j : 7 - j, 2 - i : 7 - i].ravel() for lag, j, i in np.ndindex(4, 3, 3)]
    active = inner.ravel() > 0
    found = np.linalg.lstsq(np.stack(columns, 1)[active], inner.ravel()[active], rcond=None)[0]
    np.testing.assert_allclose(found.reshape(4, 3, 3), made.kernel.values, atol=1e-10)


def test_the_future_changes_no_past() -> None:
    made = SampleGenerator(seed=2)
    values = np.random.default_rng(0).normal(size=(40, 6, 6))
    changed = values.copy()
    changed[25:] += 1
    one, other = made.generate(values)[1], made.generate(changed)[1]
    np.testing.assert_allclose(one[:25].values, other[:25].values, atol=1e-12)


def test_what_comes_out_is_a_stimulus() -> None:
    stimulus, response = generate_sample_data(size=(50, 8, 9))
    assert stimulus.shape == response.shape == (50, 8, 9)
    assert check_stimulus(stimulus)[1] == Sampling("1 ms", "0.1 deg")
    assert check_stimulus(response)[0].name == "response"


def test_the_sampling_may_be_given() -> None:
    made = SampleGenerator(kernel_size=(3, 2, 2), dt="2 ms", pixel_size="0.5 deg")
    assert Sampling.of(made.generate(size=(5, 4, 4))[0]) == Sampling("2 ms", "0.5 deg")


def test_seeds() -> None:
    one, again, other = (generate_sample_data(size=(9, 3, 3), seed=seed) for seed in (1, 1, 2))
    xr.testing.assert_identical(one[1], again[1])
    assert not one[0].equals(other[0])
    made = SampleGenerator(seed=1)
    assert not made.generate(size=(9, 3, 3))[0].equals(made.generate(size=(9, 3, 3))[0])


def test_sparse_input_and_kernel() -> None:
    made = SampleGenerator("sparse", kernel_size=(20, 10, 10), p=0.05)
    stimulus, _ = made.generate("sparse", size=(100, 10, 10), p=0.2)
    assert float(made.kernel.mean()) == pytest.approx(0.05, abs=0.02)
    assert float(stimulus.mean()) == pytest.approx(0.2, abs=0.02)


def test_a_kernel_and_an_input_of_ones_own() -> None:
    kernel = np.zeros((1, 1, 3, 1, 1))
    kernel[0, 0, 2] = 1
    made = SampleGenerator(kernel)
    flash = stimuli.impulse(6, 2, at=1, dt="1 ms", pixel_size="0.1 deg", background=-1)
    _, response = made.generate(flash)
    np.testing.assert_allclose(response[:, 0, 0].values, [0, 0, 0, 1, 0, 0], atol=1e-12)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: SampleGenerator("gabor"), "kernel"),
        (lambda: SampleGenerator(np.ones(3)), "kernel"),
        (lambda: SampleGenerator(np.full((1, 1, 1), np.nan)), "kernel"),
        (lambda: SampleGenerator(kernel_size=(3, 3)), "kernel_size"),
        (lambda: SampleGenerator("sparse", p=2), "p: "),
        (lambda: SampleGenerator(seed=-1), "seed"),
        (lambda: SampleGenerator().generate("noise"), "input"),
        (lambda: SampleGenerator().generate(size=(0, 3, 3)), "size"),
        (lambda: SampleGenerator().generate(np.ones((2, 3))), "input"),
    ],
)
def test_bad_input_is_refused(make, words: str) -> None:
    with pytest.raises(ContractError, match=words):
        make()
