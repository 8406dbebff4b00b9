from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from torch import Tensor

import convis_xr as cx


class Cell(cx.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.low = cx.filters.LowPass("20 ms")
        self.weights = torch.nn.Parameter(torch.full((3, 3), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        return (self.low(x) * self.weights).sum((-2, -1), keepdim=True)

    def footprint(self, sampling: cx.Sampling) -> Any:
        return self.low.footprint(sampling)


def _data() -> tuple[xr.DataArray, xr.DataArray]:
    random = np.random.default_rng(0)
    film = cx.as_stimulus(random.random((150, 3, 3)).astype("f4"), dt="10 ms", pixel_size="1 deg", units="1")
    response = film[:, 0, 0].drop_vars(["y", "x"]).copy(data=random.random(150)).assign_attrs(units="1")
    return film, response


OPTIMIZERS = {
    "Adam": partial(torch.optim.Adam, lr=0.02),
    "LBFGS": partial(torch.optim.LBFGS, max_iter=3, line_search_fn="strong_wolfe"),
    "SGD": partial(torch.optim.SGD, lr=0.02, momentum=0.9),
    "Rprop": torch.optim.Rprop,
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("batch", [None, 2, "all"])
def test_a_fit_that_went_on_is_one_that_was_not_interrupted(name: str, batch: Any, tmp_path: Path) -> None:
    film, response = _data()
    options: dict[str, Any] = {
        "optimizer": OPTIMIZERS[name], "batch": batch, "chunk": 40, "validation": 0.2,
        "scheduler": partial(torch.optim.lr_scheduler.ExponentialLR, gamma=0.8),
    }  # fmt: skip
    whole = Cell()
    expected = cx.fit(whole, film, response, epochs=5, **options)
    path = tmp_path / "fit.pt"
    cx.fit(Cell(), film, response, epochs=2, checkpoint=path, **options)
    again = Cell()
    again.low.tau.set("33 ms")  # what it held does not matter
    found = cx.fit(again, film, response, epochs=5, checkpoint=path, resume=True, **options)
    xr.testing.assert_equal(found.drop_vars("seconds"), expected.drop_vars("seconds"))
    for one, other in zip(again.parameters(), whole.parameters(), strict=True):
        assert torch.equal(one, other)
    complete = cx.fit(Cell(), film, response, epochs=5, checkpoint=path, resume=True, **options)
    xr.testing.assert_equal(complete.drop_vars("seconds"), expected.drop_vars("seconds"))
    assert [entry.name for entry in tmp_path.iterdir()] == ["fit.pt"]


def test_a_fit_that_broke_off_goes_on(tmp_path: Path) -> None:
    film, response = _data()
    seen: list[int] = []

    def counted(model: Cell) -> Tensor:
        seen.append(1)
        if len(seen) == 25:
            raise KeyboardInterrupt
        return (model.weights**2).sum()

    options: dict[str, Any] = {"chunk": 30, "regularizers": [counted], "checkpoint": tmp_path / "fit.pt", "epochs": 6}
    with pytest.raises(KeyboardInterrupt):
        cx.fit(Cell(), film, response, **options)
    again, whole = Cell(), Cell()
    found = cx.fit(again, film, response, resume=True, **options)
    expected = cx.fit(whole, film, response, **options | {"checkpoint": None})
    xr.testing.assert_equal(found.drop_vars("seconds"), expected.drop_vars("seconds"))


def test_what_belongs_to_another_fit_is_refused(tmp_path: Path) -> None:
    film, response = _data()
    path = tmp_path / "fit.pt"
    cx.fit(Cell(), film, response, chunk=50, checkpoint=path)
    with pytest.raises(cx.ContractError, match=r"checkpoint: wanted a path that does not exist, got .*fit\.pt"):
        cx.fit(Cell(), film, response, chunk=50, checkpoint=path)
    with pytest.raises(cx.ResumeError, match=r"resume: wanted the fit that .* belongs to, got another: fit\.chunk"):
        cx.fit(Cell(), film, response, chunk=30, checkpoint=path, resume=True)
    with pytest.raises(cx.ResumeError, match=r"fit\.loss"):
        cx.fit(Cell(), film, response, chunk=50, loss="correlation", checkpoint=path, resume=True)
    for content in (b"", b"text", bytes(200)):
        path.write_bytes(content)
        with pytest.raises(cx.ResumeError, match=r"wanted the mark of a fit, got .* Cure: another checkpoint="):
            cx.fit(Cell(), film, response, chunk=50, checkpoint=path, resume=True)
    torch.save({"weights": torch.zeros(3)}, path)
    with pytest.raises(cx.ResumeError, match="got another file"):
        cx.fit(Cell(), film, response, chunk=50, checkpoint=path, resume=True)


@pytest.mark.parametrize(
    ("path", "told"), [(3, "checkpoint: wanted a path, got 3"), ("/nowhere/at/all.pt", "wanted a path in a folder")]
)
def test_wrong_paths(path: Any, told: str) -> None:
    film, response = _data()
    with pytest.raises(cx.ContractError, match=told):
        cx.fit(Cell(), film, response, checkpoint=path)


ALIKE = {
    "response": lambda film, response: {"response": response * 2},
    "stimulus": lambda film, response: {"stimulus": film * 2},
    "loss": lambda film, response: {"loss": squared_error},
    "regularizers": lambda film, response: {"regularizers": [cx.fitting.L2("weights", 0.2)]},
    "scheduler": lambda film, response: {"scheduler": partial(torch.optim.lr_scheduler.ExponentialLR, gamma=0.5)},
}


def squared_error(prediction: Tensor, response: Tensor) -> Tensor:
    """Called as another one is."""
    return (prediction - response).abs()


@pytest.mark.parametrize("name", ALIKE)
def test_what_only_looks_alike_is_another_fit(name: str, tmp_path: Path) -> None:
    film, response = _data()
    path = tmp_path / "fit.pt"
    given = {"stimulus": film, "response": response, "regularizers": [cx.fitting.L2("weights", 0.1)]}
    cx.fit(Cell(), **given, epochs=2, checkpoint=path)
    other = ALIKE[name](film.copy(), response.copy())
    other = {key: value.assign_attrs(given[key].attrs) if key in ("stimulus", "response") else value
             for key, value in other.items()}  # fmt: skip
    with pytest.raises(cx.ResumeError, match=r"loss at the checkpoint|penalty at the checkpoint|fit\.scheduler"):
        cx.fit(Cell(), **given | other, epochs=3, checkpoint=path, resume=True)
    assert cx.fit(Cell(), **given, epochs=3, checkpoint=path, resume=True).sizes["epoch"] == 4


def test_a_path_that_cannot_be_written_is_told_before_the_first_epoch(tmp_path: Path) -> None:
    film, response = _data()
    (tmp_path / "fit.pt.partial").mkdir()
    model = Cell()
    with pytest.raises(IsADirectoryError, match=r"fit\.pt\.partial"):
        cx.fit(model, film, response, checkpoint=tmp_path / "fit.pt")
    assert (model.weights == 0.1).all()


def test_interrupted_in_the_first_epoch(tmp_path: Path) -> None:
    film, response = _data()
    path, calls = tmp_path / "fit.pt", []

    def mean_square(prediction: Tensor, response: Tensor) -> Tensor:
        calls.append(1)
        if len(calls) == 6:  # four blocks are looked at before the first step
            raise KeyboardInterrupt
        return (prediction - response) ** 2

    options: dict[str, Any] = {"loss": mean_square, "epochs": 2, "chunk": 40, "checkpoint": path}
    with pytest.raises(KeyboardInterrupt):
        cx.fit(Cell(), film, response, **options)
    found = cx.fit(Cell(), film, response, resume=True, **options)
    expected = cx.fit(Cell(), film, response, **options | {"checkpoint": None})
    xr.testing.assert_equal(found.drop_vars("seconds"), expected.drop_vars("seconds"))
