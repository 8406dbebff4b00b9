"""One of several outputs."""

from __future__ import annotations

import numpy as np
import pytest

import convis_xr as cx
from tests.models.test_containers import screen


def test_it_gives_what_the_layer_gives_by_that_name() -> None:
    for name, unit in (("opl", "1"), ("adaptation", "Hz"), ("parvo_off_current", "Hz")):
        made = cx.models.Pick(cx.models.Retina("primate"), name)(screen())
        np.testing.assert_array_equal(made, cx.run(cx.models.Retina("primate"), screen(), outputs=[name])[name])
        assert made.attrs["units"] == unit
    assert cx.models.Pick(cx.models.Retina("primate"), "parvo_off")(screen()).attrs["units"] == "count"


def test_what_cannot_be_picked() -> None:
    with pytest.raises(cx.ParameterError, match="output: wanted one of center"):
        cx.models.Pick(cx.models.Retina(), "cones")
    with pytest.raises(cx.ParameterError, match="layer: wanted a Layer"):
        cx.models.Pick(abs, "response")  # type: ignore[arg-type]


def test_spikes_feed_a_model() -> None:
    spikes = cx.models.Pick(cx.models.Retina("primate"), "parvo_on")
    model = cx.models.Sequential(spikes, cx.models.LN((5, 3, 3)))
    wanted = cx.models.LN((5, 3, 3))
    wanted.conv.set_weight(model[1].conv.weight)
    # the same place in a model, so the same noise
    counts = cx.models.Sequential(cx.models.Pick(cx.models.Retina("primate"), "parvo_on"))(screen())
    assert counts.max() > 0
    np.testing.assert_allclose(model(screen()), wanted(counts.astype("float64")), rtol=1e-6, atol=1e-9)
