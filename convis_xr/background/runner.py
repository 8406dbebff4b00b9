"""`Runner`: a model that runs, or is fitted, in a thread of its own."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

import torch
import xarray as xr

from convis_xr import dims
from convis_xr.background.sinks import sink_of
from convis_xr.contract import check_stimulus
from convis_xr.engine import run
from convis_xr.errors import ContractError, explain
from convis_xr.fitting import fit as fit_model
from convis_xr.layer import Layer
from convis_xr.pairing import check_response
from convis_xr.sampling import Sampling
from convis_xr.streams import Stream

#: pieces of an endless response that are kept
KEPT = 100
#: samples in a piece where nothing is said
PIECE = 100


class Runner:
    """Runs a model piece by piece in a thread, which can be paused, stopped, and started again where it was.

    The model is not changed: the state is the runner's own. Parameters that are set meanwhile count from the next
    piece on. With a ``goal`` the parameters are fitted, piece after piece, by the optimizer that the model holds.

    Parameters
    ----------
    model : Layer
    input : DataArray, Dataset of one variable, or Stream
        Read piece by piece.
    output : callable or path, optional
        A function that is called (in the thread) with every piece of the response, a Dataset; or a zarr store to
        write, which must not exist. By default pieces are kept in memory.
    goal : DataArray or Stream, optional
        What the model shall answer, as ``response`` of `convis_xr.fit`, step by step beside the input. Each piece is
        fitted to and then shown, so that the output is what the model gives with its new parameters.
    chunk : int or quantity
        Length of a piece in samples or time.
    keep : int, optional
        Pieces kept in memory; by default all, of a Stream the last 100.
    state : dict of Tensor, optional
        Go on from this state.
    fit : dict, optional
        Arguments of `convis_xr.fit`, beside a goal: ``{"loss": "poisson", "epochs": 3}``.
    **options
        ``outputs``, ``initial``, ``seed``, ``nan``, ``dtype``, ``device``, ``memory``, as of `convis_xr.run`.

    Raises
    ------
    ContractError
        Something of these is not what it must be.

    Notes
    -----
    What goes wrong in the thread is raised by the next of `join`, `result`, `stop`, `pause` and `start`, as it is.
    After that `start` begins with the piece that it went wrong with, so that none is lost.

    Examples
    --------
    >>> import convis_xr as cx, numpy as np
    >>> film = cx.as_stimulus(np.ones((500, 2, 2)), dt="1 ms", pixel_size="0.1 deg", units="1")
    >>> with cx.Runner(cx.filters.LowPass("10 ms"), film, chunk="50 ms") as runner:
    ...     response = runner.result()
    >>> response.sizes["time"], runner.progress
    (500, 1.0)
    """

    def __init__(
        self,
        model: Layer,
        input: Any,
        output: Any = None,
        goal: Any = None,
        *,
        chunk: Any = PIECE,
        keep: int | None = None,
        state: Mapping[str, torch.Tensor] | None = None,
        fit: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        if not isinstance(model, Layer):
            got, cure = type(model).__name__, "cx.models.Retina()"
            raise ContractError(explain("model", wanted="a convis_xr.Layer", got=got, cure=cure))
        _check_options(options, keep)
        self._model, self._options = model, options
        self._pieces, self._total = _pieces(input, chunk)
        self._goals = None if goal is None else _goals(goal, chunk)
        self._fit_options = dict(fit or {})
        self._losses: list[float] = []
        self._kept = KEPT if keep is None and self._total is None else keep
        self._sink = sink_of(output, self._kept)
        self._state = dict(_checked_state(state))
        self._done = 0
        self._piece: xr.DataArray | None = None
        self._goal: xr.DataArray | None = None
        self._at_end = False
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        self._wanted = self._resting = "stop"

    # --- what it does ---------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Run, or go on after `stop`; nothing happens where it runs already, or the input is at its end."""
        self._raise()
        with self._changed:
            if self._thread is None and not self._at_end:
                self._wanted, self._resting = "run", ""
                self._thread = threading.Thread(target=self._work, name="convis_xr runner", daemon=True)
                self._thread.start()
        return self.resume()

    def pause(self) -> Self:
        """Rest once the piece at work is done, and wait for that."""
        with self._changed:
            if self._wanted == "run":
                self._wanted = "pause"
            self._changed.notify_all()
            if not self._is_own_thread():
                self._changed.wait_for(lambda: self._resting or self._thread is None)
        self._raise()
        return self

    def resume(self) -> Self:
        """Go on after `pause`."""
        with self._changed:
            if self._wanted == "pause":
                self._wanted = "run"
            self._changed.notify_all()
        return self

    def stop(self) -> Self:
        """End the thread once the piece at work is done, and wait for that. `start` goes on from there."""
        with self._changed:
            self._wanted = "stop"
            self._changed.notify_all()
        return self if self._is_own_thread() else self.join()

    def join(self, timeout: float | None = None) -> Self:
        """Wait until the input is at its end, or the runner was stopped, and raise what went wrong.

        Parameters
        ----------
        timeout : float, optional
            Seconds.

        Raises
        ------
        TimeoutError
            It runs still.
        ContractError
            It is paused, and would never end.
        """
        thread = self._thread
        if thread is not None:
            if self.paused and timeout is None:
                raise ContractError(explain("join", wanted="a runner at work", got="a paused one", cure="resume()"))
            thread.join(timeout)
            if thread.is_alive():
                raise TimeoutError(f"the runner is still at work after {timeout:g} s")
        self._raise()
        return self

    def result(self, timeout: float | None = None) -> xr.Dataset:
        """`join`, then the response: what is kept in memory, or the store.

        Raises
        ------
        ContractError
            There is none.
        """
        self.join(timeout)
        made = self.output
        if made is None:
            raise ContractError(explain("result", wanted="a response", got="none yet", cure="start()"))
        return made

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.stop()
            return
        with self._changed:
            self._wanted = "stop"
            self._changed.notify_all()
        if self._thread is not None and not self._is_own_thread():
            self._thread.join()

    # --- how it stands --------------------------------------------------------------------------------------

    @property
    def output(self) -> xr.Dataset | None:
        """The response so far: the pieces in memory, the last piece of a function's, or the store; None before it."""
        with self._changed:
            return self._sink.get(self._state)

    @property
    def state(self) -> dict[str, torch.Tensor]:
        """State of the model after the last piece that is done."""
        with self._changed:
            return {path: value.clone() for path, value in self._state.items()}

    @property
    def done(self) -> int:
        """Samples that are done."""
        return self._done

    @property
    def progress(self) -> float | None:
        """The part of the input that is done, 0 to 1; None where it has no end."""
        return None if self._total is None else self._done / self._total

    @property
    def losses(self) -> list[float]:
        """Of each piece that was fitted to, the loss from before its first step."""
        return list(self._losses)

    @property
    def running(self) -> bool:
        """Whether it is at work."""
        return self._thread is not None and self._wanted == "run"

    @property
    def paused(self) -> bool:
        """Whether it was paused."""
        return self._thread is not None and self._wanted == "pause"

    def __repr__(self) -> str:
        how = "failed" if self._error else "running" if self.running else "paused" if self.paused else "stopped"
        of = "" if self._total is None else f" of {self._total}"
        return f"Runner({type(self._model).__name__}, {how}, {self._done}{of} samples)"

    # --- the thread -----------------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            while self._may_go_on():
                # what went wrong with once comes again
                self._piece = next(self._pieces, None) if self._piece is None else self._piece
                if self._piece is None:
                    self._at_end = True
                    break
                self._show(self._piece)
                self._piece = self._goal = None
            self._sink.pause(self._state)
        except BaseException as error:
            self._error = error
        finally:
            with self._changed:
                self._wanted = self._resting = "stop"
                self._thread = None
                self._changed.notify_all()

    def _may_go_on(self) -> bool:
        """Wait while it is paused; False where it was stopped."""
        with self._changed:
            if self._wanted == "pause":
                self._sink.pause(self._state)
                self._resting = "pause"
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._wanted != "pause")
                self._resting = ""
            return self._wanted == "run"

    def _show(self, piece: xr.DataArray) -> None:
        begin = {"state": self._state} if self._state else {"initial": self._options.get("initial")}
        if self._goals is not None:
            self._fit(piece, begin)
        made = run(self._model, piece, **{**self._options, "initial": None, "progress": False, **begin})
        state = made.convis.state
        with self._changed:
            # what a run notes of itself is true of the piece alone
            self._sink.put(made.drop_attrs(deep=False))
            self._state = state
            self._done += piece.sizes[dims.TIME]

    def _fit(self, piece: xr.DataArray, begin: Mapping[str, Any]) -> None:
        """Fit the model to the goal of a piece."""
        assert self._goals is not None
        self._goal = next(self._goals, None) if self._goal is None else self._goal
        if self._goal is None:
            got, cure = "one that has ended", "a goal for every sample of the input"
            raise ContractError(explain("goal", wanted="as many samples as the input has", got=got, cure=cure))
        names = ("seed", "dtype", "device")
        shared: dict[str, Any] = {name: one for name, one in self._options.items() if name in names}
        options: dict[str, Any] = {"progress": False, **shared, **self._fit_options, **begin}
        # a piece that the model tells already is no news
        fitted = inspect.unwrap(fit_model)(self._model, piece, self._goal, **options)
        self._losses.append(float(fitted.step_loss[0]) if fitted.sizes["step"] else float("nan"))

    def _is_own_thread(self) -> bool:
        return threading.current_thread() is self._thread

    def _raise(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error


def _checked_state(state: Any) -> Mapping[str, torch.Tensor]:
    if state is not None and not isinstance(state, Mapping):
        cure = "state=result.convis.state"
        raise ContractError(explain("state", wanted="a dict of tensors", got=type(state).__name__, cure=cure))
    return state or {}


def _pieces(data: Any, chunk: Any) -> tuple[Iterator[xr.DataArray], int | None]:
    """The input piece by piece, and how many samples it has in all."""
    if isinstance(data, Stream):
        _length(data.sampling, chunk)
        return data.blocks(chunk), None
    array, sampling = check_stimulus(data, "input")
    length, total = _length(sampling, chunk), array.sizes[dims.TIME]
    return (array.isel({dims.TIME: slice(first, first + length)}) for first in range(0, total, length)), total


def _goals(goal: Any, chunk: Any) -> Iterator[xr.DataArray]:
    """The goal piece by piece."""
    if isinstance(goal, Stream):
        return goal.blocks(chunk)
    response = check_response(goal, frames=True, missing=True)
    length = _length(Sampling.of(response[dims.TIME]), chunk)
    total = response.sizes[dims.TIME]
    return (response.isel({dims.TIME: slice(first, first + length)}) for first in range(0, total, length))


def _length(sampling: Sampling, chunk: Any) -> int:
    length = sampling.steps(chunk, "chunk")
    if length < 1:
        raise ContractError(explain("chunk", wanted="at least one sample", got=str(chunk), cure="chunk=100"))
    return length


def _check_options(options: Mapping[str, Any], keep: Any) -> None:
    known = ("outputs", "initial", "seed", "nan", "dtype", "device", "memory")
    unknown = sorted(set(options) - set(known))
    if unknown:
        wanted = f"options among {', '.join(known)}"
        raise ContractError(explain("Runner", wanted=wanted, got=unknown[0], cure="leave it out"))
    if keep is not None and (isinstance(keep, bool) or not isinstance(keep, int) or keep < 1):
        raise ContractError(explain("keep", wanted="a number of pieces, at least 1", got=repr(keep), cure="keep=10"))
