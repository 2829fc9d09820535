"""What a run begins with, goes on from and leaves behind when something goes wrong."""

import numpy as np
import pytest

from helpers import faces_file, here, small

pytest.importorskip("keras")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def run(data, folder, **more):
    from mien.training.trainer import Trainer

    trainer = Trainer(small(**more), data, folder)
    trainer.fit()
    return trainer


@pytest.mark.parametrize("model", ["resnet", "mini_xception", "vgg", "cnn_lstm", "sequential_cnn"])
def test_weights_have_names_in_their_order(model):
    from mien.labels import FER2013
    from mien.models.layers import head_names, names, weight_names
    from mien.training.config import RECIPES
    from mien.training.trainer import network

    net = network(RECIPES[model], FER2013)
    assert len(weight_names(net)) == len(set(weight_names(net))) == len(net.weights)
    assert [w.path for layer in net.layers for w in layer.weights] == [w.path for w in net.weights]
    heads = head_names(net, ("labels", "votes"))
    assert len(heads) == 2
    assert {name.rpartition("/")[0] for name in weight_names(net)} >= set(heads) <= set(names(net))


def test_the_last_convolution_of_a_net_without_dense_layers_is_its_head_and_always_learns():
    from mien.labels import FER2013
    from mien.models.layers import head_names, names
    from mien.training.config import RECIPES
    from mien.training.trainer import freeze, network

    net = network(RECIPES["fully_convolutional"], FER2013, ("labels",))
    freeze(net, ("conv2d",), ("labels",))
    learning = {name for name, layer in zip(names(net), net.layers, strict=True) if layer.weights and layer.trainable}
    assert learning == {"conv2d", *head_names(net, ("labels",))}
    assert len(learning) == 2


def test_a_run_with_votes_begins_with_one_without_and_the_other_way_round(data, tmp_path):
    first = run(data, tmp_path / "1", epochs=1, votes=0.0)
    second = run(data, tmp_path / "2", epochs=1, start=str(tmp_path / "1"), learning_rate=1e-9, ema=0.0)
    assert np.abs(first.average[0] - second.average[0]).max() < 1e-6
    third = run(data, tmp_path / "3", epochs=1, votes=0.0, start=str(tmp_path / "2"), learning_rate=1e-9, ema=0.0)
    assert np.abs(second.average[0] - third.average[0]).max() < 1e-6


def test_a_head_of_as_many_other_classes_begins_anew(data, tmp_path):
    from dataclasses import replace

    from mien.labels import LabelSet
    from mien.training.trainer import Trainer

    first = run(data, tmp_path / "1", epochs=1, votes=0.0)
    other = {k: replace(t, labels=LabelSet(("a", "b", "c", "d", "e", "f", "g"))) for k, t in data.items()}
    second = Trainer(small(votes=0.0, seed=5, start=str(tmp_path / "1")), other, tmp_path / "2")
    begun = second.begun_with(tmp_path / "1")
    assert np.array_equal(begun[0], first.average[0])
    assert not np.array_equal(begun[-2], first.average[-2])


def test_a_run_begins_with_the_best_epoch_of_one_that_stopped_early(data, tmp_path):
    from mien.training.config import Schedule
    from mien.training.trainer import Trainer

    first = run(data, tmp_path / "1", epochs=8, ema=0.0, schedule=Schedule(stop_after=2))
    begun = Trainer(small(start=str(tmp_path / "1")), data, tmp_path / "2").begun_with(tmp_path / "1")
    for a, b in zip(begun, first.best, strict=True):
        assert np.array_equal(a, b)


def test_weights_that_are_no_numbers_are_not_written_down(data, tmp_path):
    from mien.training.config import Schedule

    once = {"epochs": 1, "batch_size": len(data["Training"]), "warmup": 0.0, "schedule": Schedule(kind="constant"), "ema": 0.0}
    with pytest.raises(ValueError, match="try a lower --learning-rate"):
        run(data, tmp_path, **once, learning_rate=1e38)
    assert not (tmp_path / "checkpoint.npz").exists()


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 cut"])
def test_a_damaged_checkpoint_is_named(content, data, tmp_path):
    run(data, tmp_path, epochs=1)
    (tmp_path / "checkpoint.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"checkpoint\.npz is damaged"):
        run(data, tmp_path, epochs=2)


def test_another_file_is_no_checkpoint(data, tmp_path):
    np.savez(tmp_path / "checkpoint.npz", images=np.zeros(3))
    with pytest.raises(ValueError, match="is no checkpoint of a run"):
        run(data, tmp_path, epochs=1)


def test_losses_are_scaled_where_gradients_have_16_bits(data, tmp_path):
    from mien.training.trainer import Trainer

    scaled, plain = (Trainer(small(precision=p), data, tmp_path) for p in ("mixed_float16", "float32"))
    assert type(scaled.model.optimizer).__name__ == "LossScaleOptimizer"
    assert type(plain.model.optimizer).__name__ == "SGD"


def test_frames_of_joined_sets_keep_their_sequences_and_stills_are_alone(data):
    from dataclasses import replace

    from mien.training.tensors import in_clips, joined

    eight = data["Training"][:8]
    sequences = replace(eight, clips=np.array(list("aaabbbcc")))
    both = joined([{"Training": sequences}, {"Training": eight}])["Training"]
    assert len(set(both.clips)) == 3 + 8
    clips = in_clips(both, 2)
    assert clips.chips.shape[:2] == (11, 2)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ('options={"wdiths": [8]}', b"options: stem, widths, depths"),
        ('options={"widths": [4, 8]}', b"cannot be built with"),
        ("trainable=[1]", b"trainable has 1 in it; texts were wanted"),
        ('augmentation.erase_side=["a", "b"]', b"erase_side has 'a' in it; numbers were wanted"),
        ("learning_rate=Infinity", b"more than 0, and finite"),
        ("loss.metric=center", b"no mixup"),
    ],
)
def test_a_field_that_cannot_be_is_named(setting, said, tmp_path):
    data = faces_file(tmp_path / "a.npz")
    done = here("train", "--data", data, "--run", tmp_path / "r", "--set", setting, "--set", "augmentation.mixup=0.2")
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert b"Augmentation(" not in done.stderr


def test_a_mistake_in_a_later_stage_is_found_before_the_first_is_trained(tmp_path):
    data = faces_file(tmp_path / "a.npz")
    text = f'''data = "{data.as_posix()}"
run = "{(tmp_path / "r").as_posix()}"
epochs = 1
[[stages]]
[[stages]]
trainable = ["nolayer"]
'''
    (tmp_path / "c.toml").write_text(text)
    done = here("train", "--config", tmp_path / "c.toml")
    assert done.returncode == 2
    assert b"nolayer" in done.stderr
    assert not (tmp_path / "r" / "stages").exists()
