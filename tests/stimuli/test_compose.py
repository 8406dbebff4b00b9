from __future__ import annotations

import dask
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from convis_xr import ContractError, Sampling, UnitError, as_stimulus, set_options, stimuli
from convis_xr.contract import check_stimulus
from convis_xr.stimuli import masks

HERE = {"dt": "1 ms", "pixel_size": "0.1 deg"}


@pytest.fixture(autouse=True)
def sampling():
    with set_options(**HERE):
        yield


def grating(duration: object = 30, size: object = (6, 8), **changed: object) -> xr.DataArray:
    arguments = {"spatial_frequency": "1 cpd", "temporal_frequency": "40 Hz", "contrast": 0.5}
    return stimuli.moving_grating(duration, size, **{**arguments, **changed})


def film(frames: int = 5) -> xr.DataArray:
    values = np.random.default_rng(0).integers(0, 256, (frames, 6, 8), dtype=np.uint8)
    return as_stimulus(values, units="1", valid_range=(0, 255))


# overlay


def test_two_gratings_make_a_plaid() -> None:
    a, b = grating(), grating(direction="90 deg")
    plaid = stimuli.overlay(a, b)
    np.testing.assert_allclose(plaid.values, a.values + b.values - 0.5, atol=1e-6)
    assert plaid.attrs["contrast"] == 1.0
    assert plaid.dtype == np.float32
    check_stimulus(plaid)


def test_a_mask_mixes() -> None:
    a, b = grating(), stimuli.uniform(30, (6, 8), contrast=0.4)
    mask = masks.disc((6, 8), "0.2 deg", edge="0.2 deg")
    mixed = stimuli.overlay(a, b, mask=mask)
    np.testing.assert_allclose(mixed.values, a.values * (1 - mask.values) + b.values * mask.values, atol=1e-6)
    xr.testing.assert_allclose(stimuli.overlay(a, b, mask=mask.transpose("x", "y")), mixed)
    xr.testing.assert_allclose(stimuli.overlay(a, b, mask=mask[::-1]), mixed)


def test_films_are_mixed_in_floating_point() -> None:
    mixed = stimuli.overlay(film(), film() // 2, mask=masks.half_plane((6, 8)))
    assert mixed.dtype == np.float32
    np.testing.assert_array_equal(mixed[:, :, :4], film()[:, :, :4])
    np.testing.assert_array_equal(mixed[:, :, 4:], film()[:, :, 4:] // 2)


def test_a_sum_that_leaves_the_range_is_refused_before_anything_is_read() -> None:
    with pytest.raises(ContractError, match=r"contrasts 0\.5 and 0\.6.*set_contrast"):
        stimuli.overlay(grating(), grating(contrast=0.6))
    with pytest.raises(ContractError, match="set_contrast"):
        stimuli.overlay(film(), film())
    halves = [stimuli.set_contrast(film(), 0.5)] * 2
    np.testing.assert_allclose(stimuli.overlay(*halves).values, film().values, atol=1e-4)


def test_a_sum_of_two_means_is_refused() -> None:
    with pytest.raises(ContractError, match="the mean of below"):
        stimuli.overlay(grating(), grating(mean=0.4))


# apply_mask


def test_a_mask_hides() -> None:
    mask = masks.half_plane((6, 8), "90 deg")
    shown = stimuli.apply_mask(grating(), mask)
    np.testing.assert_array_equal(shown[:, :3].values, grating()[:, :3].values)
    np.testing.assert_array_equal(shown[:, 3:].values, 0.5)
    assert float(stimuli.apply_mask(grating(), mask, value=0.1)[:, 3:].max()) == pytest.approx(0.1)
    assert float(stimuli.apply_mask(film(), mask, value=0).max()) == film()[:, :3].max()


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (lambda: masks.disc((6, 9), "1 deg"), "x: wanted 8 pixels"),
        (lambda: masks.disc((6, 8), "1 deg", pixel_size="0.2 deg"), "2 faults"),
        (lambda: masks.disc((6, 8), "1 deg") * 2, "numbers from 0 to 1"),
        (lambda: masks.disc((6, 8), "1 deg") * np.nan, "numbers from 0 to 1"),
        (lambda: np.ones((6, 8)), "DataArray"),
        (lambda: masks.disc((6, 8), "1 deg").expand_dims("time"), "DataArray"),
        (lambda: masks.disc((6, 8), "1 deg").drop_vars("x"), "coordinate"),
    ],
)
def test_masks_that_do_not_fit_are_refused(mask, words: str) -> None:
    with pytest.raises(ContractError, match=words):
        stimuli.apply_mask(grating(), mask())


# sequence, lead_in, lead_out


