"""What every architecture promises."""

import numpy as np
import pytest

pytest.importorskip("keras")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

PARAMETERS = {
    "big_xception": 208_871,
    "cnn_lstm": 993_815,
    "fully_convolutional": 642_199,
    "mini_xception": 58_423,
    "resnet": 928_919,
    "sequential_cnn": 2_345_607,
    "transfer": 2_266_951,
    "tutorial_cnn": 1_643_355,
    "vgg": 1_766_439,
}
CLIPS = ("cnn_lstm",)


@pytest.fixture(params=PARAMETERS)
def name(request):
    return request.param


@pytest.fixture
def net(name):
    import keras

    from mien.models import MODELS

    keras.utils.set_random_seed(0)
    return MODELS[name]({"labels": 7, "votes": 8})


def chips(net, n=6, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (n, *net.input_shape[1:])).astype(np.float32)


def answers(net, x, head="votes"):
    import keras

    return keras.ops.convert_to_numpy(net(x, training=False)[head])


def test_all_are_tested():
    from mien.models import MODELS

    assert set(MODELS.entries) == set(PARAMETERS)


def test_it_has_the_stated_number_of_parameters(name):
    from mien.models import MODELS

    assert MODELS[name]({"labels": 7}).count_params() == PARAMETERS[name]


def test_it_takes_other_sizes_channels_and_heads(name):
    from mien.models import MODELS

    frames = (8,) * (name in CLIPS)
    out = MODELS[name]({"a": 3, "b": 5}, size=64, channels=3)(np.zeros((2, *frames, 64, 64, 3), np.float32))
    assert {head: tuple(z.shape) for head, z in out.items()} == {"a": (2, 3), "b": (2, 5)}


def test_one_step_lowers_the_loss(net):
    """Of the batch that the step was made on; the mean over several draws, since dropout makes it jump."""
    import keras

    x, y = chips(net, 16), np.arange(16) % 7
    lossy = keras.Model(net.input, net.output["labels"])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    lossy.compile(keras.optimizers.Adam(1e-3), loss)

    def now():
        return float(np.mean([float(loss(y, lossy(x, training=True))) for _ in range(8)]))

    before = now()
    lossy.train_on_batch(x, y)
    assert now() < before


def test_it_can_be_saved_whole_and_as_the_papers_do_in_json_and_h5(net, tmp_path):
    import keras

    x = chips(net)
    want = answers(net, x)
    net.save(tmp_path / "net.keras")
    assert np.abs(answers(keras.saving.load_model(tmp_path / "net.keras"), x) - want).max() < 1e-5
    (tmp_path / "net.json").write_text(net.to_json())
    net.save_weights(tmp_path / "net.weights.h5")
    again = keras.models.model_from_json((tmp_path / "net.json").read_text())
    again.load_weights(tmp_path / "net.weights.h5")
    assert np.abs(answers(again, x) - want).max() < 1e-5


def test_the_graph_gives_the_same_at_any_batch(net, tmp_path):
    from mien.runtime import Graph
    from mien.training.export import export_onnx

    x = chips(net)
    want = answers(net, x)
    export_onnx(net, tmp_path / "net.onnx")
    graph = Graph(tmp_path / "net.onnx")
    (found,) = graph.run(x, ["votes"])
    assert np.abs(found - want).max() < 1e-4
    (alone,) = graph.run(x[2:3], ["votes"])
    assert np.abs(alone[0] - found[2]).max() < 1e-5
    assert np.abs(answers(net, x[2:3])[0] - want[2]).max() < 1e-5


def test_it_has_an_embedding_that_its_head_reads(net):
    import keras

    from mien.models.layers import embedding

    tensor = embedding(net, "labels")
    assert len(tensor.shape) == 2
    assert keras.Model(net.input, tensor)(chips(net), training=False).shape == (6, tensor.shape[1])


def test_it_says_how_much_it_computes(name, net):
    from mien.models.flops import flops

    assert flops(net) > 1e6


def test_what_was_measured_is_of_this_network(name, net):
    from mien.models import MODELS
    from mien.models.flops import flops
    from mien.models.measured import measured

    (row,) = [row for row in measured()["rows"] if row["name"] == name]
    assert row["parameters"] == PARAMETERS[name]
    assert row["megaflops"] == round(flops(MODELS[name]({"labels": 7})) / 1e6, 1)


def test_operations_are_counted_right():
    import keras
    from keras import layers

    from mien.models.flops import flops

    x = inputs = keras.Input((10, 10, 3))
    x = layers.Conv2D(4, 3)(x)  # 8 x 8 of 3 x 3 x 3 x 4
    x = layers.SeparableConv2D(5, 3, padding="same")(x)  # 8 x 8 of 3 x 3 x 4 + 4 x 5
    x = layers.DepthwiseConv2D(3, padding="same", strides=2)(x)  # 4 x 4 of 3 x 3 x 5
    x = layers.Dense(7)(layers.Flatten()(x))  # 80 x 7
    inner = keras.Model(inputs, x)
    once = 2 * (64 * 108 + 64 * 56 + 16 * 45 + 560)
    assert flops(inner) == once
    clip = keras.Input((3, 10, 10, 3))
    rows = keras.ops.reshape(inner(keras.ops.reshape(clip, (-1, 10, 10, 3))), (-1, 3, 7))
    assert flops(keras.Model(clip, layers.LSTM(2)(rows))) == 3 * once + 2 * 3 * (7 + 2) * 8


def test_an_unknown_trunk_is_named_with_those_there_are():
    from mien.models import MODELS

    with pytest.raises(ValueError, match=r"no backbone named 'MobileNet9' in keras.applications; there are: .*MobileNetV2"):
        MODELS["transfer"]({"labels": 7}, backbone="MobileNet9")


def test_a_trunk_begins_with_the_weights_of_a_file(tmp_path):
    import keras

    from mien.models import MODELS

    options = {"backbone": "MobileNetV2", "alpha": 0.35}
    trunk = keras.applications.MobileNetV2(include_top=False, weights=None, alpha=0.35, input_shape=(48, 48, 3))
    trunk.save_weights(tmp_path / "trunk.weights.h5")
    net = MODELS["transfer"]({"labels": 7}, weights=str(tmp_path / "trunk.weights.h5"), **options)
    name = "block_3_expand"
    assert np.array_equal(net.get_layer(name).get_weights()[0], trunk.get_layer(name).get_weights()[0])


def test_names_of_layers_do_not_depend_on_what_was_built_before(name):
    from mien.models import MODELS
    from mien.models.layers import names

    first, second = (names(MODELS[name]({"labels": 7})) for _ in range(2))
    assert first == second
    assert len(set(first)) == len(first)
    assert "labels" in first
