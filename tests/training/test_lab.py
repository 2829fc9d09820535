"""What a run's config can ask for, each on tiny data and with real steps."""

import numpy as np
import pytest

from helpers import small

pytest.importorskip("keras")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def run(data, folder, **more):
    from mien.training.trainer import Trainer

    trainer = Trainer(small(**more), data, folder)
    trainer.fit()
    return trainer


def right(trainer, data):
    from mien.training.trainer import predict

    data = data["PublicTest"]
    return (predict(trainer.net, data, trainer.config.preprocessing)["labels"].argmax(1) == data.targets).mean()


@pytest.mark.parametrize("metric", ["center", "island", "locality", "triplet", "tuplet"])
def test_a_metric_beside_softmax_is_made_small(metric, data, tmp_path):
    from mien.training.config import Loss

    trainer = run(data, tmp_path, epochs=8, loss=Loss(metric=metric))
    assert trainer.history[-1]["loss"] < trainer.history[0]["loss"]
    assert right(trainer, data) > 0.9


@pytest.mark.parametrize("metric", ["triplet", "tuplet"])
def test_a_metric_alone_leaves_a_net_whose_head_is_fitted_afterwards(metric, data, tmp_path):
    from mien import load_classifier
    from mien.training.config import Loss
    from mien.training.finish import finish

    trainer = run(data, tmp_path, epochs=8, votes=0.0, loss=Loss(metric=metric, metric_weight=1.0, weight=0.0))
    assert "accuracy" not in trainer.history[-1]  # there is no head to score yet
    finish(trainer, data)
    served = load_classifier(tmp_path)(data["PublicTest"].chips[..., 0])
    assert (served.argmax(1) == data["PublicTest"].targets).mean() > 0.9


def test_a_metric_alone_wants_a_dense_head(data, tmp_path):
    from mien.training.config import Loss

    with pytest.raises(ValueError, match=r"loss.weight is 0, but mini_xception has no dense layer"):
        run(data, tmp_path, model="mini_xception", options={}, loss=Loss(metric="triplet", weight=0.0))


@pytest.mark.parametrize(
    "more",
    [
        {"optimizer": "adamw", "learning_rate": 0.01, "clip": 1.0}, {"precision": "mixed_bfloat16"},
        {"loss": {"kind": "focal"}}, {"loss": {"views": 3}}, {"schedule": {"kind": "constant"}},
    ],
    ids=str,
)  # fmt: skip
def test_a_run_with_it_learns(more, data, tmp_path):
    from mien.training.overrides import merged

    trainer = run(data, tmp_path, **{"epochs": 8, **{k: getattr(merged(small(), more), k) for k in more}})
    assert right(trainer, data) > 0.9
    assert all(w.dtype == np.float32 for w in trainer.net.get_weights())


def test_views_are_summed_over_and_come_together(data, tmp_path):
    """With nothing to vary, T views cost T times as much as one."""
    from mien.training.augmentation import NONE
    from mien.training.config import Loss

    more = {"augmentation": NONE, "epochs": 1, "learning_rate": 1e-9, "warmup": 0.0, "schedule": constant()}
    once = run(data, tmp_path / "1", **more)
    thrice = run(data, tmp_path / "3", **more, loss=Loss(views=3))
    assert thrice.history[0]["loss"] == pytest.approx(3 * once.history[0]["loss"], rel=0.05)


def constant(**more):
    from mien.training.config import Schedule

    return Schedule(kind="constant", **more)


def test_a_plateau_lowers_the_rate_and_enough_is_enough(data, tmp_path):
    """A rate too small to change anything: no epoch is better than the first."""
    from mien.training.config import Schedule

    slow = {"learning_rate": 1e-9, "warmup": 0.0, "ema": 0.0, "epochs": 9, "votes": 0.0}
    schedule = Schedule(kind="plateau", patience=2, factor=0.1, stop_after=4)
    trainer = run(data, tmp_path, **slow, schedule=schedule)
    best = int(np.argmax([row["accuracy"] for row in trainer.history]))
    assert len(trainer.history) == best + 5
    rates = [row["learning_rate"] for row in trainer.history]
    assert rates[best + 2] == pytest.approx(1e-9)
    assert rates[best + 3] == pytest.approx(1e-10)
    again = run(data, tmp_path, **slow, schedule=schedule)  # a run that ended early is not gone on with
    assert len(again.history) == len(trainer.history)
    assert all(np.array_equal(a, b) for a, b in zip(trainer.net.get_weights(), again.net.get_weights(), strict=True))


def test_a_schedule_that_looks_at_scores_wants_some(data, tmp_path):
    from mien.training.config import Schedule

    with pytest.raises(ValueError, match="no split PublicTest"):
        run({"Training": data["Training"]}, tmp_path, schedule=Schedule(stop_after=3))


def test_a_student_learns_from_teachers_alone(data, tmp_path):
    """Its labels are wrong throughout; what its teachers say is right."""
    from dataclasses import replace

    from mien.training.config import Distillation
    from mien.training.finish import finish

    teacher = run(data, tmp_path / "teacher", epochs=8, label_smoothing=0.0)
    finish(teacher, data)
    wrong = {**data, "Training": replace(data["Training"], targets=3 - data["Training"].targets)}
    distil = Distillation((str(tmp_path / "teacher"), str(tmp_path / "teacher")), weight=1.0, temperature=1.0)
    assert right(run(wrong, tmp_path / "student", epochs=16, votes=0.0, ema=0.0, distil=distil), data) > 0.7


