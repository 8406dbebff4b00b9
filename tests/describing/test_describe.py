from __future__ import annotations

from html.parser import HTMLParser

import dask.array as da
import numpy as np
import pytest
import torch
import xarray as xr

import convis_xr as cx


class _Parsed(HTMLParser):
    """The words of a page, and whether every tag that it opens is closed again."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.tags: list[str] = []
        self.seen: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.seen.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.tags.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.tags:
            self.words.append(data)


def _grating(steps: int = 50) -> xr.DataArray:
    return cx.stimuli.moving_grating(
        steps, (4, 6), spatial_frequency="0.5 cpd", temporal_frequency="4 Hz", dt="1 ms", pixel_size="0.1 deg", chunk=20
    )


def test_every_parameter_of_a_model_is_told_with_all_that_it_knows() -> None:
    retina = cx.models.Retina()
    retina.opl.center.tau.requires_grad_(False)
    table = cx.describe(retina).table("Parameters")
    rows = {row["path"]: row for row in table.records()}
    assert list(rows) == [name for name, _ in retina.named_parameters()]
    assert rows["opl.center.tau"] == {
        "path": "opl.center.tau",
        "value": "0.01",
        "unit": "s",
        "bounds": ">= 0",
        "fitted": "no",
        "meaning": retina.opl.center.tau.doc,
        "source": "Wohrer & Kornprobst 2009, eq. 3",
    }
    assert rows["opl.center.sigma"]["fitted"] == "yes"
    assert rows["opl.surround_weight"]["source"] == retina.opl.surround_weight.source
    retina.opl.center.tau = "20 ms"
    assert "0.02" in cx.describe(retina).table("Parameters").rows[3]


def test_states_outputs_layers_and_footprint_of_a_model_are_told() -> None:
    model = cx.filters.LowPass("10 ms")
    before = cx.describe(model)
    assert dict(before.facts)["footprint"].startswith("known once")
    assert before.table("Outputs").records() == [
        {"name": "response", "unit": "that of the input", "given": "by default"}
    ]
    assert before.table("States").records()[0]["now"] == "not begun"
    model(cx.as_stimulus(np.zeros((3, 2, 2)), dt="1 ms", pixel_size="0.1 deg", units="Hz"))
    after = cx.describe(model)
    memory = model.footprint(model.sampling).memory
    assert dict(after.facts)["footprint"].startswith(f"memory {memory:g} samples ({memory * 1e-3:.4g} s)")
    assert after.table("Outputs").records()[0]["unit"] == "Hz"
    assert after.table("States").records()[0]["now"] == "shape (1, 1, 2, 2)"
    retina = cx.describe(cx.models.Retina())
    given = {row["name"]: row["given"] for row in retina.table("Outputs").records()}
    assert given["parvo_on"] == "by default"
    assert given["bipolar"] == "if asked for"
    assert {"opl.center", "bipolar"} <= {row["path"] for row in retina.table("Layers").records()}


def test_plain_torch_modules_can_be_described() -> None:
    described = cx.describe(torch.nn.Linear(2, 3))
    assert [row["path"] for row in described.table("Parameters").records()] == ["weight", "bias"]
    assert dict(described.facts)["numbers"] == "9 in parameters, 9 of them fitted"


def test_data_are_described_without_a_value_being_computed() -> None:
    def fail(*_: object) -> np.ndarray:
        raise AssertionError("computed")

    blocks = da.map_blocks(fail, chunks=((4, 4, 2), (3,), (5,)), dtype="float32", meta=np.empty((0, 0, 0), "float32"))
    film = cx.as_stimulus(blocks, dt="1 ms", pixel_size="0.1 deg", units="cd/m^2", valid_range=(0, 255))
    described = film.convis.describe()
    facts = dict(described.facts)
    assert facts["values"] == "cd/m^2, float32"
    assert facts["range"] == "0 to 255"
    assert facts["held"] == "lazy, 600 B in 3 blocks, computed when asked for"
    time, y, _ = described.table("Dimensions").records()
    assert (time["size"], time["unit"], time["to"], time["step"], time["in blocks of"]) == (
        "10",
        "s",
        "0.009",
        "0.001",
        "2 to 4",
    )
    assert (y["from"], y["to"], y["step"]) == ("0.1", "-0.1", "-0.1")
    assert film.to_dataset(name="film").convis.describe().table("Variables").records()[0]["held"] == "lazy"


def test_faults_of_data_are_told_where_the_checker_finds_them() -> None:
    facts = dict(cx.describe(xr.DataArray(np.zeros(3), dims="time")).facts)
    assert facts["values"] == "no unit, float64"
    assert facts["stimulus"].startswith("no: ")
    assert "wanted a coordinate with units" in facts["stimulus"]


def test_a_response_tells_its_model() -> None:
    response = cx.run(cx.filters.LowPass(), _grating())
    facts = dict(response.convis.describe().facts)
    assert facts["model"] == "convis_xr.filters.low_pass.LowPass"
    assert facts["complete"] == "yes"


def test_a_long_time_axis_is_not_written_out() -> None:
    film = _grating(2**24)
    time = cx.describe(film).table("Dimensions").records()[0]
    assert (time["size"], time["step"], time["from"]) == (str(2**24), "0.001", "0")


def test_values_are_described() -> None:
    tau = cx.Parameter("10 ms", bounds=("1 ms", "1 s"), doc="time constant", source="Someone 1999", label="tau")
    facts = dict(cx.describe(tau).facts)
    assert facts == {
        "value": "0.01", "unit": "s", "bounds": "0.001 to 1", "fitted": "yes", "source": "Someone 1999",
        "form": "time, float64",
    }  # fmt: skip
    twice = cx.describe(cx.Derived(lambda a, n: a * n, a=tau, n=2))
    assert dict(twice.facts)["value"] == "0.02"
    assert twice.table("Follows from").rows == (("a", "0.01 s", "Parameter"), ("n", "2", "int"))
    assert "not begun" in str(cx.describe(cx.State(doc="membrane")))
    model = cx.filters.LowPass()
    assert cx.describe(model.p).table("Parameters").records()[0]["path"] == "tau"
    assert cx.describe(model.m).tables == ()
    model(_grating())
    assert cx.describe(model.get_state()).table("Values").rows == (("low_pass", "(1, 1, 4, 6)", "float32"),)
    assert dict(cx.describe(torch.zeros(1, 1, 2, 3, 4)).facts)["axes"] == "batch, channel, time, y, x"


def test_other_things_are_refused() -> None:
    for stranger in ("LowPass", np.zeros(3), None, {"a": 1}):
        with pytest.raises(cx.ContractError, match="obj: wanted"):
            cx.describe(stranger)


@pytest.mark.parametrize("make", [cx.models.Retina, _grating, lambda: cx.Parameter("1 ms")])
def test_html_is_well_formed_and_stands_alone(make: object) -> None:
    html = cx.describe(make())._repr_html_()  # type: ignore[operator]
    parsed = _Parsed(html)
    assert parsed.tags == []
    assert not parsed.seen & {"script", "link", "img", "iframe"}
    assert {name for name, _ in parsed.attributes} <= {"class", "open"}
    assert "http" not in html
    assert "@import" not in html
    text = str(cx.describe(make()))  # type: ignore[operator]
    assert parsed.words[0] in text


def test_html_escapes_what_comes_from_outside() -> None:
    nasty = "<script>alert('x')</script>"
    film = _grating().rename(nasty).assign_attrs({"long_name": nasty, nasty: nasty})
    for described in (film.convis.describe(), film.to_dataset(name=nasty).convis.describe()):
        parsed = _Parsed(described._repr_html_())
        assert "script" not in parsed.seen
        assert any(nasty in word for word in parsed.words)


def test_html_is_the_notebook_repr_of_models_parameters_and_names() -> None:
    model = cx.filters.LowPass()
    for shown in (model, model.tau, model.p, model.s):
        assert shown._repr_html_() == cx.describe(shown)._repr_html_()


def test_text_wraps_long_cells_and_drops_empty_columns() -> None:
    described = cx.describe(cx.Parameter("1 ms", doc="word " * 40))
    assert described.title == "Parameter value"
    rows = cx.describe(cx.filters.LowPass()).table("States")
    assert "meaning" in str(cx.describe(cx.filters.LowPass()))
    assert max(len(line) for line in str(cx.describe(cx.models.Retina())).splitlines()) < 180
    empty = type(rows)("T", ("a", "b"), (("1", ""), ("2", "")))
    assert empty.filled().columns == ("a",)
