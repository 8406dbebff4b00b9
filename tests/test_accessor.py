"""`.convis`: variables by place, name, path and attribute; everything else is forwarded."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pint_xarray  # noqa: F401 - registers .pint
import pytest
import torch
import xarray as xr
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

import convis_xr as cx


@pytest.fixture
def response() -> xr.Dataset:
    def counts(value: int) -> xr.DataArray:
        return cx.as_stimulus(np.full((6, 3, 4), value, np.uint8), dt="2 ms", pixel_size="0.1 deg", units="count")

    center = cx.as_stimulus(np.ones((6, 3, 4)), dt="2 ms", pixel_size="0.1 deg", units="1")
    return xr.Dataset({"center": center, "parvo_on": counts(1), "parvo_on_transient": center * 2, "plot": counts(0)})


def test_sampling_of_array_and_dataset(response: xr.Dataset) -> None:
    expected = cx.Sampling(dt="2 ms", pixel_size="0.1 deg")
    assert response.convis.sampling == expected
    assert response["center"].convis.sampling == expected


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (0, "center"),
        (-1, "plot"),
        ("parvo_on", "parvo_on"),
        ("opl.center", "center"),
        ("parvo_on.transient", "parvo_on_transient"),
    ],
)
def test_variable_by_place_name_and_path(response: xr.Dataset, key: int | str, name: str) -> None:
    assert response.convis[key].name == name


@pytest.mark.parametrize("key", [4, -5, "magno_on", "opl.centre"])
def test_unknown_variable_names_those_there_are(response: xr.Dataset, key: int | str) -> None:
    with pytest.raises(cx.ContractError, match=r"center, parvo_on, .*Cure"):
        response.convis[key]


def test_variables_are_attributes_unless_a_method_has_the_name(response: xr.Dataset) -> None:
    assert response.convis.parvo_on.identical(response["parvo_on"])
    assert callable(response.convis.plot)
    with pytest.raises(AttributeError, match="magno_on"):
        _ = response.convis.magno_on


def test_accessor_survives_copy_and_pickle(response: xr.Dataset) -> None:
    copied = pickle.loads(pickle.dumps(response.convis))
    assert copied.parvo_on.identical(response["parvo_on"])


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


def test_tab_completion_offers_variables(response: xr.Dataset, shell: InteractiveShell) -> None:
    shell.user_ns.update(response=response, found=response.convis)
    assert completed(shell, "response.convis.parvo") == {"parvo_on", "parvo_on_transient"}
    # IPython evaluates no property within brackets
    assert completed(shell, 'found["par') == {"parvo_on", "parvo_on_transient"}


def completed(shell: InteractiveShell, text: str) -> set[str]:
    with provisionalcompleter():
        found = [completion.text for completion in shell.Completer.completions(text, len(text))]
    return {word.strip('"]') for word in found}


def test_to_tensor_is_forwarded_with_its_options(response: xr.Dataset) -> None:
    tensor = response["center"].transpose("x", "time", "y").convis.to_tensor(dtype=torch.float64, requires_grad=True)
    assert tensor.shape == (1, 1, 6, 3, 4)
    assert tensor.dtype == torch.float64
    assert tensor.requires_grad
    assert response["parvo_on"].convis.to_tensor(device="cpu").dtype == torch.float32


def test_spikes_of_an_array_and_of_each_spiking_variable(response: xr.Dataset) -> None:
    assert response["parvo_on"].convis.spikes().sizes["event"] == 6 * 3 * 4
    tables = response.convis.spikes()
    assert {name: tables[name].sizes["event"] for name in tables.children} == {"parvo_on": 72, "plot": 0}


def test_film_of_a_response_uses_its_contrast(tmp_path: Path) -> None:
    values = np.zeros((8, 16, 16), np.float32)
    values[:4], values[4:] = -3.0, 3.0
    current = cx.as_stimulus(values, dt="40 ms", pixel_size="0.1 deg", units="Hz")
    current.convis.to_video(tmp_path / "current.avi")
    read = cx.open_stimulus(tmp_path / "current.avi")
    assert read.values[0].max() == 0
    assert read.values[-1].min() == 255


def test_film_of_a_stimulus_keeps_its_levels(tmp_path: Path) -> None:
    levels = np.full((4, 16, 16), 51, np.uint8)
    film = cx.as_stimulus(levels, dt="40 ms", pixel_size="0.1 deg", units="1", valid_range=(0, 255))
    film.convis.to_video(tmp_path / "film.avi")
    assert (cx.open_stimulus(tmp_path / "film.avi").values == 51).all()


def test_a_stored_result_keeps_the_order_and_has_the_state(tmp_path: Path) -> None:
    film = cx.as_stimulus(np.full((5, 4, 4), 0.5), dt="1 ms", pixel_size="0.1 deg", units="1", valid_range=(0, 1))
    model = cx.models.Retina("human_parvo")
    held = cx.run(model, film, outputs=["parvo_on", "center"])
    stored = cx.run(model, film, outputs=["parvo_on", "center"], store=tmp_path / "response.zarr")
    assert [stored.convis[place].name for place in (0, 1)] == ["parvo_on", "center"]
    assert stored.convis.state.keys() == held.convis.state.keys()


def test_quantified_data_are_taken_as_well(response: xr.Dataset, tmp_path: Path) -> None:
    quantified = response.pint.quantify()
    assert quantified.convis.sampling == response.convis.sampling
    assert quantified.convis.spikes()["parvo_on"].to_dataset().equals(response["parvo_on"].convis.spikes())
    assert len(list(quantified.convis.plot())) == 4 * 5
    for mode in ("lines", "frames", "matshow"):
        quantified["center"].convis.plot(mode)
    quantified["center"].convis.to_video(tmp_path / "film.avi", fps="25 Hz")
    assert cx.open_stimulus(tmp_path / "film.avi").sizes["time"] == 6
