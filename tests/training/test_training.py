"""Training with real steps on tiny data."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from helpers import faces_file, here, mien, noise, small

pytest.importorskip("keras")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def test_a_run_learns_and_leaves_a_folder_that_serves(data, tmp_path):
    from mien import load_classifier
    from mien.training.finish import finish
    from mien.training.trainer import Trainer

    trainer = Trainer(small(epochs=6), data, tmp_path / "run")
    trainer.fit()
    cards = finish(trainer, data, "mien train ...")
    assert trainer.history[-1]["loss"] < trainer.history[0]["loss"]
    assert {p.name for p in (tmp_path / "run").iterdir()} >= {
        "config.json", "history.csv", "model.keras", "model.onnx", "card.json", "card-votes.json", "report.json",
        "report.html", "curves.png", "confusion-Training.png", "confusion-PublicTest.png", "checkpoint.npz",
    }  # fmt: skip
    classifier = load_classifier(tmp_path / "run")
    right = classifier(data["PublicTest"].chips[..., 0]).argmax(1) == data["PublicTest"].targets
    assert right.mean() > 0.9
    assert cards["labels"].data["sha256"]["Training"] == data["Training"].sha256()
    assert load_classifier(tmp_path / "run" / "card-votes.json").card.output == "votes"


def test_training_and_serving_give_the_net_the_same_input(data):
    """The preprocessing in the card is the only one."""
    import keras

    from mien.training.trainer import Normalise

    for normalise in ("sample", "range", "unit"):
        from mien.card import Preprocessing

        p = Preprocessing(normalise=normalise)
        chips = data["Training"].chips
        inside = keras.ops.convert_to_numpy(Normalise(p)(chips.astype(np.float32)))
        assert np.abs(inside - p(chips)).max() < 1e-5


def test_a_run_that_was_stopped_goes_on_to_the_same_result(data, tmp_path):
    from mien.training.trainer import Trainer

    whole = Trainer(small(), data, tmp_path / "whole")
    whole.fit()

    class Stop(Exception):
        pass

    def stop(row):
        if row["epoch"] == 2:
            raise Stop

    with pytest.raises(Stop):
        Trainer(small(), data, tmp_path / "parts").fit(report=stop)
    rest = Trainer(small(), data, tmp_path / "parts")
    rest.fit()
    assert len(rest.history) == 3
    for a, b in zip(whole.average, rest.average, strict=True):
        assert np.abs(a - b).max() < 1e-4


def test_without_averaging_the_net_is_the_last_one(data, tmp_path):
    from mien.training.trainer import Trainer

    trainer = Trainer(small(epochs=1, ema=0.0), data, tmp_path)
    trainer.fit()
    assert all(np.array_equal(a, b) for a, b in zip(trainer.net.get_weights(), trainer.raw.get_weights(), strict=True))


def test_a_head_that_is_not_there_cannot_be_mirrored(data, tmp_path):
    from mien.training.trainer import Trainer

    with pytest.raises(ValueError, match=r"mirror is .* wanted labels or votes"):
        small(mirror=("both",))
    with pytest.raises(ValueError, match="this run has the heads: labels"):
        Trainer(small(votes=0.0, mirror=("votes",)), data, tmp_path)


def test_a_checkpoint_of_other_data_or_another_net_is_refused(data, tmp_path):
    from dataclasses import replace

    from mien.training.trainer import Trainer

    Trainer(small(epochs=1), data, tmp_path).fit()
    other = {**data, "Training": replace(data["Training"], targets=data["Training"].targets[::-1].copy())}
    with pytest.raises(ValueError, match="trained on other data"):
        Trainer(small(epochs=1), other, tmp_path).fit()
    with pytest.raises(ValueError, match="checkpoint of another network"):
        Trainer(small(epochs=1, options={"stem": 6, "widths": (8, 8), "depths": (1, 1)}), data, tmp_path).fit()


def test_a_run_can_start_from_another_of_the_same_network(data, tmp_path):
    from mien.training.trainer import Trainer

    first = Trainer(small(epochs=1), data, tmp_path / "first")
    first.fit()
    second = Trainer(small(epochs=1, start=str(tmp_path / "first"), learning_rate=1e-9, ema=0.0), data, tmp_path / "second")
    second.fit()
    kernels = [i for i, w in enumerate(first.average) if w.ndim > 1]
    assert all(np.allclose(first.average[i], second.average[i], atol=1e-6) for i in kernels)
    for start, said in ((tmp_path / "first", "another network"), (tmp_path, "no run to start from")):
        other = small(epochs=1, options={"stem": 6, "widths": (8, 8), "depths": (1, 1)}, start=str(start))
        with pytest.raises(ValueError, match=said):
            Trainer(other, data, tmp_path / "third").fit()
    assert not (tmp_path / "third").exists()


def test_augmentation_is_seeded_by_epoch_and_off_outside_training():
    import keras

    from mien.training.augment import Augment
    from mien.training.augmentation import Augmentation

    layer, x = Augment(Augmentation(), seed=5), noise(4, 48, 48, 1).astype(np.float32)
    layer.begin(3)
    first = keras.ops.convert_to_numpy(layer(x, training=True)[0])
    layer.begin(3)
    again = keras.ops.convert_to_numpy(layer(x, training=True)[0])
    layer.begin(4)
    other = keras.ops.convert_to_numpy(layer(x, training=True)[0])
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)
    assert first.min() >= 0
    assert first.max() <= 255
    assert np.array_equal(keras.ops.convert_to_numpy(layer(x, training=False)[0]), x)


def test_mirroring_alone_mirrors():
    from dataclasses import replace

    import keras

    from mien.training.augment import Augment
    from mien.training.augmentation import NONE

    x = noise(32, 12, 12, 1).astype(np.float32)
    out, mirrored = map(keras.ops.convert_to_numpy, Augment(replace(NONE, mirror=True))(x, training=True))
    kinds = [np.allclose(o, i, atol=1e-2) or 2 * np.allclose(o, i[:, ::-1], atol=1e-2) for o, i in zip(out, x, strict=True)]
    assert set(kinds) == {True, 2}
    assert [kind - 1 for kind in kinds] == mirrored.ravel().tolist()


@pytest.mark.parametrize(("field", "value"), [("epochs", 0), ("optimizer", "sgdd"), ("ema", 1.0), ("batch_size", 1)])
def test_a_config_that_cannot_be_is_refused_with_what_was_wanted(field, value):
    from mien.training.config import TrainConfig

    with pytest.raises(ValueError, match=f"{field} is .* wanted"):
        TrainConfig(**{field: value})


def test_the_command_survives_kill_9_and_resumes(tmp_path):
    data = faces_file(tmp_path / "f.npz", 800)
    common = ("--data", data, "--run", tmp_path / "run")
    small_net = ("--set", 'options={"stem": 8, "widths": [8, 16], "depths": [1, 1], "excited": 0}')
    start = ("train", *common, *small_net, "--epochs", 4, "--batch-size", 32, "--mirror", "labels")
    command = [sys.executable, "-m", "mien", *map(str, start)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    checkpoint, deadline = tmp_path / "run" / "checkpoint.npz", time.monotonic() + 240
    while not checkpoint.exists() and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
    process.wait(30)
    again = here(*start)
    assert (again.returncode, b"add --resume" in again.stderr) == (2, True)
    other = here("train", *common, "--resume", "--epochs", 9)
    assert (other.returncode, b"this run has 4" in other.stderr) == (2, True)
    done = mien("train", *common, "--resume")
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "run" / "history.csv").read_text().splitlines()) == 5
    card = json.loads((tmp_path / "run" / "card.json").read_text())
    assert card["mirror"]
    assert "--mirror labels" in card["command"]
    scored = mien("evaluate", tmp_path / "run", "--data", data, "--json")
    assert json.loads(scored.stdout)["splits"]["PublicTest"]["accuracy"] > 0.9
    assert os.path.exists(tmp_path / "run" / "model.onnx")


def test_a_run_that_diverges_is_an_error_that_says_what_to_try(data, tmp_path):
    from mien.training.trainer import Trainer

    with pytest.raises(ValueError, match="lower --learning-rate"):
        Trainer(small(learning_rate=1e12, warmup=0.1), data, tmp_path / "run").fit()
