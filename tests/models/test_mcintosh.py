"""The convolutional network against torch's own layers, and what its noise does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import convis_xr as cx
from tests.agreement import Agreement, relative
from tests.models.oracle import random_film


def plain_network(model: cx.models.McIntosh) -> nn.Sequential:
    """The paper's: convolutions that lose the edges, and correlate."""
    layers = []
    for layer, shape in ((model.layer1, nn.ReLU()), (model.layer2, nn.ReLU()), (model.readout, nn.Softplus())):
        weight = layer.weight.detach()
        plain = nn.Conv3d(weight.shape[1], weight.shape[0], tuple(weight.shape[2:])).double()
        plain.weight.data = weight.flip(2, 3, 4)
        plain.bias.data = layer.bias.detach()  # type: ignore[union-attr]
        layers += [plain, shape]
    return nn.Sequential(*layers)


def filled(**options: object) -> cx.models.McIntosh:
    torch.manual_seed(0)
    model = cx.models.McIntosh(**options).double()  # type: ignore[arg-type]
    for layer in (model.layer1, model.layer2, model.readout):
        layer.bias = torch.randn(layer.bias.shape)
    return model


def test_a_readout_at_each_pixel_is_the_papers_network_inside_the_frame(agreement: Agreement) -> None:
    options = {"layer1_channels": 3, "layer2_channels": 5, "in_channels": 2, "out_channels": 4}
    model = filled(kernel_size=(4, 5, 3), kernel_size_2=(2, 3, 3), **options)
    film = random_film(shape=(2, 12, 11, 10))
    made = model(film).values
    wanted = plain_network(model)(torch.from_numpy(film.values)[None])[0].detach().numpy()
    assert made.shape == (4, 12, 11, 10)
    assert wanted.shape == (4, 12 - 3 - 1, 11 - 4 - 2, 10 - 2 - 2)
    error = relative(made[:, 4:, 3:-3, 2:-2], wanted)
    agreement("McIntosh, inside the frame", "torch.nn.Conv3d", "relative L2", error, within=1e-12)
    assert set(model.p) == {
        f"{layer}.{part}" for layer in ("layer1", "layer2", "readout") for part in ("weight", "bias")
    }


def test_a_readout_of_all_is_dense(agreement: Agreement) -> None:
    model = filled(kernel_size=(3, 3, 3), out_channels=4, readout="all", frame=(6, 7))
    film = random_film()
    hidden = torch.relu(model.layer1(torch.from_numpy(film.values)[None, None]))
    model.clear_state()
    hidden = torch.relu(model.layer2(hidden)).detach().numpy()[0]
    model.clear_state()
    weight, bias = model.readout.weight.detach().numpy()[:, :, 0], model.readout.bias.detach().numpy()
    wanted = np.logaddexp(0, np.einsum("ocyx,ctyx->ot", weight, hidden) + bias[:, None])
    error = relative(model(film).values[..., 0, 0], wanted)
    agreement("McIntosh, readout of all", "numpy.einsum", "relative L2", error, within=1e-12)


def test_weights_of_a_network_that_correlates() -> None:
    model = cx.models.McIntosh((4, 5, 3)).double()
    theirs = nn.Conv3d(1, 8, (4, 5, 3), bias=False).double()
    model.layer1.set_weight(theirs.weight, flip=True)
    film = random_film(shape=(12, 11, 10))
    x = torch.from_numpy(film.values)[None, None]
    torch.testing.assert_close(model.layer1(x)[:, :, 3:, 2:-2, 1:-1], theirs(x))


def test_noise_has_its_standard_deviation_and_goes_with_seed_and_trial() -> None:
    film = random_film(shape=(50, 20, 20))
    model = cx.models.McIntosh((1, 1, 1), layer1_channels=1, layer2_channels=1, noise=0.5)
    for layer in (model.layer1, model.layer2, model.readout):
        layer.set_weight(1.0)
    model.noise2 = None
    model.readout.bias = np.array([20.0])  # there softplus is straight
    model.layer1.bias = np.array([10.0])  # and so is the rectification
    noise = model(film).values - film.values - 30
    assert abs(noise.std() - 0.5) < 0.01
    assert abs(noise.mean()) < 0.01
    one, same, other = (
        cx.run(model, film, seed=seed, chunk=chunk).response for seed, chunk in ((1, 7), (1, 50), (2, 50))
    )
    np.testing.assert_allclose(one, same, rtol=1e-6)
    assert np.abs(one - other).max() > 0.1


def test_frames_and_readouts_that_do_not_fit_are_said() -> None:
    with pytest.raises(cx.ParameterError, match="readout: wanted"):
        cx.models.McIntosh(readout="all")
    with pytest.raises(cx.ParameterError, match="readout: wanted"):
        cx.models.McIntosh(readout="dense")  # type: ignore[arg-type]
    for options in ({"frame": (5, 5)}, {"readout": "all", "frame": 5}, {"readout": "all", "frame": (1, 5, 5)}):
        with pytest.raises(cx.ParameterError, match="readout: wanted"):
            cx.models.McIntosh(**options)  # type: ignore[arg-type]
    with pytest.raises(cx.ParameterError, match="noise: wanted a value between 0"):
        cx.models.McIntosh(noise=-0.1)
    with pytest.raises(cx.ContractError, match=r"x: wanted frames of \(5, 5\) px"):
        cx.models.McIntosh(readout="all", frame=(5, 5))(random_film())