def test_a_teacher_of_other_labels_is_refused(data, tmp_path):
    from dataclasses import replace

    from mien.labels import LabelSet
    from mien.training.config import Distillation

    other = {k: replace(t, labels=LabelSet(tuple("abcdefg"))) for k, t in data.items()}
    with pytest.raises(ValueError, match="the teacher fer2013 knows angry"):
        run(other, tmp_path, distil=Distillation(("fer2013",)))


def test_only_what_may_learn_does(data, tmp_path):
    from mien.models.layers import names
    from mien.training.trainer import Trainer

    trainer = Trainer(small(epochs=1, ema=0.0, votes=0.0, trainable=("conv2d_5", "conv2d_6*")), data, tmp_path)
    before = [np.array(w) for w in trainer.raw.get_weights()]
    trainer.fit()
    of = {id(w): name for name, layer in zip(names(trainer.raw), trainer.raw.layers, strict=True) for w in layer.weights}
    learnt = {of[id(w)] for w, old in zip(trainer.raw.weights, before, strict=True) if not np.array_equal(np.array(w), old)}
    assert learnt == {"conv2d_5", "conv2d_6", "labels"}


def test_a_pattern_that_names_no_layer_is_refused(data, tmp_path):
    with pytest.raises(ValueError, match=r"no layer has such a name; there are: .*labels"):
        run(data, tmp_path, trainable=("block_7",))


def test_a_net_of_clips_learns_from_stills_and_serves_them(data, tmp_path):
    from mien import load_classifier
    from mien.training.finish import finish

    options = {"frames": 3, "units": 8, "stem": 4, "widths": (8, 8), "depths": (1, 1), "excited": 1}
    trainer = run(data, tmp_path, model="cnn_lstm", options=options, epochs=9, learning_rate=0.1)
    finish(trainer, data)
    served = load_classifier(tmp_path)(data["PublicTest"].chips[..., 0])
    assert (served.argmax(1) == data["PublicTest"].targets).mean() > 0.9


def test_a_full_disk_leaves_the_last_checkpoint_whole(data, tmp_path, monkeypatch):
    from mien.training import run as running
    from mien.training.trainer import Trainer

    saved = np.savez

    def full(path, **arrays):
        saved(path, **arrays)
        if len(trainer.history) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(running.np, "savez", full)
    trainer = Trainer(small(), data, tmp_path)
    with pytest.raises(OSError, match=r"epoch 2 could not be written .*No space left.* that of epoch 1 is whole"):
        trainer.fit()
    assert not list(tmp_path.glob("*.new*"))
    monkeypatch.undo()
    rest = Trainer(small(), data, tmp_path)
    rest.restore()
    assert len(rest.history) == 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"loss": {"weight": 0.0}}, "loss.weight is 0.0; wanted more than 0 where there is no metric"),
        ({"loss": {"metric": "centre"}}, "loss.metric is 'centre'; wanted center or island"),
        ({"loss": {"metric": "center"}, "augmentation": {"mixup": 0.2}}, "no mixup and no cutmix beside loss.metric"),
        ({"schedule": {"stop_after": 3}, "loss": {"weight": 0.0, "metric": "island"}}, "wanted one that looks at no scores"),
        ({"schedule": {"kind": "plateau"}, "evaluate_every": 2}, "evaluate_every is 2; wanted 1"),
        ({"distil": {"teacher": "x"}}, "no field 'distil.teacher'; there are: teachers"),
        ({"learning_rate": "fast"}, "learning_rate is 'fast'; a value such as 0.1 was wanted"),
        ({"lerning_rate": 1}, "no field 'lerning_rate'; there are: model"),
    ],
    ids=str,
)
def test_what_contradicts_itself_or_is_unknown_is_said(fields, said):
    from mien.training.config import from_mapping

    with pytest.raises(ValueError, match=said.replace("(", r"\(")):
        from_mapping(fields)


def test_frames_become_clips_of_their_sequence_and_are_learnt_from(tmp_path):
    """What tells the two classes apart is whether a bar widens or narrows: no frame alone knows."""
    from mien.card import Preprocessing
    from mien.datasets import Sample
    from mien.labels import LabelSet
    from mien.training.augmentation import NONE
    from mien.training.tensors import in_clips, read
    from mien.training.trainer import Trainer, predict

    class Sequences(list):
        labels, vote_labels, problems = LabelSet(("narrows", "widens")), None, []

    rows, draw = Sequences(), np.random.default_rng(0)
    for clip in range(120):
        label, width = clip % 2, draw.integers(16, 24)
        for frame in range(4):
            image = draw.integers(60, 90, (48, 48)).astype(np.uint8)
            image[:, 4 : 4 + width + (5 if label else -5) * (frame - 1)] = 200
            rows.append(
                Sample(image, label, "Training" if clip < 90 else "PublicTest", f"{clip}/{frame}", None, "", f"clip{clip}")
            )
    data = {split: in_clips(frames, 3) for split, frames in read(rows, Preprocessing()).items()}
    assert data["Training"].chips.shape == (90, 3, 48, 48, 1)
    assert data["PublicTest"].keys[0] == "clip90"
    assert np.array_equal(data["Training"].chips[1, -1, :, :, 0], rows[7].image)
    options = {"frames": 3, "units": 8, "stem": 4, "widths": (8, 8), "depths": (1, 1), "excited": 1}
    config = small(model="cnn_lstm", options=options, augmentation=NONE, epochs=25, learning_rate=0.1, ema=0.0, votes=0.0)
    trainer = Trainer(config, data, tmp_path)
    trainer.fit()
    said = predict(trainer.net, data["PublicTest"], config.preprocessing)["labels"].argmax(1)
    assert (said == data["PublicTest"].targets).mean() > 0.9
