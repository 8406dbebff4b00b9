"""One pass over data without a gradient: the loss, and how well a model predicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import xarray as xr
from torch import Tensor

from convis_xr.engine.progress import compiling_told
from convis_xr.errors import ContractError, explain
from convis_xr.fitting.blocks import Predictor, Reader
from convis_xr.fitting.losses import Correlation, Loss, correlation_of, explained_variance_of, loss_of
from convis_xr.fitting.matching import Match, match
from convis_xr.fitting.memory import chunk_of

#: what a loss makes of counts alone
COUNTED = ("poisson", "bernoulli")


@dataclass(frozen=True)
class Tally:
    """Sums over a stretch of time: those of the loss, and moments of prediction and response of each cell."""

    loss: Tensor
    moments: Tensor


def evaluate(
    model: Any,
    stimulus: Any,
    response: Any,
    *,
    loss: Any = "squared_error",
    output: str | None = None,
    cells: Any = None,
    chunk: Any = None,
    skip: Any = 0,
    seed: int | None = None,
    initial: Any = None,
    state: Mapping[str, Any] | None = None,
    device: Any = None,
    dtype: Any = None,
    memory: int | str | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """How well a model predicts a response, out of core, without changing the model.

    Parameters
    ----------
    model, stimulus, response, loss, output, cells, chunk, skip, seed, initial, state, device, dtype, memory, progress
        As of `convis_xr.fitting.fit`.

    Returns
    -------
    Dataset
        ``loss``; ``correlation`` and ``explained_variance`` of each cell [1] (NaN where its response does not vary);
        ``samples`` of each cell that were compared.

    Raises
    ------
    ContractError, UnitError
        Stimulus, response and model do not go together, or nothing was recorded.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> film = cx.as_stimulus(np.random.default_rng(0).random((200, 3, 3)), dt="10 ms", pixel_size="1 deg", units="1")
    >>> low = cx.filters.LowPass("50 ms")
    >>> scores = cx.fitting.evaluate(low, film, low(film))
    >>> low.clear_state()
    >>> float(scores.loss), scores.correlation.dims
    (0.0, ('y', 'x'))
    """
    found = match(
        model, stimulus, response, output=output, cells=cells, counts=is_counted(loss), device=device, dtype=dtype,
        seed=seed, initial=initial, state=state,
    )  # fmt: skip
    made = loss_of(loss, found.bare)
    reader = Reader(found, chunk_of(found, chunk, memory, gradient=False))
    first = first_step(found, skip)
    with compiling_told(progress):
        (tally,) = tallies(Predictor(found, made), reader, [(first, found.part.stop)])
    scores = scores_of(found, tally)
    scores["loss"] = xr.Variable(
        (), loss_value(made, tally), {"units": loss_units(made, found), "long_name": made.name}
    )
    return scores


def tallies(
    predictor: Predictor, reader: Reader, spans: Sequence[tuple[int, int]], seen: Callable[[int], None] | None = None
) -> list[Tally]:
    """What is summed up over stretches of time that follow each other, in one pass from the stimulus' start.

    Parameters
    ----------
    predictor : Predictor
    reader : Reader
    spans : sequence of (int, int)
        Steps of the stimulus.
    seen : callable, optional
        Is told how many steps more are done.
    """
    made = []
    context = predictor.context({})
    with torch.no_grad():
        for block in reader.shown(0, spans[0][0]):
            predictor.show(context, block)
        for first, stop in spans:
            loss, both = torch.zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
            for block in reader.recorded(first, stop):
                prediction = predictor.predict(context, block)
                loss = loss + predictor.sums(predictor.loss, prediction, block).cpu()
                both = both + predictor.sums(Correlation(), prediction, block).cpu()
                if seen is not None:
                    seen(block.stop - block.first)
            made.append(Tally(loss, both))
    return made


def is_counted(loss: Any) -> bool:
    """Whether a loss wants counts per step."""
    return bool(getattr(loss, "counts", loss in COUNTED if isinstance(loss, str) else False))


def first_step(found: Match, skip: Any) -> int:
    """The first step of the stimulus that counts."""
    first = int(found.part.start) + found.request.info.sampling.steps(skip, "skip")
    if first >= found.part.stop:
        wanted = f"less than the response's {found.part.stop - found.part.start} steps"
        raise ContractError(explain("skip", wanted=wanted, got=repr(skip), cure="a shorter one"))
    return first


def loss_value(loss: Loss, tally: Tally) -> float:
    """The loss of what was summed up.

    Raises
    ------
    ContractError
        Nothing was recorded there.
    """
    if not bool(tally.moments[0].sum() > 0):
        got, cure = "NaN alone", "a part that holds some, or a shorter skip="
        raise ContractError(explain("response", wanted="recorded values", got=got, cure=cure))
    return float(loss.value(tally.loss))


def loss_units(loss: Loss, found: Match) -> str:
    """Unit of a loss: that of likelihoods and correlations is none."""
    if loss.name != "squared_error" or found.units == "1":
        return "1"
    return f"{found.units}^2" if found.units.isidentifier() else f"({found.units})^2"


def scores_of(found: Match, tally: Tally) -> xr.Dataset:
    """Correlation and explained variance, labelled as the response's cells are."""
    cells = found.response.isel(time=0, repeat=0, drop=True)
    shape = tuple(cells.sizes.values())

    def labelled(values: Tensor, units: str, name: str) -> xr.Variable:
        return xr.Variable(cells.dims, values.reshape(shape).numpy(), {"units": units, "long_name": name})

    return xr.Dataset(
        {
            "correlation": labelled(correlation_of(tally.moments), "1", "correlation of prediction and response"),
            "explained_variance": labelled(explained_variance_of(tally.moments), "1", "explained variance"),
            "samples": labelled(tally.moments[0].long(), "count", "samples compared"),
        },
        cells.coords,
    )
