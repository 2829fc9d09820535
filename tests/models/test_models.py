"""What every architecture promises."""

import numpy as np
import pytest

pytest.importorskip("keras")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

PARAMETERS = {"mini_xception": 58_423, "resnet": 928_919}


@pytest.fixture(params=["mini_xception", "resnet"])
def name(request):
    return request.param


def test_it_has_the_stated_number_of_parameters(name):
    from mien.models import MODELS

    assert MODELS[name]({"labels": 7}).count_params() == PARAMETERS[name]


def test_it_takes_other_sizes_channels_and_heads(name):
    from mien.models import MODELS

    out = MODELS[name]({"a": 3, "b": 5}, size=64, channels=3)(np.zeros((2, 64, 64, 3), np.float32))
    assert {head: tuple(z.shape) for head, z in out.items()} == {"a": (2, 3), "b": (2, 5)}


def test_it_can_be_saved_and_exported(name, tmp_path):
    import keras

    from mien.models import MODELS
    from mien.runtime import Graph
    from mien.training.export import export_onnx

    net = MODELS[name]({"labels": 7, "votes": 7})
    net.save(tmp_path / "net.keras")
    x = np.random.default_rng(0).normal(size=(5, 48, 48, 1)).astype(np.float32)
    want = keras.ops.convert_to_numpy(net(x)["votes"])
    again = keras.ops.convert_to_numpy(keras.saving.load_model(tmp_path / "net.keras")(x)["votes"])
    assert np.abs(again - want).max() < 1e-5
    export_onnx(net, tmp_path / "net.onnx")
    graph = Graph(tmp_path / "net.onnx")
    (found,) = graph.run(x, ["votes"])
    assert np.abs(found - want).max() < 1e-4
    (alone,) = graph.run(x[2:3], ["votes"])
    assert np.abs(alone[0] - found[2]).max() < 1e-5
