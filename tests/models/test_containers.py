"""Containers against what their parts give, put together by numpy."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
import xarray as xr
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import convis_xr as cx
from tests.models.oracle import film_of, random_film

Array = np.ndarray
models, filters = cx.models, cx.filters
FILM = random_film(shape=(2, 9, 4, 5))


def pair() -> list[cx.Layer]:
    return [filters.LowPass("3 ms"), filters.GammaLowPass("9 ms", 1)]


def outputs() -> list[Array]:
    return [layer(FILM).values for layer in pair()]


def test_in_a_row_each_part_gets_what_the_one_before_it_gives() -> None:
    wanted = FILM
    for layer in pair():
        wanted = layer(wanted)
    for container in (models.List(*pair()), models.Sequential(*pair()), models.Dict(*pair())):
        np.testing.assert_array_equal(container(FILM), wanted)


def test_parts_may_be_layers_modules_functions_names_and_nothing() -> None:
    model = models.Sequential(
        filters.Conv3d(2, 1, (3, 3, 3)), None, torch.nn.Softplus(), lambda x: 2 * x, "square", models.LN((2, 2, 2))
    )
    x = torch.from_numpy(FILM.values)[None].float()
    wanted = model[0](x)
    wanted = model[5]((2 * torch.nn.functional.softplus(wanted)) ** 2)
    model.clear_state()
    torch.testing.assert_close(model(x), wanted)


REDUCED: dict[str, Callable[[Array, int], Array]] = {
    "sum": lambda values, axis: values.sum(axis),
    "mean": lambda values, axis: values.mean(axis),
    "product": lambda values, axis: values.prod(axis),
}


@pytest.mark.parametrize("combine", REDUCED)
def test_outputs_are_combined_value_by_value(combine: str) -> None:
    made = models.Parallel(*pair(), combine=combine)(FILM)
    np.testing.assert_allclose(made, REDUCED[combine](np.stack(outputs()), 0), rtol=1e-12)
    assert made.dims == FILM.dims


@pytest.mark.parametrize(("dim", "axis"), [("channel", 0), ("y", 2), ("x", 3)])
def test_outputs_are_joined_along_a_dimension(dim: str, axis: int) -> None:
    made = models.List(*pair(), mode="parallel", dim=dim)(FILM)
    np.testing.assert_array_equal(made, np.concatenate(outputs(), axis))
    assert made.sizes[dim] == 2 * FILM.sizes[dim]
    for combine, reduced in REDUCED.items():
        made = models.List(*pair(), mode="parallel", combine=combine, dim=dim)(FILM)
        wanted = reduced(np.concatenate(outputs(), axis), axis)
        np.testing.assert_allclose(made.values.reshape(wanted.shape), wanted, rtol=1e-12)


def test_channels_are_joined_by_default() -> None:
    np.testing.assert_array_equal(models.Parallel(*pair())(FILM), np.concatenate(outputs(), 0))


def test_what_comes_of_an_entry_of_a_batch_stays_together() -> None:
    batch = xr.concat([FILM, 2 * FILM, 3 * FILM], "batch").assign_attrs(FILM.attrs)
    together = models.Parallel(*pair(), dim="batch")(batch)
    alone = [models.Parallel(*pair(), dim="batch")(batch.isel(batch=[entry])) for entry in range(3)]
    np.testing.assert_array_equal(together, np.concatenate([part.values for part in alone]))
    np.testing.assert_array_equal(alone[0], np.stack(outputs()))
    summed = models.Parallel(*pair(), combine="sum", dim="batch")(batch)
    np.testing.assert_allclose(summed[0], sum(outputs()), rtol=1e-12)
    assert summed.sizes["batch"] == 3


def test_a_function_a_module_or_a_layer_may_combine() -> None:
    class Difference(torch.nn.Module):
        def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
            return a - b

    one, other = outputs()
    for combine in (lambda a, b: a - b, torch.sub, Difference()):
        model = models.Parallel(*pair(), combine=combine)
        np.testing.assert_allclose(model(FILM), one - other, rtol=1e-12)
        assert len(model) == 2
    np.testing.assert_allclose(models.Parallel(*pair(), combine=filters.Sum())(FILM), one + other, rtol=1e-12)


def test_how_parts_run_may_be_changed() -> None:
    model = models.List(*pair())
    model.mode, model.combine = "parallel", torch.nn.Bilinear(1, 1, 1)
    model.combine = "sum"
    np.testing.assert_allclose(model(FILM), sum(outputs()), rtol=1e-12)
    assert [*model.m] == ["layer_0", "layer_1"]


# --- named outputs -----------------------------------------------------------------------------------------


def test_named_outputs_make_a_dataset() -> None:
    model = models.Dict(fast=pair()[0], slow=pair()[1], mode="parallel", combine="none")
    assert model.output_names == ("fast", "slow")
    made = model(FILM)
    for name, wanted in zip(("fast", "slow"), outputs(), strict=True):
        np.testing.assert_array_equal(made[name], wanted)
        assert made[name].attrs["units"] == "1"
    only = cx.run(models.Dict(fast=pair()[0], slow=pair()[1], mode="parallel", combine="none"), FILM, outputs=["slow"])
    assert list(only.data_vars) == ["slow"]
    np.testing.assert_array_equal(only.slow, outputs()[1])


def screen() -> xr.DataArray:
    values = np.full((40, 6, 6), 0.5)
    values[10:, 2:4, 2:4] = 1.0
    return film_of(values).assign_attrs(valid_range=(0, 1))


def test_a_retina_within_is_asked_for_its_outputs() -> None:
    retina = models.Retina("primate")(screen())
    model = models.Parallel(retina=models.Retina("primate"), ln=models.LN((3, 3, 3)), combine="none")
    assert model.default_outputs == (*(f"retina_{name}" for name in retina.data_vars), "ln")
    assert model(screen()).retina_magno_on.attrs["units"] == "count"
    inner = cx.run(model, screen(), outputs=["retina_magno_on_current", "ln"])
    assert list(inner.data_vars) == ["retina_magno_on_current", "ln"]
    wanted = cx.run(models.Retina("primate"), screen(), outputs=["magno_on_current"])
    np.testing.assert_array_equal(inner.retina_magno_on_current, wanted.magno_on_current)
    # at the end of a row its outputs are those of the model
    row = models.Sequential(filters.LowPass("1 ms"), models.Retina("primate"))
    assert set(row(screen()).data_vars) == set(retina.data_vars)
    assert cx.run(row, screen(), outputs=["adaptation"]).adaptation.attrs["units"] == "Hz"


def test_one_of_several_outputs_has_to_be_picked() -> None:
    with pytest.raises(cx.ContractError, match=r"Sequential: layer_0: wanted a part with one output, got .*Pick"):
        models.Sequential(models.Retina("primate"), models.LN((3, 3, 3)))(screen())
    with pytest.raises(cx.ContractError, match=r"Parallel: layer_0: wanted a part with one output"):
        models.Parallel(models.Retina("primate"), models.LN((3, 3, 3)))(screen())
    one = models.Sequential(models.Retina("primate", ganglion=["magno_on"]), models.LN((3, 3, 3)))(screen())
    assert one.sizes["time"] == 40


def test_names_that_would_be_there_twice() -> None:
    inner = models.Dict(b=pair()[0], c=pair()[1], mode="parallel", combine="none")
    model = models.Dict(a=inner, a_b=filters.LowPass(), mode="parallel", combine="none")
    with pytest.raises(cx.ContractError, match="a_b: wanted one output of this name"):
        model(FILM)


# --- as lists and dicts of Python ---------------------------------------------------------------------------


def test_a_list_is_a_list() -> None:
    a, b, c, d = (filters.LowPass(f"{k} ms") for k in range(1, 5))
    model = models.List(a, b)
    model.append(c).extend([d])
    assert list(model) == [a, b, c, d]
    assert (len(model), model[-1], model[1:3]) == (4, d, [b, c])
    assert model.layer_2 is c
    assert model["layer_2"] is c
    model[1] = torch.relu
    assert model[1] is torch.relu
    del model[0]
    assert list(model.named_parts()) == ["layer_0", "layer_1", "layer_2"]
    model.insert(0, a)
    model += [b]
    assert list(model) == [a, torch.relu, c, d, b]
    assert next(reversed(model)) is b
    assert c in model
    with pytest.raises(IndexError):
        model[9]
    with pytest.raises(KeyError, match="wanted one of layer_0"):
        model["nothing"]


def test_a_dict_is_a_dict() -> None:
    a, b, c = (filters.LowPass(f"{k} ms") for k in range(1, 4))
    model = models.Dict({"a": a}, ("b", b), c, d="relu")
    assert (list(model), list(model.keys()), len(model)) == (["a", "b", "layer_2", "d"],) * 2 + (4,)
    assert model.values()[:3] == [a, b, c]
    assert dict(model.items())["d"] is torch.relu
    assert ("a" in model, "z" in model, model["b"], model[1], model.b) == (True, False, b, b, b)
    model["e"] = "tanh"
    del model["a"]
    assert list(model) == ["b", "layer_1", "d", "e"]


def test_names_complete() -> None:
    model = models.Sequential(first=filters.LowPass(), second=models.List(filters.LowPass()))
    config = Config()
    config.HistoryManager.enabled = False
    config.Completer.use_jedi = False
    shell = InteractiveShell(config=config)
    shell.user_ns["model"] = model
    for text, wanted in (("model.sec", "second"), ("model.second.lay", "layer_0"), ("model.m.second.lay", "layer_0")):
        with provisionalcompleter():
            found = {made.text.rpartition(".")[2] for made in shell.Completer.completions(text, len(text))}
        assert wanted in found, text
    assert "first" in dir(model)
    assert [*model.p] == ["first.tau", "second.layer_0.tau"]


@pytest.mark.parametrize("name", ["run", "p", "mode", "combine", "not a name", "_hidden", "9a", ""])
def test_names_that_parts_cannot_have(name: str) -> None:
    with pytest.raises(cx.ParameterError, match="name: wanted"):
        models.Sequential({name: filters.LowPass()})
    with pytest.raises(cx.ParameterError, match="twice"):
        models.Sequential({"a": filters.LowPass()}, a=filters.LowPass())


@pytest.mark.parametrize("part", [5, "no nonlinearity", filters.LowPass, [filters.LowPass()]])
def test_what_is_no_part(part: object) -> None:
    with pytest.raises(cx.ParameterError, match="part: wanted a layer"):
        models.List(part)


# --- faults -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "both"}, "mode: wanted sequential or parallel"),
        ({"combine": "cat"}, "combine: wanted a function or one of concat"),
        ({"dim": 1}, "dim: wanted the name of a dimension among batch, channel, y, x"),
        ({"dim": "time"}, "dim: wanted the name of a dimension"),
    ],
)
def test_options_that_are_none(options: dict[str, object], message: str) -> None:
    with pytest.raises(cx.ParameterError, match=message):
        models.List(filters.LowPass(), **options)  # type: ignore[arg-type]


def test_outputs_that_do_not_fit_together() -> None:
    cell, frame = models.LN((1, 2, 2), population=False, in_channels=2), filters.LowPass()
    with pytest.raises(cx.ContractError, match=r"combine: wanted outputs of one shape but for channel, got .*layer_0 "):
        models.Parallel(cell, frame)(FILM)
    with pytest.raises(cx.ContractError, match=r"combine: wanted outputs of one shape, got"):
        models.Parallel(copy.deepcopy(cell), filters.LowPass(), combine="sum")(FILM)


@pytest.mark.parametrize("wrong", [lambda x: x[0], lambda x: x[:, :, 1:], lambda x: None, lambda x: x.numpy()])
def test_parts_that_give_something_else(wrong: Callable[[torch.Tensor], object]) -> None:
    for model in (models.Sequential(wrong, filters.LowPass()), models.Parallel(wrong), models.Sequential(wrong)):
        with pytest.raises(cx.ContractError, match=r"layer_0: wanted a tensor \(batch, channel, time: 9, y, x\)"):
            model(FILM)


def test_without_parts_there_is_nothing_to_run() -> None:
    for model in (models.List(), models.Parallel(), models.Sequential(None)):
        with pytest.raises(cx.ContractError, match="wanted at least one part"):
            model(FILM)


def test_a_layer_with_state_serves_once() -> None:
    shared = filters.LowPass()
    with pytest.raises(cx.ContractError, match="LowPass at 'layer_0': wanted one call for each chunk"):
        models.List(shared, shared)(FILM)


# --- units, footprints, states ------------------------------------------------------------------------------


def test_numbers_are_converted_to_the_unit_of_the_next_part() -> None:
    current = film_of(np.full((1000, 1, 1), 100.0)).assign_attrs(units="Hz")
    wanted = int(cx.spiking.NoisyLIF(noise=0.0)(current).sum())
    assert wanted > 50
    thousandth = (current / 1000).assign_attrs(units="kHz")
    for first in (filters.LowPass("0 ms"), models.Sequential(filters.LowPass("0 ms"))):
        model = models.Sequential(first, cx.spiking.NoisyLIF(noise=0.0))
        assert (model.units_in, model.bare_in) == ("Hz", True)
        assert int(model(thousandth).sum()) == wanted
        assert model(thousandth).attrs["units"] == "count"

    class KiloHertz(cx.Layer):
        units_out = "kHz"

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x / 1000

    inner = models.Sequential(models.Sequential(KiloHertz(), "relu"), models.List(cx.spiking.NoisyLIF(noise=0.0)))
    assert inner.units_in is None
    assert int(inner(current).sum()) == wanted
    with pytest.raises(cx.UnitError, match="input of NoisyLIF"):
        models.Sequential(cx.spiking.NoisyLIF(), cx.spiking.NoisyLIF())(current)
    with pytest.raises(cx.UnitError, match="input of Parallel"):
        models.Parallel(filters.LowPass(), cx.spiking.NoisyLIF(), combine="none")(current.assign_attrs(units="deg"))


def test_units_of_combinations() -> None:
    film = FILM.assign_attrs(units="Hz")
    two = [filters.LowPass("3 ms"), filters.LowPass("5 ms")]
    assert models.Parallel(*copy.deepcopy(two), combine="sum")(film).attrs["units"] == "Hz"
    assert (
        cx.units.factor(models.Parallel(*copy.deepcopy(two), combine="product")(film).attrs["units"], "Hz^2", "") == 1
    )
    assert models.Parallel(*copy.deepcopy(two), combine=torch.add)(film).attrs["units"] == "1"
    assert models.Parallel(*copy.deepcopy(two), combine=filters.Sum())(film).attrs["units"] == "Hz"
    mixed = models.Parallel(filters.LowPass(), models.LN((1, 1, 1), in_channels=2))
    with pytest.raises(cx.ContractError, match="combine: wanted outputs in one unit, got Hz, 1"):
        mixed(film)
    assert mixed(FILM).attrs["units"] == "1"
    with pytest.raises(cx.ContractError, match="combine: wanted outputs in one unit"):
        models.Sequential(copy.deepcopy(mixed), cx.spiking.NoisyLIF())(film)


def test_a_part_that_looks_at_no_unit_may_follow_several() -> None:
    film = FILM.assign_attrs(units="cd/m^2")
    mixed = models.Parallel(filters.LowPass(), models.LN((1, 1, 1), in_channels=2))
    model = models.Sequential(models.List(filters.LowPass("2 ms"), mixed), models.LN((2, 2, 2), in_channels=3))
    assert model(film).attrs["units"] == "1"
    with pytest.raises(cx.ContractError, match=r"got cd/m\^2, 1"):
        models.Sequential(filters.LowPass("2 ms"), copy.deepcopy(mixed))(film)


def test_footprints_compose() -> None:
    sampling = cx.Sampling("1 ms", "0.1 deg")
    conv, blur = filters.Conv3d(1, (5, 3, 3)), filters.Gaussian("0.1 deg")
    one, other = conv.footprint(sampling), blur.footprint(sampling)
    assert models.Sequential(conv, blur, "relu").footprint(sampling) == one.then(other)
    beside = models.Parallel(conv, blur, combine="none")
    assert beside.footprint(sampling) == one.beside(other)
    beside.combine, beside.dim = "sum", "x"
    assert beside.footprint(sampling).radius == float("inf")
    beside.combine, beside.dim = "concat", "channel"
    assert beside.footprint(sampling).mixes_channels
    assert models.Sequential(lambda x: x.flip(-1)).footprint(sampling).radius == float("inf")


def test_states_have_paths_of_their_own_and_go_on() -> None:
    def build() -> cx.Layer:
        inner = models.Parallel(a=models.Sequential(*pair()), b=filters.LowPass("2 ms"), combine="sum")
        return models.Sequential(filters.PartialHighPass("5 ms", 0.5), inner)

    whole, pieces = build(), build()
    wanted = whole(FILM)
    got = xr.concat([pieces(FILM.isel(time=part)) for part in (slice(0, 2), slice(2, None))], "time")
    np.testing.assert_array_equal(got, wanted)
    paths = ["layer_0.low_pass", "layer_1.a.layer_0.low_pass", "layer_1.a.layer_1.cascade", "layer_1.b.low_pass"]
    assert sorted(pieces.get_state()) == paths
    for path, value in whole.get_state().items():
        torch.testing.assert_close(pieces.get_state()[path], value, rtol=0, atol=0)


def test_cells_that_give_one_of_several_outputs_stand_side_by_side() -> None:
    current = random_film(shape=(40, 3, 2)).assign_attrs(units="Hz") * 300
    model = models.Parallel(
        lif=models.Sequential(filters.LowPass("3 ms"), cx.spiking.NoisyLIF(seed=2)),
        poisson=cx.spiking.Poisson(),
        combine="none",
    )
    made = model(current)
    assert list(made.data_vars) == ["lif_response", "poisson"]
    times = cx.run(model, current, outputs=["lif_response", "lif_times"], chunk=7)
    np.testing.assert_array_equal(times.lif_response, made.lif_response)
    assert times.lif_times.size == int(made.lif_response.sum()) > 0


def test_a_part_may_be_exchanged_by_its_name() -> None:
    model = models.Sequential(blur=filters.LowPass("3 ms"), bend="relu")
    model.bend = torch.tanh
    assert model["bend"] is torch.tanh
    np.testing.assert_allclose(model(FILM), np.tanh(filters.LowPass("3 ms")(FILM)), rtol=1e-6)
    with pytest.raises(cx.ParameterError, match="bend: wanted a layer"):
        model.bend = 5
