"""`Forwarding`: what a model offers of the rooms above it, as methods."""

from __future__ import annotations

from typing import Any

import xarray as xr

import convis_xr
from convis_xr.errors import ContractError, explain
from convis_xr.keeping import Keeping


class Forwarding(Keeping):
    """Running, fitting and plotting, each in one line of the model; what does it is imported when it is asked for."""

    def run(self, stimulus: Any, *, carry: bool = False, **options: Any) -> xr.Dataset:
        """Run over data of any length; see `convis_xr.run`.

        ``carry=True`` goes on from the held state and updates it.
        """
        if carry:
            if options.get("repeats") is not None:
                got, cure = f"repeats={options['repeats']}", "state=result.convis.state"
                raise ContractError(explain("carry", wanted="one trial: a layer holds one state", got=got, cure=cure))
            options["state"] = self._held() or None
        result = convis_xr.run(self, stimulus, **options)
        if carry:
            self.set_state(result.convis.state)
        return result

    def plan(self, stimulus: Any, **options: Any) -> Any:
        """What `run` would do; see `convis_xr.plan`."""
        return convis_xr.plan(self, stimulus, **options)

    def impulse_response(self, duration: Any = 500, size: Any = 10, **options: Any) -> Any:
        """The response to one pixel lit for one step, by a run of its own; `convis_xr.analysis.impulse_response`."""
        layer: Any = self
        return convis_xr.analysis.impulse_response(layer, duration, size, **options)

    def plot_impulse(self, duration: Any = 500, size: Any = 10, **options: Any) -> Any:
        """The impulse response over time, as a holoviews picture; see `convis_xr.plotting.impulse_time`."""
        return convis_xr.plotting.impulse_time(self.impulse_response(duration, size, **options))

    def plot_impulse_space(self, duration: Any = 100, size: Any = 20, **options: Any) -> Any:
        """The impulse response over space, as a holoviews picture; see `convis_xr.plotting.impulse_space`."""
        return convis_xr.plotting.impulse_space(self.impulse_response(duration, size, **options))

    def optimize(
        self, inp: Any, outp: Any, optimizer: Any = None, *, dt: Any = None, t_skip: Any = 0, **options: Any
    ) -> xr.Dataset:
        """Fit the model, so that it answers ``inp`` by ``outp``; see `convis_xr.fit`.

        Parameters
        ----------
        inp, outp : DataArray
            Stimulus and response.
        optimizer : optional
            By default what `set_optimizer` has chosen.
        dt : int or quantity, optional
            Length of a chunk, ``chunk`` of `convis_xr.fit`.
        t_skip : int or quantity
            Start of the response that is shown without calling the optimizer, ``skip`` of `convis_xr.fit`.
        **options
            Further arguments of `convis_xr.fit`.

        Returns
        -------
        Dataset
        """
        options = self._renamed(options, dt, t_skip)
        return convis_xr.fit(self, inp, outp, optimizer=optimizer, **options)

    def compute_loss(self, inp: Any, outp: Any, *, dt: Any = None, t_skip: Any = 0, **options: Any) -> float:
        """How far the model's answer to ``inp`` is from ``outp``; see `convis_xr.fitting.evaluate`.

        Parameters
        ----------
        inp, outp, dt, t_skip
            As of `optimize`.
        **options
            Further arguments of `convis_xr.fitting.evaluate`, such as ``loss="poisson"``.

        Examples
        --------
        >>> import convis_xr as cx
        >>> stimulus, response = cx.stimuli.generate_sample_data(size=(100, 8, 8))
        >>> model = cx.models.LN((10, 5, 5))
        >>> before = model.compute_loss(stimulus, response)
        >>> _ = model.set_optimizer.Adam(lr=0.01)
        >>> _ = model.optimize(stimulus, response, dt=20)
        >>> model.compute_loss(stimulus, response) < before
        True
        """
        return float(convis_xr.fitting.evaluate(self, inp, outp, **self._renamed(options, dt, t_skip)).loss)

    @staticmethod
    def _renamed(options: dict[str, Any], dt: Any, t_skip: Any) -> dict[str, Any]:
        """Arguments by the names that they have now; ``loss_fn`` is ``loss``."""
        given = {"chunk": dt, "skip": t_skip or None, "loss": options.pop("loss_fn", None)}
        given = {name: value for name, value in given.items() if value is not None}
        for name in given:
            if name in options:
                old = {"chunk": "dt", "skip": "t_skip", "loss": "loss_fn"}[name]
                cure = f"leave {old}= out"
                raise ContractError(explain(name, wanted=f"{name}= or {old}=", got="both", cure=cure))
        return {**options, **given}
