"""What must hold for every public layer and model, whatever the split of time, the order of dimensions, the precision.

A layer goes through all of it by being registered in `tests/properties/cases`; one that is not registered fails.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import convis_xr as cx
from convis_xr.context import InputInfo
from convis_xr.random_layer import RandomLayer
from tests.properties.cases import filters, models, retina, spiking
from tests.properties.cases.case import STEPS, Case, arrays_of

CASES = [*filters.CASES, *spiking.CASES, *models.CASES, *retina.CASES]
ROOMS = (cx.filters, cx.spiking, cx.models, cx.models.retina)

every_case = pytest.mark.parametrize("case", CASES, ids=str)


def where(holds: Callable[[Case], bool]) -> pytest.MarkDecorator:
    """Only those cases that a rule speaks of."""
    return pytest.mark.parametrize("case", [case for case in CASES if holds(case)], ids=str)


#: a run has one stimulus
every_run = where(lambda case: case.inputs == 1)
chunkings = st.lists(st.integers(1, 9), min_size=1, max_size=STEPS)

Arrays = dict[str, np.ndarray]


def assert_same(case: Case, got: Arrays, wanted: Arrays, rounding: bool | None = None) -> None:
    """Equal to the bit, or to rounding where the case says so."""
    assert got.keys() == wanted.keys()
    for key, value in wanted.items():
        if case.rounding if rounding is None else rounding:
            error = np.linalg.norm(got[key].astype(float) - value) / max(np.linalg.norm(value.astype(float)), 1e-30)
            assert error < 1e-6, (key, error)
        else:
            np.testing.assert_array_equal(got[key], value, err_msg=key)


def cut(lengths: list[int]) -> list[slice]:
    edges = [min(edge, STEPS) for edge in np.cumsum([0, *lengths])]
    edges = [*dict.fromkeys([*edges, STEPS])]
    return [slice(start, stop) for start, stop in pairwise(edges)]


def state_of(layer: cx.Layer) -> Arrays:
    return {path: value.numpy() for path, value in layer.get_state().items()}


def test_every_public_layer_is_registered() -> None:
    public = {
        kind
        for room in ROOMS
        for name in room.__all__
        if isinstance(kind := getattr(room, name), type) and issubclass(kind, cx.Layer)
    }
    assert len({case.name for case in CASES}) == len(CASES)
    missing = public - {case.part or type(case.layer()) for case in CASES}
    assert not missing, f"register in tests/properties/cases: {sorted(kind.__name__ for kind in missing)}"


@every_case
def test_something_comes_out(case: Case) -> None:
    assert all(np.ptp(value.astype(float)) > 0 for value in case.respond(case.layer(), case.film()).values())


@every_case
@settings(max_examples=8)
@given(lengths=chunkings)
def test_pieces_are_the_whole(case: Case, lengths: list[int]) -> None:
    stimulus, whole, pieces = case.film(), case.layer(), case.layer()
    wanted = case.respond(whole, stimulus)
    parts = [case.respond(pieces, stimulus.isel(time=part)) for part in cut(lengths)]
    got = {key: np.concatenate([part[key] for part in parts], axis=2) for key in wanted}
    assert_same(case, got, wanted)
    assert_same(case, state_of(pieces), state_of(whole))


@every_run
@settings(max_examples=5)
@given(chunk=st.integers(1, STEPS))
def test_a_run_gives_what_a_call_gives(case: Case, chunk: int) -> None:
    layer = case.layer()
    ran = cx.run(case.layer(), case.film(), chunk=chunk, progress=False)
    assert_same(case, arrays_of(ran), case.respond(layer, case.film()))
    assert_same(case, {path: value.numpy() for path, value in ran.convis.state.items()}, state_of(layer))


@every_run
@settings(max_examples=5)
@given(y=st.sampled_from([(0, 2), (1, 4), (4, 5)]), x=st.sampled_from([(0, 1), (2, 4), (1, 6)]))
def test_a_part_of_the_frame_is_that_part_of_the_whole(case: Case, y: tuple[int, int], x: tuple[int, int]) -> None:
    whole = cx.run(case.layer(), case.film(), progress=False)
    frame = {"y": slice(*y), "x": slice(*x)}
    if "cell" in whole.dims and "y" in whole.coords:
        centres = {name: case.film()[name].values[part] for name, part in frame.items()}
        near = [abs(whole[name] - values.mean()) < np.ptp(values) / 2 + 0.05 for name, values in centres.items()]
        inside = (near[0] & near[1]).values
        if not inside.any():
            return
        wanted = whole.isel(cell=inside)
    elif any(whole.sizes.get(name) != case.film().sizes[name] for name in frame):
        with pytest.raises(cx.ContractError, match="region, cells: wanted an output"):
            cx.run(case.layer(), case.film(), region=frame, progress=False)
        return
    else:
        wanted = whole.isel(frame)
    part = cx.run(case.layer(), case.film(), region=frame, chunk=9, progress=False)
    assert_same(case, arrays_of(part), arrays_of(wanted))


@every_run
def test_trials_are_runs_of_their_own(case: Case) -> None:
    alone = cx.run(case.layer(), case.film(), progress=False)
    trials = cx.run(case.layer(), case.film(), repeats=2, chunk=9, progress=False)
    first = {name: value[0] for name, value in arrays_of(trials).items()}
    assert_same(case, first, arrays_of(alone))


@every_case
@settings(max_examples=8)
@given(after=st.integers(1, STEPS - 1))
def test_the_future_does_not_change_the_past(case: Case, after: int) -> None:
    stimulus = case.film()
    changed = stimulus.copy(deep=True)
    changed[:, :, after:] = stimulus.values[:, :, after:][..., ::-1] * 0.5
    one, other = (case.respond(case.layer(), film) for film in (stimulus, changed))
    before = [{key: value[:, :, :after] for key, value in made.items()} for made in (one, other)]
    assert_same(case, before[1], before[0], rounding=case.spreads)


@every_case
def test_what_lies_beyond_the_footprint_does_not_matter(case: Case) -> None:
    layer, stimulus = case.layer(), case.film(dtype="float64")
    reach = layer.footprint(stimulus.convis.sampling)
    whole = case.respond(case.layer(), stimulus)
    if reach.memory < STEPS - 1:
        changed = stimulus.copy(deep=True)
        first = STEPS - 1 - int(reach.memory)
        changed[:, :, :first] = stimulus.values[:, :, :first][..., ::-1]
        for key, value in case.respond(layer, changed).items():
            error = np.abs(value[:, :, -1].astype(float) - whole[key][:, :, -1]).max()
            assert error <= (10 * reach.tolerance + 1e-12) * max(1.0, np.abs(whole[key].astype(float)).max()), key
    if reach.radius < stimulus.sizes["x"] - 1:
        changed = stimulus.copy(deep=True)
        changed[..., int(reach.radius) + 1 :] = stimulus.values[..., int(reach.radius) + 1 :][..., ::-1, :]
        for key, value in case.respond(case.layer(), changed).items():
            if value.shape[-1] == stimulus.sizes["x"]:
                np.testing.assert_allclose(value[..., 0], whole[key][..., 0], rtol=1e-12, atol=1e-14, err_msg=key)


@every_case
def test_a_batch_is_its_entries_one_by_one(case: Case) -> None:
    stimulus = case.film(batch=3)
    together = case.respond(case.layer(), stimulus)
    for entry in range(3):
        alone = case.respond(case.layer(), stimulus.isel(batch=[entry]))
        assert_same(case, alone, {key: value[[entry]] for key, value in together.items()})


@where(lambda case: not case.layer().footprint(case.film().convis.sampling).mixes_channels)
def test_channels_are_independent_unless_the_layer_mixes_them(case: Case) -> None:
    stimulus = case.film()
    together = case.respond(case.layer(), stimulus)
    alone = case.respond(case.layer(), stimulus.isel(channel=[0]))
    assert_same(case, alone, {key: value[:, :1] for key, value in together.items()})


@every_case
@settings(max_examples=8)
@given(order=st.permutations(["batch", "channel", "time", "y", "x"]), upward=st.booleans())
def test_dimensions_may_come_in_any_order(case: Case, order: list[str], upward: bool) -> None:
    stimulus = case.film()
    shuffled = stimulus.transpose(*order)
    if upward:
        shuffled = shuffled.isel(y=slice(None, None, -1))
    np.testing.assert_equal(case.respond(case.layer(), shuffled), case.respond(case.layer(), stimulus))


@every_case
def test_dimensions_that_are_missing_have_length_one(case: Case) -> None:
    stimulus = case.film(batch=1)
    wanted = case.respond(case.layer(), stimulus)
    got = case.respond(case.layer(), stimulus.isel(batch=0))
    assert_same(case, {key: value[None] for key, value in got.items()}, wanted)


@every_case
def test_single_precision_is_close_to_double(case: Case) -> None:
    single = case.respond(case.layer(), case.film())
    double = case.respond(case.layer(), case.film().astype("float64"))
    for key, value in double.items():
        if case.close:
            assert value.dtype == np.float64
            assert single[key].dtype == np.float32
            np.testing.assert_allclose(single[key], value, rtol=2e-5, atol=2e-5 * np.abs(value).max(), err_msg=key)
        else:
            assert single[key].shape == value.shape


@every_case
def test_labels_and_units_come_back(case: Case) -> None:
    stimulus, layer = case.film(), case.layer()
    result = layer(*case.inputs_of(stimulus))
    arrays = {"response": result} if isinstance(result, xr.DataArray) else dict(result.data_vars)
    assert tuple(arrays) == layer.default_outputs
    assert set(arrays) <= set(layer.output_names)
    for name, array in arrays.items():
        assert array.attrs["units"] == layer.output_units(str(name), case.units)
        assert array.time.identical(stimulus.time)
        if array.sizes.get("y") == stimulus.sizes["y"]:
            assert array.x.identical(stimulus.x)
            assert array.y.identical(stimulus.y)


@where(lambda case: case.layer().units_in is None)
def test_output_is_the_same_quantity_in_whatever_unit_the_input_is(case: Case) -> None:
    """What says that it has a unit has it: in V and in mV the same comes out."""
    film = case.film(dtype="float64")
    made = []
    for times, unit in ((1, "V"), (1000, "mV")):
        valid_range = (times * case.least, times * case.most)
        layer = case.layer()
        scale = {"units": unit, "valid_range": valid_range}
        result = layer(*((data * times).assign_attrs(scale) for data in case.inputs_of(film)))
        arrays = {"response": result} if isinstance(result, xr.DataArray) else dict(result.data_vars)
        made.append({name: (array.values, array.attrs["units"]) for name, array in arrays.items()})
    for name, (wanted, unit) in made[0].items():
        values, other = made[1][name]
        times = cx.units.factor(other, unit, "output")
        if unit != other and not case.counts:  # where it does not follow, weights have a unit that they do not tell
            np.testing.assert_allclose(values * times, wanted, rtol=1e-9, atol=1e-12, err_msg=str(name))


@where(lambda case: case.layer().units_in is not None)
def test_input_is_read_in_its_own_unit(case: Case) -> None:
    layer, stimulus = case.layer(), case.film(dtype="float64")
    assert layer.units_in is not None
    assert cx.units.factor(case.units, layer.units_in, "case") > 0
    wanted = case.respond(layer, stimulus)
    with pytest.raises(cx.UnitError, match="input of"):
        case.layer()(stimulus.assign_attrs(units="cd/m^2"))
    times, unit = (100, "percent") if case.units == "1" else (1e-3, f"k{case.units}")
    rescaled = (stimulus * times).assign_attrs(units=unit)
    if case.close:
        for key, value in case.respond(case.layer(), rescaled).items():
            np.testing.assert_allclose(value, wanted[key], rtol=1e-9, atol=1e-12)
    else:
        assert case.respond(case.layer(), rescaled).keys() == wanted.keys()


def _leaves(layer: cx.Layer) -> dict[str, torch.nn.Parameter]:
    """What can be moved in both directions: not what lies on a bound."""
    return {
        path: value
        for path, value in layer.named_parameters()
        if value.requires_grad and not (value.ndim == 0 and float(value.detach()) in getattr(value, "bounds", ()))
    }


@pytest.mark.parametrize("case", [case for case in CASES if case.smooth], ids=str)
def test_gradients_are_those_of_the_numbers(case: Case) -> None:
    """With respect to the input and to every parameter, by finite differences."""
    layer = case.layer()
    if all(value.dtype == torch.float32 for value in layer.parameters()):
        layer = layer.double()
    film = case.film(batch=1, dtype="float64", steps=5)
    inputs = [data.convis.to_tensor(dtype=torch.float64, requires_grad=True) for data in case.inputs_of(film)]
    layer(*case.inputs_of(film))  # the layer learns the sampling, and what else it needs to know of its input
    names = list(_leaves(layer))
    values = [value.detach().double().requires_grad_() for value in _leaves(layer).values()]

    def outputs(*given: torch.Tensor) -> list[torch.Tensor]:
        layer.clear_state()
        shown, parameters = given[: case.inputs], dict(zip(names, given[case.inputs :], strict=True))
        result = torch.func.functional_call(layer, parameters, tuple(shown))
        return list(result.values()) if isinstance(result, dict) else [result]

    def flat(*given: torch.Tensor) -> torch.Tensor:
        return torch.cat([output.flatten() for output in outputs(*given)])

    assert torch.autograd.gradcheck(flat, (*inputs, *values), eps=1e-6, atol=1e-5, rtol=1e-4, fast_mode=True)


@every_case
@pytest.mark.parametrize("suffix", ["npz", "json"])
def test_a_saved_model_is_the_same(case: Case, suffix: str, tmp_path: object) -> None:
    one, other = case.layer(), case.layer()
    for parameter in other.parameters():
        if parameter.requires_grad and parameter.ndim:
            parameter.data = parameter.data * 3
    one.save_parameters(f"{tmp_path}/p.{suffix}")
    other.load_parameters(f"{tmp_path}/p.{suffix}")
    np.testing.assert_equal(case.respond(other, case.film()), case.respond(one, case.film()))


def _copies(layer: cx.Layer) -> Iterator[cx.Layer]:
    yield copy.deepcopy(layer)
    if "lambda" not in repr(vars(layer)):
        yield pickle.loads(pickle.dumps(layer))


@every_case
def test_copies_and_pickles_go_on_as_the_original_does(case: Case) -> None:
    stimulus, layer = case.film(), case.layer()
    case.respond(layer, stimulus.isel(time=slice(0, 9)))
    copies = list(_copies(layer))
    assert len(copies) == 2
    wanted = case.respond(layer, stimulus.isel(time=slice(9, None)))
    for made in copies:
        assert_same(case, case.respond(made, stimulus.isel(time=slice(9, None))), wanted)


@every_case
def test_everything_that_a_layer_holds_moves_with_it(case: Case) -> None:
    layer = case.layer()
    case.respond(layer, case.film())
    assert layer.to("meta") is layer
    held = {**dict(layer.named_parameters()), **dict(layer.named_buffers()), **layer.get_state()}
    for path, module in layer.named_modules():
        held |= {f"{path}.{name}": value for name, value in vars(module).items() if isinstance(value, torch.Tensor)}
    assert [path for path, value in held.items() if value.device.type != "meta"] == []


@every_case
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
def test_a_graphics_card_computes_the_same(case: Case) -> None:
    wanted = case.respond(case.layer(), case.film())
    for key, value in case.respond(case.layer().to("cuda"), case.film()).items():
        if case.close:
            np.testing.assert_allclose(value, wanted[key], rtol=1e-4, atol=1e-4 * np.abs(wanted[key]).max())
        else:
            assert value.shape == wanted[key].shape


@every_case
def test_the_same_seed_gives_the_same_numbers(case: Case) -> None:
    np.testing.assert_equal(case.respond(case.layer(), case.film()), case.respond(case.layer(), case.film()))
    if case.inputs == 1:
        one, same = (arrays_of(cx.run(case.layer(), case.film(), seed=4, progress=False)) for _ in range(2))
        np.testing.assert_equal(one, same)


@where(lambda case: not case.noiseless and any(isinstance(part, RandomLayer) for part in case.layer().modules()))
def test_what_is_random_differs_between_seeds_and_trials(case: Case) -> None:
    one, other = (arrays_of(cx.run(case.layer(), case.film(), seed=seed, progress=False)) for seed in (4, 5))
    trials = arrays_of(cx.run(case.layer(), case.film(), seed=4, repeats=2, progress=False))
    for name, value in one.items():
        assert not np.array_equal(value, other[name]), name
        assert not np.array_equal(trials[name][0], trials[name][1]), name


@every_case
def test_a_run_leaves_the_model_alone(case: Case) -> None:
    layer, film = case.layer(), case.film(batch=1)
    parameters = {path: value.detach().clone() for path, value in layer.named_parameters()}
    context = layer.new_context(InputInfo(film.convis.sampling, case.units, (0, case.most)))
    inputs = [torch.from_numpy(data.values) for data in case.inputs_of(film)]
    with torch.no_grad():
        layer.advance(context, inputs[0], None, *inputs[1:])
    assert layer.get_state() == {}
    assert bool(context.state) == bool(layer._named_states())
    assert all(torch.equal(value, parameters[path]) for path, value in layer.named_parameters())


@every_case
def test_bad_input_is_refused_and_changes_nothing(case: Case) -> None:
    layer, good = case.layer(), case.film()
    case.respond(layer, good.isel(time=slice(0, 9)))
    before = state_of(layer)
    bad = {
        "wanted finite values": good.where(good.x < 0),
        "uniform grid": good.isel(time=[0, 1, 5]),
        "wanted real numbers": good.astype("complex64"),
        "at least one sample": good.isel(time=slice(0, 0)),
        "wanted a unit|units": good.drop_attrs(deep=False),
        "dims: wanted only": good.rename(x="depth"),
    }
    for message, film in bad.items():
        with pytest.raises((cx.ContractError, cx.UnitError), match=message):
            layer(*case.inputs_of(film) if case.inputs > 1 and film.sizes.get("time") else [film] * case.inputs)
    with pytest.raises(cx.ContractError, match="wanted a tensor"):
        layer(np.zeros((3, 4, 5)))
    assert_same(case, state_of(layer), before, rounding=False)


@where(lambda case: bool(case.layer()._named_states()))
def test_a_frame_of_another_size_needs_a_fresh_start(case: Case) -> None:
    layer, film = case.layer(), case.film()
    case.respond(layer, film)
    with pytest.raises(cx.ContractError, match="clear_state"):
        layer(*case.inputs_of(film.isel(batch=[0])))
    layer.clear_state()
    case.respond(layer, film.isel(batch=[0]))


def test_plain_torch_modules_are_fed_in_their_own_precision() -> None:
    film = models.CASES[-1].film()
    assert models.Stack()(film.astype("float64")).dtype == np.float32
    assert models.Stack().double()(film).dtype == np.float64
