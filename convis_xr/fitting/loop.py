"""`fit`: the parameters of a model, so that it answers a stimulus as a recording does."""

from __future__ import annotations

import json
import math
import operator
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import torch
import xarray as xr

from convis_xr.engine.progress import compiling_told
from convis_xr.errors import ContractError, ResumeError, explain
from convis_xr.fitting.blocks import Predictor, Reader
from convis_xr.fitting.bounds import Coordinates
from convis_xr.fitting.checkpoint import Standing, checkpoint_path
from convis_xr.fitting.choice import choose_optimizer, choose_scheduler, only
from convis_xr.fitting.descent import Descent, Regularizer
from convis_xr.fitting.evaluation import Tally, first_step, is_counted, loss_units, loss_value, scores_of, tallies
from convis_xr.fitting.facts import facts_of, plain_state
from convis_xr.fitting.history import History, dataset_of, has_stopped
from convis_xr.fitting.losses import loss_of
from convis_xr.fitting.matching import Match, match
from convis_xr.fitting.memory import chunk_of
from convis_xr.fitting.progress import FitProgress
from convis_xr.fitting.schedule import Batch, Schedule, burn_in_of, horizon_of, split_of

_P = ParamSpec("_P")

#: losses that differ by less are the same but for rounding on another machine
SAME = 1e-4


def _telling(fit: Callable[_P, xr.Dataset]) -> Callable[_P, xr.Dataset]:
    """Warn of a fit that led nowhere. Who fits piece after piece takes what is wrapped: a piece may be told already."""

    @wraps(fit)
    def told(*args: _P.args, **kwargs: _P.kwargs) -> xr.Dataset:
        fitted = fit(*args, **kwargs)
        if fitted.attrs["best_epoch"] == 0:
            judge, least = ("validation", "validation_loss") if "validation_loss" in fitted else ("training", "loss")
            warnings.warn(
                f"no epoch made the loss of {judge} less than it was at the start ({float(fitted[least][0]):.6g}): "
                "the model keeps the parameters that it began with; try another learning rate or optimizer",
                UserWarning,
                stacklevel=2,
            )
        return fitted

    return told