def test_a_sequence_goes_on_in_time() -> None:
    parts = [grating(7), grating(5, direction="90 deg"), stimuli.uniform(3, (6, 8))]
    joined = stimuli.sequence(parts)
    np.testing.assert_array_equal(joined.values, np.concatenate([part.values for part in parts]))
    np.testing.assert_allclose(joined.time, np.arange(15) * 1e-3, atol=1e-12)
    assert joined.attrs["contrast"] == 0.5
    assert Sampling.of(joined) == Sampling.of(parts[0])
    check_stimulus(joined)


def test_gaps_are_grey() -> None:
    joined = stimuli.sequence([grating(7), grating(5)], gap="3 ms")
    assert joined.sizes["time"] == 15
    np.testing.assert_array_equal(joined[7:10].values, 0.5)
    black = stimuli.sequence([grating(7), grating(5)], gap=3, value=0)
    np.testing.assert_array_equal(black[7:10].values, 0)


def test_the_time_axis_goes_on_from_the_first() -> None:
    late = grating(20).isel(time=slice(10, None))
    assert float(stimuli.sequence([late, grating(5)]).time[0]) == pytest.approx(0.01)
    assert float(stimuli.lead_in(late, 5).time[0]) == pytest.approx(0.01)


def test_other_units_and_orders_of_the_coordinates_are_understood() -> None:
    odd = grating(4).transpose("x", "time", "y")
    odd = odd.assign_coords(time=("time", np.arange(4.0) + 2, {"units": "ms"}))
    joined = stimuli.sequence([odd, grating(3)])
    assert joined.dims == ("time", "y", "x")
    np.testing.assert_allclose(joined.time, 2e-3 + np.arange(7) * 1e-3, atol=1e-12)


@pytest.mark.parametrize("steps", [0, 4])
def test_leads(steps: int) -> None:
    before, after = stimuli.lead_in(grating(6), steps), stimuli.lead_out(grating(6), f"{steps} ms", value=0.25)
    np.testing.assert_array_equal(before.values, np.concatenate([np.full((steps, 6, 8), 0.5, "f4"), grating(6).values]))
    np.testing.assert_array_equal(after.values, np.concatenate([grating(6).values, np.full((steps, 6, 8), 0.25, "f4")]))
    assert before.attrs == grating(6).attrs


def test_grey_of_a_film_is_the_middle_of_its_range_and_keeps_its_type() -> None:
    led = stimuli.lead_in(film(), 2)
    assert led.dtype == np.uint8
    assert float(led[0, 0, 0]) == 127
    with pytest.raises(ContractError, match="uint8 can hold"):
        stimuli.lead_in(film(), 2, value=0.5)


def test_more_dimensions_are_kept() -> None:
    coloured = xr.concat([grating(6), grating(6, phase="90 deg")], "channel")
    joined = stimuli.lead_in(stimuli.border(stimuli.sequence([coloured, coloured]), 2), 3)
    assert dict(joined.sizes) == {"channel": 2, "time": 15, "y": 10, "x": 12}
    np.testing.assert_array_equal(joined[1, 3:9, 2:-2, 2:-2].values, coloured[1].values)


# border


def test_a_border_goes_around() -> None:
    wide = stimuli.border(grating(), ("0.2 deg", 3), value=0.25)
    np.testing.assert_array_equal(wide.values, np.pad(grating().values, ((0, 0), (2, 2), (3, 3)), constant_values=0.25))
    np.testing.assert_allclose(wide.y[2:-2], grating().y, atol=1e-12)
    np.testing.assert_allclose(wide.x[3:-3], grating().x, atol=1e-12)
    assert wide.x.attrs["units"] == "degree"
    check_stimulus(wide)


def test_a_border_around_a_part_keeps_its_place() -> None:
    part = grating().isel(x=slice(4, 8))
    np.testing.assert_allclose(stimuli.border(part, 1).x[1:-1], part.x, atol=1e-12)


def test_a_border_around_spatial_chunks() -> None:
    np.testing.assert_array_equal(
        stimuli.border(grating().chunk(x=3, y=2), 1).values, stimuli.border(grating(), 1).values
    )


# what holds for all of them


@settings(max_examples=8)  # each of them builds a dozen graphs
@given(chunk=st.integers(1, 40), other=st.integers(1, 40), last=st.integers(1, 90))
def test_no_chunk_matters(chunk: int, other: int, last: int) -> None:
    with set_options(**HERE):
        mask = masks.gaussian((6, 8), "0.3 deg")

        def compose(a: object, b: object) -> xr.DataArray:
            first, second = grating(chunk=a), grating(direction="90 deg", chunk=b)
            plaid = stimuli.border(stimuli.apply_mask(stimuli.overlay(first, second), mask), 1)
            return stimuli.lead_in(stimuli.sequence([plaid, stimuli.set_contrast(plaid, 0.3)], gap=7), 11)

        np.testing.assert_array_equal(compose(chunk, other)[:last].values, compose(None, None).values[:last])


