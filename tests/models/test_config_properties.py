"""Any configuration comes back from its files; any damage to a file is told of, or does no harm."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import convis_xr as cx
from convis_xr.models.retina import (
    BipolarConfig,
    CircularArray,
    GanglionConfig,
    LogPolar,
    MicrosaccadesConfig,
    OPLConfig,
    SpikesConfig,
    SquareArray,
)

FOLDER = Path(__file__).parents[1] / "data" / "virtualretina"
BYTES = {path.stem: path.read_bytes() for path in sorted(FOLDER.glob("*.xml"))}

PIECES = [b'"', b"<", b"/>", b"-", b"0", b"1e400", b"nan", b" a='1'", b"<retina/>", b"<!-- name: x -->", b"&lt;", b"."]

free = st.floats(-1e6, 1e6)
least = st.floats(0, 1e6)
above = st.floats(1e-6, 1e6)


def with_unit(numbers: st.SearchStrategy[float], *units: str) -> st.SearchStrategy[str]:
    return st.builds(lambda number, unit: f"{number!r}{unit}", numbers, st.sampled_from(units))


times, angles, rates = with_unit(least, " s", " ms"), with_unit(least, " deg", " arcmin"), with_unit(least, " Hz")
densities, sizes = with_unit(above, "/deg"), st.none() | with_unit(above, " deg")
arrays = st.builds(CircularArray, densities, sizes) | st.builds(SquareArray, densities, sizes, sizes)
spikes = st.builds(SpikesConfig, rates, least, times, times, st.booleans())
orders, switches = st.integers(0, 9), st.booleans()
opl = st.builds(
    OPLConfig, angles, times, orders, free, times, angles, times, free, free, leaky_heat_equation=switches
)  # fmt: skip


@st.composite
def configs(draw: st.DrawFn) -> cx.RetinaConfig:
    names = draw(st.lists(st.from_regex(r"[a-zA-Z_][a-zA-Z_0-9]{0,8}", fullmatch=True), max_size=3, unique=True))
    layers = []
    for name in names:
        facts = (times, free, free, rates, rates, angles)
        own = [draw(fact) for fact in facts]
        spiking = draw(st.none() | spikes)
        cells = None if spiking is None else draw(st.none() | arrays)
        layers.append(GanglionConfig(name, draw(st.sampled_from([1, -1])), *own, spiking, cells))
    saccades = st.builds(
        MicrosaccadesConfig, times, times, angles, angles, times, times, least,
        st.none() | with_unit(above, " s"), st.none() | densities,
    )  # fmt: skip
    return cx.RetinaConfig(
        draw(opl),
        draw(st.none() | st.builds(BipolarConfig, with_unit(free, " Hz"), rates, angles, times, rates)),
        tuple(layers),
        draw(st.none() | above),
        log_polar=draw(st.none() | st.builds(LogPolar, with_unit(above, " deg"), with_unit(least, "/deg"))),
        time_step=draw(st.none() | with_unit(above, " s", " ms")),
        pixels_per_degree=draw(st.none() | densities),
        microsaccades=draw(st.none() | saccades),
    )


@given(configs())
def test_random_configurations_come_back_exactly(config: cx.RetinaConfig) -> None:
    with tempfile.TemporaryDirectory() as folder:
        xml, again, json = (Path(folder) / name for name in ("a.xml", "b.xml", "c.json"))
        config.write_xml(xml)
        config.write_json(json)
        read = cx.RetinaConfig.read_xml(xml)
        read.write_xml(again)
        assert read == config
        assert cx.RetinaConfig.read_json(json) == config
        assert again.read_bytes() == xml.read_bytes()


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A real file with some parts taken out, doubled, exchanged or overwritten."""
    data = BYTES[draw(st.sampled_from(sorted(BYTES)))]
    pieces: st.SearchStrategy[Any] = st.binary(max_size=4) | st.sampled_from(PIECES)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 30)))
        data = data[:start] + draw(pieces | st.just(data[start:end] * 2)) + data[end:]
    return data


@given(damaged())
def test_damage_is_told_of_or_does_no_harm(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        path, again = Path(folder) / "a.xml", Path(folder) / "b.xml"
        path.write_bytes(data)
        try:
            config = cx.RetinaConfig.read_xml(path)
        except cx.FormatError as error:
            assert str(path) in str(error)  # noqa: PT017 - that it is raised is no fault
            return
        config.write_xml(again)
        warnings.simplefilter("error")
        assert cx.RetinaConfig.read_xml(again) == config
