"""Sweeps: a grid and what Optuna chooses, stopped and gone on with, by several processes."""

import csv
import json
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack

import numpy as np
import pytest

from helpers import faces_file, here, mien

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
    while len(list(folder.glob("*/card.json"))) < 1 and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    process.wait(30)
    time.sleep(2)
    begun = {p: p.stat().st_mtime_ns for p in folder.glob("*/checkpoint.npz")}
    time.sleep(3)
    assert begun == {p: p.stat().st_mtime_ns for p in folder.glob("*/checkpoint.npz")}, "a worker went on without its caller"
    first = {p: p.stat().st_mtime_ns for p in folder.glob("*/card.json")}
    done = mien(*ask, "--workers", "2")
    assert done.returncode == 0, done.stderr
    rows = found(folder)
    assert {(row["epochs"], row["optimizer"]) for row in rows} == {("1", "sgd"), ("3", "sgd"), ("1", "adam"), ("3", "adam")}
    assert [float(row["accuracy"]) for row in rows] == sorted((float(row["accuracy"]) for row in rows), reverse=True)
    assert all(path.stat().st_mtime_ns == when for path, when in first.items())
    assert (folder / "sweep.png").read_bytes().startswith(b"\x89PNG")
    best = json.loads((folder / rows[0]["run"] / "config.json").read_text())
    assert (str(best["epochs"]), best["optimizer"]) == (rows[0]["epochs"], rows[0]["optimizer"])
    other = here(*ask, "--set", "seed=5")
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
        (("--over", "epoch=1,2", "--grid"), "no field 'epoch'"), (("--over", "epoch=1..2"), "no field 'epoch'"),
        (("--over", "optimizer=sdg"), "wanted sgd or adam or adamw"),
        (("--over", "epochs=1,2", "--set", "options.stam=3"), "resnet cannot be built with"),
        (("--over", "epochs=1,2", "--weight", "1", "--weight", "2"), "2 of --weight for 1 of --data"),
        (("--over", "epochs=1,2", "--metric", "loss"), "accuracy or macro_f1"),
    ],
)  # fmt: skip
def test_what_cannot_be_swept_is_said_before_anything_is_trained(tmp_path, more, said):
    done = here("sweep", "--run", tmp_path / "s", "--data", faces_file(tmp_path / "a.npz"), *more)
    assert (done.returncode, said in done.stderr.decode()) == (2, True), done.stderr
    assert not (tmp_path / "s").exists()


def test_data_without_faces_to_compare_on_is_said_before_anything_is_trained(tmp_path):
    from mien.training.job import Source
    from mien.training.sweep import Range, Sweep, prepared

    data = faces_file(tmp_path / "a.npz", 20)
    with np.load(data) as stored:
        np.savez(data, **{**stored, "usage": np.zeros(20, np.uint8)})
    sweep = Sweep({}, (), (Source(data),), {"epochs": Range((1, 2))}, 2)
    with pytest.raises(ValueError, match="no samples in the split PublicTest"), prepared(sweep, tmp_path / "s"):
        pass
    assert not (tmp_path / "s").exists()


def test_a_failed_run_is_counted_and_named_and_a_grid_tries_each_cell_once(tmp_path):
    data, folder = faces_file(tmp_path / "a.npz"), tmp_path / "sweep"
    over = ("--over", "schedule.plain=0,5,0", "--over", "batch_size=16,999")
    done = mien("sweep", "--run", folder, "--data", data, "--grid", *over, *TINY[:4], "--set", "epochs=1")
    assert (done.returncode, b"Traceback" in done.stderr + done.stdout) == (0, False), done.stderr
    assert b"4 runs, 3 of them failed" in done.stdout
    rows = found(folder)
    assert len(rows) == 4
    why = {(row["schedule.plain"], row["batch_size"]): row["failed"] for row in rows}
    assert why.pop(("0", "16")) == ""
    assert "do not fill one batch of 999" in why[("0", "999")]
    assert "wanted 0 to the 1 epochs" in why[("5", "16")]


def test_a_sweep_of_which_all_runs_fail_ends_with_the_reason(tmp_path):
    data, folder = faces_file(tmp_path / "a.npz"), tmp_path / "sweep"
    done = mien("sweep", "--run", folder, "--data", data, "--over", "batch_size=900..999", "--trials", "2", *TINY[:4])
    assert (done.returncode, b"all 2 runs failed, the first one: " in done.stderr) == (2, True), done.stderr
    assert len(found(folder)) == 2


@pytest.fixture
def begun(tmp_path):
    """A grid of two runs that was prepared."""
    from mien.training.job import Source
    from mien.training.sweep import Range, Sweep, prepared

    data = faces_file(tmp_path / "a.npz")
    sources = Source(data, weight=0.5), Source(data)
    settings = 'options={"stem": 4, "widths": [8], "depths": [1], "excited": 0}', "votes=0", "batch_size=16"
    sweep = Sweep({}, settings, sources, {"epochs": Range((1, 2))}, 2, whole=True)
    with prepared(sweep, tmp_path / "s"):
        return sweep, tmp_path / "s"