def raise_if_computed(graph: object, keys: object, **options: object) -> None:
    raise RuntimeError("computed")


def test_nothing_is_computed_before_it_is_read() -> None:
    with dask.config.set(scheduler=raise_if_computed):
        plaid = stimuli.overlay(grating(), grating())
        made = stimuli.border(stimuli.lead_out(stimuli.sequence([plaid, plaid], gap=3), 4), 1)
        made = stimuli.in_luminance(stimuli.apply_mask(made, masks.disc((8, 10), "0.3 deg")), mean="10 cd/m^2")
        with pytest.raises(RuntimeError, match="computed"):
            made.load()


def test_a_composition_of_hours_reads_only_what_is_asked_for() -> None:
    long = grating("1 h", (20, 20))
    made = stimuli.lead_in(stimuli.sequence([long, long], gap="1 s"), "1 s")
    assert made.sizes["time"] == 7_202_000
    np.testing.assert_array_equal(made[3_602_000:3_602_010].values, long[:10].values)


@pytest.mark.parametrize("compose", [stimuli.overlay, lambda a, b: stimuli.sequence([a, b])])
@pytest.mark.parametrize(
    ("other", "words"),
    [
        (lambda: grating(units="cd/m^2", mean="5 cd/m^2"), "units"),
        (lambda: grating().assign_attrs(valid_range=[0.0, 2.0]), "valid_range"),
        (lambda: grating(dt="2 ms"), "steps of 0.001 s, got 0.002 s"),
        (lambda: grating(pixel_size="0.05 deg"), "pixels from"),
        (lambda: grating(size=(6, 9)), "x: wanted 8 pixels"),
        (lambda: grating().expand_dims("batch"), "dims"),
        (lambda: grating().values, "DataArray"),
    ],
)
def test_stimuli_that_do_not_agree_are_refused(compose, other, words: str) -> None:
    with pytest.raises(ContractError, match=words):
        compose(grating(), other())


def test_every_disagreement_is_reported_at_once() -> None:
    with pytest.raises(ContractError, match="4 faults"):
        stimuli.overlay(grating(), grating(units="cd/m^2", mean="5 cd/m^2", dt="2 ms", size=(6, 9)))


def test_an_overlay_of_two_lengths_is_refused_but_not_a_sequence() -> None:
    with pytest.raises(ContractError, match="30 steps from 0 s"):
        stimuli.overlay(grating(), grating(29))
    with pytest.raises(ContractError, match="time"):
        stimuli.overlay(grating(20)[:10], grating(20)[10:])
    assert stimuli.sequence([grating(), grating(29)]).sizes["time"] == 59


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: stimuli.sequence([]), ContractError, "stimuli"),
        (lambda: stimuli.sequence(grating()), ContractError, "stimuli"),
        (lambda: stimuli.sequence(None), ContractError, "stimuli"),
        (lambda: stimuli.sequence([grating()], gap="1 deg"), UnitError, "gap"),
        (lambda: stimuli.lead_in(grating(), "-1 s"), UnitError, "duration"),
        (lambda: stimuli.lead_in(grating(), 3, value=2), ContractError, "value"),
        (lambda: stimuli.lead_in(grating(), 3, value="2 cd/m^2"), UnitError, "value"),
        (lambda: stimuli.lead_in(grating(units="cd/m^2", mean="2 cd/m^2"), 3, value=1), UnitError, "value"),
        (lambda: stimuli.border(grating(), "1 s"), UnitError, "width"),
        (lambda: stimuli.border(grating(), -1), UnitError, "width"),
        (lambda: stimuli.border(grating(), "-1 deg"), ContractError, "width"),
        (lambda: stimuli.border(as_stimulus(np.zeros(3), units="1", valid_range=(0, 1)), 1), ContractError, "y and x"),
    ],
)
def test_bad_input_is_refused(make, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()


def test_quantified_input_is_understood() -> None:
    import pint_xarray  # noqa: F401 - registers .pint

    mask = masks.disc((6, 8), "0.2 deg")
    plain = stimuli.overlay(grating(), stimuli.uniform(30, (6, 8)), mask=mask)
    quantified = stimuli.overlay(
        grating().pint.quantify(), stimuli.uniform(30, (6, 8)).pint.quantify(), mask=mask.pint.quantify()
    )
    np.testing.assert_array_equal(quantified.values, plain.values)
    assert quantified.attrs["units"] == "1"
    assert stimuli.sequence(part.pint.quantify() for part in (grating(), grating())).sizes["time"] == 60
