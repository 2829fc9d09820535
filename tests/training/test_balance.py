"""What a config asks for against rare classes reaches the training."""

import numpy as np
import pytest

from helpers import noise

pytest.importorskip("keras")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def tensors(counts=(60, 12), seed=0):
    from mien.labels import LabelSet
    from mien.training.tensors import Tensors

    targets = np.repeat(np.arange(len(counts)), counts)
    chips = noise(len(targets), 24, 24, 1, seed=seed) // 2
    chips[targets == 1, :12] += 100
    names = LabelSet(("calm", "cross", "glad")[: len(counts)])
    return Tensors(chips, targets, np.zeros((len(targets), len(counts)), np.float32), np.full(len(targets), -1), names)


def config(**more):
    from mien.card import Preprocessing
    from mien.training.config import TrainConfig

    options = {"stem": 4, "widths": (8, 8), "depths": (1, 1), "excited": 1}
    return TrainConfig(options=options, preprocessing=Preprocessing(size=24), epochs=2, batch_size=8, votes=0.0, **more)


def test_weighted_targets_sum_to_the_weights():
    from mien.datasets.balance import class_weights
    from mien.training.balance import soft_targets

    data = tensors()
    soft = soft_targets(config(class_weights="inverse"), data)
    weights = class_weights(np.array([60, 12]), "inverse")
    assert soft.sum(1) == pytest.approx(weights[data.targets])
    assert soft_targets(config(label_smoothing=0.1), data)[0] == pytest.approx([0.95, 0.05])


def test_oversampled_epochs_are_even_seeded_and_as_long_as_others():
    from mien.training.drawing import order

    c, data = config(sampling="oversample"), tensors()
    rows = order(c, data, 3, 64)
    assert len(rows) == 64
    assert np.bincount(data.targets[rows]).min() > 20
    assert np.array_equal(rows, order(c, data, 3, 64))
    assert not np.array_equal(rows, order(c, data, 4, 64))


def test_smote_adds_chips_of_the_rare_class():
    pytest.importorskip("imblearn")
    from mien.training.balance import rows_of

    data = tensors()
    rows = rows_of(config(sampling="smote"), data)
    assert np.bincount(rows.targets).tolist() == [60, 60]
    assert rows.chips.shape == (120, 24, 24, 1)
    assert np.array_equal(rows.chips[:72], data.chips)
    assert (rows.chips[72:, :12].mean(), rows.chips[72:, 12:].mean()) == pytest.approx((163, 63), abs=5)


def test_mixed_targets_follow_the_share_and_the_area():
    from dataclasses import replace

    from mien.training.augmentation import NONE
    from mien.training.mixing import Mix, mixed_targets, plan

    draw = np.random.default_rng(0)
    chips = np.repeat(np.arange(8, dtype=np.float32), 40 * 40).reshape(8, 40, 40, 1)
    for kind in ("mixup", "cutmix"):
        how = plan(replace(NONE, **{kind: 1.0}), draw, 8)
        mixed = np.asarray(Mix()([chips, how], training=True))
        share = mixed_targets(np.eye(8, dtype=np.float32), how, 8)
        assert share.sum(1) == pytest.approx(np.ones(8))
        assert mixed.mean((1, 2, 3)) == pytest.approx(share @ np.arange(8), abs=0.3)
        assert np.array_equal(np.asarray(Mix()([chips, how], training=False)), chips)
    assert len(np.unique(mixed[1])) <= 2  # a part of one in another


@pytest.mark.parametrize("kind", ["feature", "zca"])
def test_standardised_chips_have_no_mean_and_spread_of_their_own(kind):
    from mien.training.standardise import Standardise

    x = np.random.default_rng(0).normal(3, 2, (4000, 4, 4, 1)).astype(np.float32)
    x[:, 1:] += x[:, :-1]  # neighbours are alike
    layer = Standardise(kind)
    layer.build((None, 4, 4, 1))
    layer.adapt(x)
    flat = np.asarray(layer(x)).reshape(4000, 16)
    assert np.abs(flat.mean(0)).max() < 1e-3
    apart = np.abs(np.corrcoef(flat, rowvar=False) - np.eye(16)).max()
    if kind == "feature":
        assert flat.std(0) == pytest.approx(np.ones(16), abs=0.01)
    else:
        assert apart < np.abs(np.corrcoef(x.reshape(4000, 16), rowvar=False) - np.eye(16)).max() / 2


