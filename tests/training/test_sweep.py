"""Sweeps: a grid and what Optuna chooses, stopped and gone on with, by several processes."""

import csv
import json
import signal
import subprocess
import sys
import time

import pytest

from helpers import faces_file, mien

pytest.importorskip("keras")
pytest.importorskip("optuna")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

TINY = ("--set", 'options={"stem": 4, "widths": [8], "depths": [1], "excited": 0}', "--set", "votes=0", "--set", "batch_size=16")


def found(folder):
    with (folder / "sweep.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_grid_that_was_killed_goes_on(tmp_path):
    data, folder = faces_file(tmp_path / "a.npz"), tmp_path / "sweep"
    ask = ("sweep", "--run", folder, "--data", data, "--grid", "--over", "epochs=1,3", "--over", "optimizer=sgd,adam", *TINY)
    process = subprocess.Popen(
        [sys.executable, "-m", "mien", *map(str, ask)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 240
    while len(list(folder.glob("*/report.json"))) < 1 and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    process.wait(30)
    time.sleep(2)
    begun = {p: p.stat().st_mtime_ns for p in folder.glob("*/checkpoint.npz")}
    time.sleep(3)
    assert begun == {p: p.stat().st_mtime_ns for p in folder.glob("*/checkpoint.npz")}, "a worker went on without its caller"
    first = {p: p.stat().st_mtime_ns for p in folder.glob("*/report.json")}
    done = mien(*ask, "--workers", "2")
    assert done.returncode == 0, done.stderr
    rows = found(folder)
    assert {(row["epochs"], row["optimizer"]) for row in rows} == {("1", "sgd"), ("3", "sgd"), ("1", "adam"), ("3", "adam")}
    assert [float(row["accuracy"]) for row in rows] == sorted((float(row["accuracy"]) for row in rows), reverse=True)
    assert all(path.stat().st_mtime_ns == when for path, when in first.items())
    assert (folder / "sweep.png").read_bytes().startswith(b"\x89PNG")
    best = json.loads((folder / rows[0]["run"] / "config.json").read_text())
    assert (str(best["epochs"]), best["optimizer"]) == (rows[0]["epochs"], rows[0]["optimizer"])
    other = mien(*ask, "--set", "seed=5")
    assert (other.returncode, b"another sweep is there" in other.stderr) == (2, True)


def test_what_optuna_chooses_lies_in_its_range(tmp_path):
    data, folder = faces_file(tmp_path / "a.npz"), tmp_path / "sweep"
    over = ("--over", "learning_rate=log:0.001..0.1", "--over", "loss.kind=focal,cross_entropy", "--over", "options.stem=4..6")
    ask = ("sweep", "--run", folder, "--data", data, *over, "--trials", "3", "--prune", *TINY, "--set", "epochs=1")
    done = mien(*ask)
    assert done.returncode == 0, done.stderr
    rows = found(folder)
    assert len(rows) == 3
    assert all(0.001 <= float(row["learning_rate"]) <= 0.1 and 4 <= int(row["options.stem"]) <= 6 for row in rows)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--over", "epochs"), "wanted NAME=A,B,C"), (("--over", "epochs=3..1"), "from a smaller number to a larger"),
        (("--over", "learning_rate=log:0..1"), "from above 0"), (("--over", "epochs=1..3", "--grid"), "a grid wants values"),
        (("--over", "epoch=1,2", "--grid"), "no field 'epoch'"),
        (("--over", "epochs=1,2", "--metric", "loss"), "accuracy or macro_f1"),
    ],
)  # fmt: skip
def test_what_cannot_be_swept_is_said_before_anything_is_trained(tmp_path, more, said):
    done = mien("sweep", "--run", tmp_path / "s", "--data", faces_file(tmp_path / "a.npz"), *more)
    assert (done.returncode, said in done.stderr.decode()) == (2, True), done.stderr
    assert not (tmp_path / "s").exists()


def test_values_are_read_as_what_they_are():
    from mien.training.sweep import Range, range_of

    assert range_of("batch_size=32,64") == ("batch_size", Range((32, 64)))
    assert range_of("optimizer=sgd,adam") == ("optimizer", Range(("sgd", "adam")))
    assert range_of("options.widths=[8,16],[16,32]") == ("options.widths", Range(([8, 16], [16, 32])))
    assert range_of("learning_rate=log:1e-4..0.1") == ("learning_rate", Range((), 1e-4, 0.1, True))
    assert range_of("epochs=2..9") == ("epochs", Range((), 2, 9))
