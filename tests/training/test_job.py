"""Jobs: config files, several sets, stages that build on each other, folds."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from helpers import faces_file, here, mien, small

pytest.importorskip("keras")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

CONFIG = """
data = ["a.npz", {path = "b.npz", weight = 0.5}]
run = "runs/job"
epochs = 2
batch_size = 16
learning_rate = 0.05
warmup = 0.5
options = {stem = 4, widths = [8, 8], depths = [1, 1], excited = 1}

[[stages]]
data = "b.npz"
votes = 0.0
[[stages]]
trainable = ["conv2d_5", "conv2d_6"]
votes = 0.0
distil = {teachers = ["previous"], weight = 0.3}
"""


def job(folder):
    faces_file(folder / "a.npz", 400)
    faces_file(folder / "b.npz", 160)
    (folder / "job.toml").write_text(CONFIG)
    return "train", "--config", "job.toml"


def test_a_file_is_a_job_and_what_is_done_of_it_is_passed_over(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ask, run = job(tmp_path), tmp_path / "runs" / "job"
    done = mien(*ask, "--tensorboard", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    first, second = (json.loads((f / "config.json").read_text()) for f in (run / "stages" / "1", run))
    assert (first["start"], second["start"]) == ("", str(Path("runs/job/stages/1")))
    assert second["data_weights"] == [1.0, 0.5]
    assert second["distil"]["teachers"] == [str(Path("runs/job/stages/1"))]
    assert {"PublicTest", "PublicTest of set 1", "PublicTest of set 2"} <= set(
        json.loads((run / "report.json").read_text())["splits"]
    )
    assert list((run / "tensorboard").glob("events*"))
    assert b"add --resume" in here(*ask).stderr
    for name in ("card.json", "checkpoint.npz"):
        (run / name).unlink()
    again = here(*ask, "--resume")
    assert again.returncode == 0, again.stderr
    assert b"stages/1 (done)" in again.stderr.replace(b"\\", b"/")
    assert (run / "card.json").exists()
    (run / "card.json").unlink()
    other = here(*ask, "--resume", "--set", "weight_decay=0")
    assert (other.returncode, b"this run has another value than weight_decay" in other.stderr) == (2, True)


def test_folds_are_compared_and_gone_on_with(tmp_path):
    data, run = faces_file(tmp_path / "a.npz", 240), tmp_path / "run"
    common = (
        "--epochs",
        "1",
        "--batch-size",
        "16",
        "--votes",
        "0",
        "--set",
        'options={"stem": 4, "widths": [8], "depths": [1], "excited": 0}',
    )
    ask = ("train", "--data", data, "--run", run, "--folds", "2", *common)
    done = mien(*ask)
    assert done.returncode == 0, done.stderr
    found = json.loads((run / "folds.json").read_text())
    assert found["accuracy"]["mean"] == pytest.approx(np.mean(found["accuracy"]["folds"]))
    shutil.rmtree(run / "fold1")
    refused = here(*ask)
    assert (refused.returncode, b"folds are there already; add --resume" in refused.stderr) == (2, True)
    assert b"fold0 (done)" in here(*ask, "--resume").stderr
    assert json.loads((run / "folds.json").read_text()) == found
    other = here("train", "--data", data, "--run", run, "--folds", "3", "--resume", *common)
    assert (other.returncode, b"made with folds=2, and now it is folds=3" in other.stderr) == (2, True), other.stderr


def test_what_a_folder_keeps_is_of_one_config_one_number_and_one_set(tmp_path):
    from mien.training.kept import same_or_new

    note = tmp_path / "new" / "note.json"
    of = {"folds": 5, "data": {"sha256": "a"}, "config": small(options={"widths": (8, 8)})}
    same_or_new(note, of, used=False)
    same_or_new(note, of, used=True)
    for other, said in (
        ({"folds": 3}, "made with folds=5, and now it is folds=3"),
        ({"data": {"sha256": "b"}}, "made of other data"),
        ({"config": small(options={"widths": (8, 8)}, epochs=4)}, "made with epochs=3, and now it is epochs=4"),
    ):
        with pytest.raises(ValueError, match=said):
            same_or_new(note, of | other, used=True)
    with pytest.raises(ValueError, match=r"results are there, but no ease.json that says of what"):
        same_or_new(tmp_path / "ease.json", of, used=True)


def weighted(sets, weights):
    from dataclasses import replace

    from mien.training.tensors import joined

    return replace(small(), data_weights=weights), joined(sets)


def test_sets_are_drawn_from_as_often_as_they_weigh(data):
    from mien.training.drawing import drawn_in_an_epoch, order

    config, both = weighted([data, data], (0.5, 2.0))
    fitted, one = both["Training"], len(data["Training"])
    n = drawn_in_an_epoch(config, fitted)
    assert n == round(0.5 * one) + 2 * one
    rows = order(config, fitted, 0, n)
    drawn = np.bincount(rows, minlength=2 * one)
    assert drawn[:one].sum() == round(0.5 * one)
    assert set(drawn[one:]) == {2}
    assert not np.array_equal(rows, order(config, fitted, 1, n))
    with pytest.raises(ValueError, match="data_weights has 3 numbers for 2 sets"):
        drawn_in_an_epoch(weighted([data, data], (1.0, 1.0, 1.0))[0], fitted)


def test_classes_of_another_set_are_found_by_name(data):
    from dataclasses import replace

    from mien.labels import LabelSet
    from mien.training.tensors import joined

    other = {
        k: replace(t, labels=LabelSet(("happy", "neutral", "surprise", "angry", "fear", "sad", "disgust")))
        for k, t in data.items()
    }
    both = joined([data, other])["Training"]
    half = len(both) // 2
    assert both.labels == data["Training"].labels
    assert set(zip(both.targets[:half], both.targets[half:], strict=True)) == {(0, 3), (3, 0)}
    assert both.votes[half:].argmax(1)[0] == both.targets[half:][0]
    assert both.keys[:half].tolist() == data["Training"].keys.tolist()
    assert both.keys[half:].tolist() == [f"2:{key}" for key in data["Training"].keys]
    strange = {k: replace(t, labels=LabelSet(tuple("abcdefg"))) for k, t in data.items()}
    with pytest.raises(ValueError, match="set 2 has classes that the first has not: a, b"):
        joined([data, strange])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("epochs = ", "cannot be read"), ("epochs = 3", "no run folder"), ('run = "r"', "no data to learn from"),
        ('run = "r"\ndata = 3', "data is 3; wanted a path"),
        ('run = "r"\ndata = {path = "x", wait = 1}', "wanted a path, or a table"),
        ('run = "r"\ndata = "x"\nepoch = 3', "no field 'epoch'"), ('run = "r"\ndata = "x"\nstages = 3', "stages must be tables"),
        ('run = "r"\ndata = "x"\nmodel = "vgg19"', "no model named 'vgg19'; there are: big_xception"),
        ('run = "r"\ndata = "x"\ndistil = {teachers = ["previous"]}', "the first stage has no previous one"),
        ('run = "r"\ndata = {path = "x", weight = -1}', "weight of x is -1"),
        ('run = "r"\ndata = "nowhere.npz"', "no dataset at nowhere.npz"),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_says_how(tmp_path, monkeypatch, text, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "job.toml").write_text(text)
    done = here("train", "--config", "job.toml")
    assert (done.returncode, said in done.stderr.decode()) == (2, True), done.stderr
    assert not (tmp_path / "r").exists()


def test_a_class_that_is_only_to_be_chosen_on_is_refused(tmp_path):
    faces_file(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as stored:
        arrays = dict(stored)
    arrays["labels"][arrays["usage"] == 1] = 5
    np.savez(tmp_path / "a.npz", **arrays)
    done = here("train", "--data", tmp_path / "a.npz", "--run", tmp_path / "r")
    assert b"no samples of surprise in Training, but in PublicTest" in done.stderr


def test_a_run_that_starts_from_one_with_other_classes_has_a_new_head(data, tmp_path):
    from dataclasses import replace

    from mien.labels import LabelSet
    from mien.training.trainer import Trainer

    first = Trainer(small(epochs=1, votes=0.0), data, tmp_path / "1")
    first.fit()
    two = {k: replace(t, labels=LabelSet(("a", "b", "c", "d")), votes=t.votes[:, :4] * 0) for k, t in data.items()}
    second = Trainer(small(epochs=1, votes=0.0, start=str(tmp_path / "1")), two, tmp_path / "2")
    begun = second.begun_with(tmp_path / "1")
    assert begun[-1].shape == (4,)
    assert all(np.array_equal(a, b) for a, b in zip(begun[:-2], first.average[:-2], strict=True))


def rows(seen, unseen):
    return [{"epoch": i + 1, "accuracy_training": a, "accuracy": b} for i, (a, b) in enumerate(zip(seen, unseen, strict=True))]


@pytest.mark.parametrize(
    ("seen", "unseen", "said"),
    [
        (np.linspace(0.5, 0.98, 12), [0.5, 0.55, 0.6, 0.61, *[0.6] * 8], "overfitting: 0.980 .* 0.600 .*best in epoch 4"),
        (np.linspace(0.3, 0.6, 12), np.linspace(0.3, 0.58, 12), "underfitting: .* still rises by 0.027 an epoch"),
        ([0.2, 0.25, 0.3, *[0.3] * 9], [0.29] * 12, "underfitting: only 0.300"),
        ([0.6] * 12, [0.5, 0.55] * 6, "fluctuation: .* changes by 0.0[3-5]"),
        ([0.7] * 12, [0.68] * 12, ""), (np.linspace(0.3, 0.9, 4), [0.3] * 4, ""),
    ],
)  # fmt: skip
def test_a_history_is_read_as_the_tutorial_does(seen, unseen, said):
    import re

    from mien.evaluation.diagnosis import diagnose

    found = diagnose(rows(seen, unseen))
    assert len(found) == bool(said)
    assert all(re.match(said, note) for note in found)