@_telling
def fit(
    model: Any,
    stimulus: Any,
    response: Any,
    *,
    optimizer: Any = None,
    loss: Any = "squared_error",
    regularizers: Sequence[Regularizer] = (),
    output: str | None = None,
    cells: Any = None,
    parameters: Sequence[str] | str | None = None,
    chunk: Any = None,
    skip: Any = 0,
    burn_in: Any = None,
    horizon: Any = None,
    epochs: int = 1,
    batch: Any = None,
    validation: float = 0.0,
    patience: int | None = None,
    scheduler: Any = None,
    clip: float | None = None,
    bounds: bool = True,
    checkpoint: Any = None,
    resume: bool = False,
    seed: int = 0,
    initial: Any = None,
    state: Mapping[str, Any] | None = None,
    device: Any = None,
    dtype: Any = None,
    memory: int | str | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """Fit a model to a response, out of core: stimulus and response are read block by block.

    The model has the best parameters afterwards: of the epoch with the least loss of validation, where a part is held
    out, else of training. Its held state is left alone.

    Parameters
    ----------
    model : Layer
    stimulus : DataArray
        As of `convis_xr.run`.
    response : DataArray (time), (time, cell), (repeat, time, cell), (time, y, x), ...
        With units. Its labels of time are a stretch of the stimulus'; its other dimensions are those of the model's
        output, or ``cell`` in the place of ``channel``, or with coordinates ``y`` and ``x`` of pixels. NaN is left out.
    optimizer : str, class, function of parameters, or torch.optim.Optimizer, optional
        By default what ``model.set_optimizer`` has chosen, else Adam with a learning rate of 0.01.
    loss : {"squared_error", "poisson", "bernoulli", "correlation"} or callable (prediction, response) -> Tensor
        A callable gives a value for each sample, or their mean.
    regularizers : sequence of callable (model) -> Tensor
        Scalars that are added to the loss.
    output : str, optional
        Which of the model's outputs.
    cells : optional
        Where the response's cells are, as of `convis_xr.run`.
    parameters : str or sequence of str, optional
        Paths of what is fitted; by default all parameters that ask for gradients.
    chunk : int or quantity, optional
        Length of a block: there is a step of the optimizer after each. By default 16 MiB
        of frames, as they are computed with, or fewer to fit into ``memory``.
    skip : int or quantity
        At the start of the response: shown, but left out of the loss.
    burn_in : int or quantity, optional
        Shown before each block that is out of order, and left out of the loss; by default what the model remembers.
    horizon : int, quantity or math.inf, optional
        How far gradients flow back in time from the end of a block, rounded up to whole blocks; by default one block.
    epochs : int
        Passes over the data.
    batch : int, "all", or dict, optional
        None: blocks in order, the state carried from one to the next. A number: so many blocks, in random order, for
        each step. "all": a step for a whole pass. ``{"repeat": n}``: n repeats, drawn anew for each step.
    validation : float
        Fraction of the response, at its end, that is held out.
    patience : int, optional
        Epochs without an improvement after which the fit ends.
    scheduler : function of the optimizer, or scheduler of torch.optim, optional
        Its step is an epoch.
    clip : float, optional
        Largest norm of the gradients, by what the optimizer moves.
    bounds : bool
        Move physical parameters so that they keep to their bounds, by relative steps (`convis_xr.fitting.bounds`).
    checkpoint : path, optional
        File that is written before the first epoch and after each.
    resume : bool
        Go on from ``checkpoint``, where there is one, bit by bit as if there had been no interruption.
    seed : int
        Of the order of blocks and repeats, and of the model's random numbers.
    initial, state, device, dtype, memory, progress
        As of `convis_xr.run`.

    Returns
    -------
    Dataset
        ``loss``, ``penalty``, ``validation_loss``, ``seconds``, ``learning_rate`` and each parameter over ``epoch`` (0:
        before the first step), ``step_loss`` over ``step``; with the best parameters ``correlation``,
        ``explained_variance`` and ``samples`` of each cell over ``split``.

    Raises
    ------
    ContractError, UnitError
        Model, stimulus and response do not go together; or the loss is no number any more. The model then has the last
        parameters for which it was one.
    ParameterError
        A parameter or optimizer that is none; or a gradient that is no number, as above.
    ResumeError
        The checkpoint is that of another fit: of other arguments, data or regularizers.

    Warns
    -----
    UserWarning
        No epoch was better than the start.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> film = cx.as_stimulus(np.random.default_rng(0).random((300, 2, 2)), dt="10 ms", pixel_size="1 deg", units="1")
    >>> response = cx.filters.LowPass("40 ms")(film)
    >>> model = cx.filters.LowPass("20 ms")
    >>> fitted = cx.fit(model, film, response, optimizer="LBFGS", epochs=3)
    >>> model.tau.value.to("ms").round(1)
    <Quantity(40.0, 'millisecond')>
    >>> fitted.tau.attrs["units"], bool(fitted.loss[-1] < fitted.loss[0])
    ('s', True)
    """
    path = checkpoint_path(checkpoint, resume)
    epochs, patience = _counted("epochs", epochs, 10), None if patience is None else _counted("patience", patience, 5)
    _check_others(seed, clip, regularizers)
    found = match(
        model, stimulus, response, output=output, cells=cells, counts=is_counted(loss), device=device, dtype=dtype,
        seed=seed, initial=initial, state=state,
    )  # fmt: skip
    made = loss_of(loss, found.bare)
    predictor = Predictor(found, made)
    schedule = _schedule(predictor, chunk, memory, skip, validation, batch, burn_in, horizon, seed)
    moved, chosen = choose_optimizer(model, optimizer, parameters)
    with only(model, chosen):
        coordinates = Coordinates(chosen, bounds)
        scheduled = choose_scheduler(scheduler, moved)
        standing = Standing(coordinates, moved, scheduled, History(), coordinates.snapshot(), schedule.burn_in)
        facts = facts_of(
            schedule, chosen, moved, skip=skip, validation=validation, clip=clip, bounds=bounds, burn_in=burn_in,
            scheduler=None if scheduled is None else plain_state(scheduled),
        )  # fmt: skip
        if resume and path is not None and path.exists():
            standing.load(path, facts)
            schedule = replace(schedule, burn_in=standing.burn_in)
        charged = tuple(_told(term, found) for term in regularizers)
        descent = Descent(model, moved, coordinates, charged, clip)
        course = _Course(schedule, descent, standing, epochs, patience, path, facts)
        with compiling_told(progress), course.shown(progress):
            course.run()
            return course.result()


class _Course:
    """The epochs of a fit."""

    def __init__(
        self,
        schedule: Schedule,
        descent: Descent,
        standing: Standing,
        epochs: int,
        patience: int | None,
        path: Path | None,
        facts: dict[str, Any],
    ) -> None:
        self._schedule, self._descent, self._standing = schedule, descent, standing
        self._epochs, self._patience, self._path, self._facts = epochs, patience, path, facts
        self._spans = [(schedule.first, schedule.stop)]
        stop = int(schedule.reader.match.part.stop)
        if schedule.stop < stop:
            self._spans.append((schedule.stop, stop))
        self._bar = FitProgress(0, 0, 1, wanted=False)
        #: of the best epoch; none where that was before a fit that is gone on with
        self._best: list[Tally] = []

    def shown(self, wanted: bool) -> FitProgress:
        """The progress bar, to be entered."""
        steps = self._schedule.stop - self._schedule.first
        done = max(0, self._standing.history.epochs)
        frame = math.prod(self._schedule.reader.match.request.frame_shape)
        self._bar = FitProgress(steps * self._epochs, steps * done, frame, wanted)
        return self._bar

    def run(self) -> None:
        """Epoch after epoch, until there are enough or nothing becomes better; then the best parameters."""
        history = self._standing.history
        last = self._begun() if not history.loss else self._resumed()
        while history.epochs < self._epochs and not has_stopped(history, self._patience):
            began = time.perf_counter()
            with closing(self._schedule.epoch(history.epochs + 1, last)) as works:
                for work in works:
                    loss = self._descent.step(work)
                    history.step_loss.append(loss)
                    self._bar.tell(loss, history)
                    self._bar.step(min(self._schedule.reader.chunk, self._schedule.stop - self._schedule.first))
            last = self._note(began)
            self._end_epoch()
        self._standing.coordinates.restore(self._standing.best)

    def result(self) -> xr.Dataset:
        """What was seen, and the scores of the best parameters."""
        found = self._schedule.reader.match
        names = ("training", "validation")
        tallies_of_best = self._best or self._tally()
        scores = {name: scores_of(found, tally) for name, tally in zip(names, tallies_of_best, strict=False)}
        units = loss_units(self._schedule.predictor.loss, found)
        facts = self._facts | {"fit": self._facts["fit"] | {"burn_in": self._schedule.burn_in}}
        return dataset_of(self._standing.history, self._standing.coordinates.parameters, scores, units, attrs_of(facts))

    def _begun(self) -> Tally:
        """The row of epoch 0; a path that cannot be written is told before hours are spent."""
        made = self._note(time.perf_counter())
        self._mark()
        return made

    def _resumed(self) -> Tally:
        """The sums of the epoch at which a checkpoint was written: its data and regularizers give the same again."""
        history, made = self._standing.history, self._tally()[0]
        there = history.loss[-1] - history.penalty[-1], history.penalty[-1]
        here = loss_value(self._schedule.predictor.loss, made), self._descent.penalty()
        for name, one, other in zip(("loss", "penalty"), there, here, strict=True):
            if not math.isclose(one, other, rel_tol=SAME, abs_tol=SAME * max(map(abs, history.loss))):
                got = f"{other:.9g}, so stimulus, response, loss or regularizers are others"
                cure = "the same as before, or another checkpoint="
                wanted = f"{one:.9g}, as when it was written"
                raise ResumeError(explain(f"{name} at the checkpoint", wanted=wanted, got=got, cure=cure))
        return made

    def _mark(self) -> None:
        if self._path is not None:
            self._standing.save(self._path, self._facts)

    def _note(self, began: float) -> Tally:
        """Add an epoch to the history."""
        standing, history = self._standing, self._standing.history
        made = self._tally()
        loss = self._schedule.predictor.loss
        values = [loss_value(loss, tally) for tally in made]
        if not all(map(math.isfinite, values)):
            standing.coordinates.restore(standing.best)
            cure = "other values to begin with, a smaller learning rate, or clip=1.0"
            where = f"loss after epoch {history.epochs + 1}"
            raise ContractError(explain(where, wanted="a finite number", got=str(values[-1]), cure=cure))
        rate = float(standing.optimizer.param_groups[0].get("lr", math.nan))
        seconds = time.perf_counter() - began
        history.note(values[0], self._descent.penalty(), values[1] if len(values) > 1 else None, seconds, rate)
        history.note_values(standing.coordinates.snapshot()[0])
        if history.best == history.epochs:
            standing.best, self._best = standing.coordinates.snapshot(), made
        return made[0]

    def _end_epoch(self) -> None:
        standing = self._standing
        if isinstance(standing.scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
            standing.scheduler.step(standing.history.judged(-1))
        elif standing.scheduler is not None:
            standing.scheduler.step()
        self._mark()

    def _tally(self) -> list[Tally]:
        return tallies(self._schedule.predictor, self._schedule.reader, self._spans)


def _told(term: Regularizer, found: Match) -> Regularizer:
    """A regularizer that knows the sampling of the stimulus, also of a model that was never shown anything."""

    def charge(model: Any) -> Any:
        with found.request.context(0, {}).active():
            return term(model)

    return charge


def _schedule(
    predictor: Predictor,
    chunk: Any,
    memory: int | str | None,
    skip: Any,
    validation: float,
    batch: Any,
    burn_in: Any,
    horizon: Any,
    seed: int,
) -> Schedule:
    found: Match = predictor.match
    first = first_step(found, skip)
    stop = split_of(first, int(found.part.stop), validation)
    reader = Reader(found, chunk_of(found, chunk, memory, gradient=True))
    made_of = Batch.of(batch)
    back = horizon_of(found, horizon, min(reader.chunk, stop - first))
    return Schedule(predictor, reader, first, stop, made_of, burn_in_of(found, burn_in, made_of), back, seed)


def attrs_of(facts: dict[str, Any]) -> dict[str, Any]:
    """What a result says of how it came about: texts and numbers, which every file format takes."""
    told = {name: facts["fit"][name] for name in ("loss", "optimizer", "seed", "output")}
    return {"title": "course of a fit", **told, "convis_xr_provenance": json.dumps(facts, sort_keys=True)}


def _counted(name: str, number: Any, example: int) -> int:
    """A whole number from 1 on, of Python or numpy."""
    try:
        made = 0 if isinstance(number, bool) else operator.index(number)
    except TypeError:
        made = 0
    if made < 1:
        cure = f"{name}={example}"
        raise ContractError(explain(name, wanted="a whole number from 1 on", got=repr(number), cure=cure))
    return made


def _check_others(seed: Any, clip: Any, regularizers: Any) -> None:
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ContractError(explain("seed", wanted="a whole number from 0 on", got=repr(seed), cure="seed=0"))
    if clip is not None and not (isinstance(clip, int | float) and clip > 0):
        raise ContractError(explain("clip", wanted="a number above 0", got=repr(clip), cure="clip=1.0"))
    several = isinstance(regularizers, Sequence) and not isinstance(regularizers, str)
    if not several or not all(map(callable, regularizers)):
        got, cure = repr(regularizers), 'regularizers=[cx.fitting.L2("weight", 0.1)]'
        raise ContractError(explain("regularizers", wanted="a list of functions of the model", got=got, cure=cure))
