"""How easily faces are told, and training that begins with the easy ones."""

import csv
import json

import numpy as np
import pytest

from helpers import faces_file, mien, small

pytest.importorskip("keras")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

TINY = (
    "--set",
    'options={"stem": 4, "widths": [8, 8], "depths": [1, 1], "excited": 0}',
    "--set",
    "batch_size=16",
    "--set",
    "learning_rate=0.05",
    "--set",
    "warmup=0.5",
)


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_faces_with_a_wrong_label_are_hard_and_a_stopped_count_goes_on(tmp_path):
    data = faces_file(tmp_path / "a.npz", 400)
    with np.load(data) as stored:
        arrays = dict(stored)
    training = np.flatnonzero(arrays["usage"] == 0)
    wrong = training[::30]
    arrays["labels"][wrong] = 3 - arrays["labels"][wrong]
    np.savez(data, **arrays)
    ask = (
        "data",
        "ease",
        data,
        "--to",
        tmp_path / "e",
        "--folds",
        "2",
        "--repeats",
        "1",
        "--epochs",
        "12",
        *TINY,
        "--set",
        "ema=0",
    )
    done = mien(*ask)
    assert done.returncode == 0, done.stderr
    rows = rows_of(tmp_path / "e" / "ease.csv")
    assert [row["key"] for row in rows] == [str(i) for i in training]
    degree = {int(row["key"]): float(row["ease"]) for row in rows}
    assert np.mean([degree[i] for i in wrong]) < 0.4 < 0.8 < np.mean([degree[i] for i in training if i not in wrong])
    assert set(degree.values()) <= {0.0, 0.5, 1.0}
    assert all((row["easy"] == "1") == (float(row["ease"]) >= 0.5) for row in rows)
    assert (tmp_path / "e" / "hardest.png").read_bytes().startswith(b"\x89PNG")
    (tmp_path / "e" / "right-0-1.npy").unlink()
    assert mien(*ask).stderr.count(b"classifier") == 0  # its run had ended, and only speaks again
    assert rows_of(tmp_path / "e" / "ease.csv") == rows
    run = (
        "train",
        "--data",
        data,
        "--run",
        tmp_path / "r",
        *TINY,
        "--epochs",
        "2",
        "--set",
        f"curriculum.ease={tmp_path / 'e' / 'ease.csv'}",
    )
    assert mien(*run).returncode == 0
    assert json.loads((tmp_path / "r" / "config.json").read_text())["curriculum"]["begin"] == 0.3


def test_an_epoch_draws_from_the_easiest_of_each_class_and_then_from_all(data, tmp_path):
    from dataclasses import replace

    from mien.datasets.ease import write_ease
    from mien.training.config import Curriculum
    from mien.training.drawing import order, ranks

    fitted = data["Training"]
    degree = np.linspace(0, 1, len(fitted))
    write_ease(tmp_path / "ease.csv", fitted.keys.tolist(), ["x"] * len(fitted), degree, 0.5)
    config = replace(small(epochs=10), curriculum=Curriculum(str(tmp_path / "ease.csv"), begin=0.25, until=0.5))
    ranked = ranks(config, fitted)
    for epoch, share in ((0, 0.25), (2, 0.55), (5, 1.0), (9, 1.0)):
        rows = order(config, fitted, epoch, len(fitted), ranked)
        assert len(rows) == len(fitted)
        for target in (0, 3):
            mine = np.flatnonzero(fitted.targets == target)
            assert set(rows) & set(mine) == set(mine[-int(np.ceil(share * len(mine))) :])
    with pytest.raises(ValueError, match="no ease of 1 samples, such as 'new'"):
        ranks(config, replace(fitted, keys=np.append(fitted.keys[1:], "new")))
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="columns key and ease were wanted"):
        ranks(replace(config, curriculum=Curriculum(str(tmp_path / "other.csv"))), fitted)
