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
    write_ease(tmp_path / "ease.csv", fitted.keys.tolist(), [fitted.labels[t] for t in fitted.targets], degree, 0.5)
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
    with pytest.raises(ValueError, match=r"ease.csv: 1 samples have another label there, such as .*: (\w+) there, (?!\1)"):
        ranks(config, replace(fitted, targets=np.append(3 - fitted.targets[:1], fitted.targets[1:])))
    given = replace(fitted, targets=3 - fitted.targets, given=fitted.targets)  # exchanged on purpose: it is the same set
    assert ranks(config, given) is not None
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="columns key and ease were wanted"):
        ranks(replace(config, curriculum=Curriculum(str(tmp_path / "other.csv"))), fitted)


def test_ease_is_counted_anew_for_another_number_config_or_set(data, tmp_path):
    from dataclasses import replace

    from mien.training.difficulty import ease

    tiny = small(options={"stem": 4, "widths": (8,), "depths": (1,), "excited": 0}, epochs=1, votes=0.0)
    samples, folder = data["Training"][:64], tmp_path / "e"
    found = ease(samples, tiny, 2, 1, folder, lambda number, row: None)
    assert (ease(samples, tiny, 2, 1, folder, lambda number, row: None).right == found.right).all()
    for ask, said in (
        ((samples, tiny, 3, 1), "made with folds=2, and now it is folds=3"),
        ((samples, tiny, 2, 2), "made with repeats=1, and now it is repeats=2"),
        ((samples, replace(tiny, epochs=2), 2, 1), "made with epochs=1, and now it is epochs=2"),
        ((data["Training"][1:65], tiny, 2, 1), "made of other data"),
    ):
        with pytest.raises(ValueError, match=said):
            ease(*ask, folder, lambda number, row: None)
    assert not list(folder.glob("*.new.*"))


def test_the_hardest_faces_stand_behind_their_class_with_their_ease(data, monkeypatch):
    from mien import page
    from mien.training import difficulty

    texts = []
    monkeypatch.setattr(
        difficulty, "drawn", lambda figure: texts.extend(t.get_text() for a in figure.axes for t in a.texts) or b""
    )
    samples = data["Training"][:30]
    difficulty.hardest(samples, np.linspace(0, 1, 30), columns=4)
    page.pyplot().close("all")
    assert {samples.labels[t] for t in samples.targets} <= set(texts)
    assert "0.00" in texts