def test_two_at_once_are_one_too_many(begun):
    from mien.training.sweep import prepared

    sweep, folder = begun
    with prepared(sweep, folder), pytest.raises(ValueError, match="another sweep is at work here"), prepared(sweep, folder):
        pass


def test_a_full_disk_stops_a_sweep_and_the_next_call_tries_again(begun, monkeypatch):
    from mien.training import sweep as module

    def full(*args):
        raise OSError("No space left on device")

    sweep, folder = begun
    monkeypatch.setattr(module, "_score", full)
    with pytest.raises(OSError, match="No space left"):
        module.work(folder)
    assert module.table(folder) == []
    monkeypatch.setattr(module, "_score", lambda sweep, folder, trial: _epochs(sweep, trial) / 10)
    with module.prepared(sweep, folder):
        module.work(folder)
    study = module._study(sweep, folder)
    assert sorted(trial.value for trial in study.trials if trial.value) == [0.1, 0.2]


def _epochs(sweep, trial):
    return sweep.space["epochs"].drawn(trial, "epochs")


def test_a_run_that_another_worker_trains_is_waited_for_and_its_result_taken(begun):
    from mien.locks import locked
    from mien.training import sweep as module

    sweep, folder = begun
    runs = [folder / module.name_of(cell) for cell in sweep.grid()]
    with ExitStack() as held:
        for run in runs:
            held.enter_context(locked(run / module.TRAINED))
        worker = threading.Thread(target=module.work, args=(folder,))
        worker.start()
        time.sleep(1)
        assert worker.is_alive()
        for run in runs:
            (run / "report.json").write_text(json.dumps({"splits": {"PublicTest": {"accuracy": 0.625}}}))
            (run / "card.json").write_text("{}")
    worker.join(60)
    assert [row["accuracy"] for row in module.table(folder)] == [0.625, 0.625]
    assert not list(folder.glob("*/checkpoint.npz"))


def test_runs_learn_as_mien_train_does_by_weights_and_from_clips(begun, data, monkeypatch):
    from dataclasses import replace

    from mien.training import sweep as module
    from mien.training import trainer

    sweep, folder = begun
    assert module.config_of(sweep, {"epochs": 1}).data_weights == (0.5, 1.0)
    assert module.config_of(sweep, {"data_weights": [2, 1]}).data_weights == (2, 1)
    clips = {split: replace(d, clips=np.repeat(np.arange(len(d)), 2)[: len(d)].astype(str)) for split, d in data.items()}
    seen = []

    def asked(config, splits, run):
        seen.append(splits["Training"].chips.shape[1])
        raise ValueError("enough")

    monkeypatch.setattr(module, "_read", lambda sources, preprocessing: clips)
    monkeypatch.setattr(trainer, "Trainer", asked)
    config = replace(
        module.config_of(sweep, {}),
        model="cnn_lstm",
        options={"frames": 2, "units": 8, "stem": 4, "widths": (8,), "depths": (1,)},
    )
    monkeypatch.setattr(module, "config_of", lambda sweep, chosen: config)
    module.work(folder)
    assert seen == [2, 2]
    assert {row["failed"] for row in module.table(folder)} == {"enough"}


@pytest.mark.parametrize("fields", [1, 2, 3])
def test_a_picture_is_drawn_of_ranges_and_of_values(fields, monkeypatch):
    from mien import page
    from mien.training.sweep import Range, picture

    figures = []
    monkeypatch.setattr(page, "drawn", lambda figure: figures.append(figure) or b"")
    draw = np.random.default_rng(0)
    values = {"batch_size": Range((32, 64)), "optimizer": Range(("sgd", "adam")), "options.stem": Range((8, 16))}
    ranges = {"learning_rate": Range((), 1e-4, 0.1, True), "momentum": Range((), 0.1, 0.9), "epochs": Range((), 2, 9)}
    for kinds in (values, ranges, {"momentum": ranges["momentum"], **values}, {**values, **ranges}):
        space = dict(list(kinds.items())[:fields])
        rows = [
            {n: f.values[i % 2] if f.values else draw.uniform(f.low, f.high) for n, f in space.items()} | {"accuracy": i / 30}
            for i in range(30)
        ]
        picture([*rows, {**dict.fromkeys(space), "accuracy": None}], space, "accuracy")
        first = figures[-1].axes[0]
        assert first.get_xscale() == ("log" if kinds is ranges else "linear")
        assert first.get_legend() is None or len(first.get_legend().get_texts()) == 2
        figures[-1].canvas.draw()
        assert all(len(tick.get_text()) < 24 for tick in first.get_xticklabels())
        page.pyplot().close(figures[-1])


def test_values_are_read_as_what_they_are():
    from mien.training.sweep import Range, range_of

    assert range_of("batch_size=32,64") == ("batch_size", Range((32, 64)))
    assert range_of("optimizer=sgd,adam") == ("optimizer", Range(("sgd", "adam")))
    assert range_of("options.widths=[8,16],[16,32]") == ("options.widths", Range(([8, 16], [16, 32])))
    assert range_of("learning_rate=log:1e-4..0.1") == ("learning_rate", Range((), 1e-4, 0.1, True))
    assert range_of("epochs=3,1,3") == ("epochs", Range((3, 1)))
    assert range_of("epochs=2..9") == ("epochs", Range((), 2, 9))