def test_a_random_crop_enlarges_a_part():
    from dataclasses import replace

    from mien.training.augment import Augment
    from mien.training.augmentation import NONE

    layer = Augment(replace(NONE, crop=0.5), 0)
    layer.begin(0)
    slope = np.broadcast_to(np.linspace(0, 255, 32, dtype=np.float32), (16, 32, 32))[..., None]
    out = np.asarray(layer(slope, training=True)[0])
    width = np.ptp(out, axis=(1, 2, 3)) / 255
    assert width.min() >= 0.49
    assert width.max() <= 1.001
    assert np.ptp(width) > 0.2


@pytest.mark.parametrize(
    "more",
    [
        {"sampling": "smote"}, {"sampling": "oversample"}, {"sampling": "smote_embeddings"}, {"class_weights": "effective"},
        {"adjust_loss": 1.0}, {"standardise": "zca"}, {"standardise": "feature"}, {"mix": True},
    ],
    ids=str,
)  # fmt: skip
def test_a_run_with_it_ends_in_a_graph_that_says_the_same(more, tmp_path):
    from mien import load_classifier
    from mien.training.augmentation import Augmentation
    from mien.training.finish import finish
    from mien.training.trainer import Trainer, predict

    pytest.importorskip("imblearn")
    more = {"augmentation": Augmentation(mixup=0.2, cutmix=1.0)} if "mix" in more else more
    c, data = config(**more), {"Training": tensors(), "PublicTest": tensors(seed=1)}
    trainer = Trainer(c, data, tmp_path / "run")
    trainer.fit()
    assert np.isfinite([row["loss"] for row in trainer.history]).all()
    finish(trainer, data)
    served = load_classifier(tmp_path / "run").logits(data["PublicTest"].chips[..., 0])
    assert np.abs(served - predict(trainer.net, data["PublicTest"], c.preprocessing)["labels"]).max() < 1e-3


def test_smote_on_embeddings_wants_a_dense_head(tmp_path):
    from dataclasses import replace

    from mien.training.trainer import Trainer

    c = replace(config(sampling="smote_embeddings"), model="mini_xception", options={})
    with pytest.raises(ValueError, match="take resnet"):
        Trainer(c, {"Training": tensors()}, tmp_path)


def test_out_of_fold_predictions_find_the_labels_that_are_wrong(tmp_path):
    pytest.importorskip("cleanlab")
    from dataclasses import replace

    from mien.datasets import Sample
    from mien.datasets.audit import audit
    from mien.labels import LabelSet
    from mien.training.folds import out_of_fold

    class Faces(list):
        labels, vote_labels, problems = LabelSet(("calm", "cross")), None, []

    data = tensors((60, 60))
    wrong = [3, 17, 70, 99]
    samples = Faces(
        Sample(chip[..., 0], 1 - label if i in wrong else int(label), "Training", str(i))
        for i, (chip, label) in enumerate(zip(data.chips, data.targets, strict=True))
    )
    told = []
    c = replace(config(), epochs=4, learning_rate=0.05, warmup=0.5)
    probability = out_of_fold(samples, c, 3, tmp_path, lambda fold, row: told.append(fold))
    assert probability.sum(1) == pytest.approx(np.ones(120), abs=1e-5)
    found = audit(samples, alike=False, predictions=probability)
    assert len(set(found.suspects) & set(wrong)) >= 3
    assert len(found.suspects) <= 8
    assert told == [0] * 4 + [1] * 4 + [2] * 4
    again = out_of_fold(samples, c, 3, tmp_path, lambda fold, row: told.append(fold))
    assert np.array_equal(again, probability)
    assert len(told) == 12
    for other, config_, said in (
        (samples[::-1], c, "made of other data"), (samples, replace(c, epochs=3), "epochs=4, and now it is epochs=3"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=said):
            out_of_fold(Faces(other), config_, 3, tmp_path, lambda fold, row: None)
    with pytest.raises(ValueError, match="made with folds=3, and now it is folds=2"):
        out_of_fold(samples, c, 2, tmp_path, lambda fold, row: None)
    with pytest.raises(ValueError, match="do not fill 200 folds"):
        out_of_fold(samples, c, 200, tmp_path / "x", lambda fold, row: None)
