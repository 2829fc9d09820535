"""Where a sample goes depends on it alone; and what a set is made of."""

import json
from dataclasses import replace

import numpy as np
import pytest

from helpers import mien, noise
from mien.datasets import Sample
from mien.datasets.base import SPLITS
from mien.datasets.split import Parted, Split, fold_of, shared_people
from mien.datasets.stats import counts_png, faces_png, stats
from mien.labels import FER2013, LabelSet


def sample(i, subject="", split="Training", label=0):
    return Sample(np.array([[i % 256, i // 256]], np.uint8), label, split, str(i), None, subject)


def test_shares_are_as_asked_in_each_class():
    split = Split(validation=0.2, test=0.1)
    for label in range(3):
        names = [split(sample(i * 3 + label, label=label)).split for i in range(2000)]
        assert [names.count(name) / 2000 for name in SPLITS] == pytest.approx([0.7, 0.2, 0.1], abs=0.03)


def test_a_person_and_a_picture_stay_together_and_seeds_differ():
    split = Split(0.3, 0.3)
    for who in range(30):
        assert len({split(sample(100 * who + i, f"s{who}")).split for i in range(10)}) == 1
        copies = [Sample(sample(who).image, i, "Training", f"copy{i}") for i in range(3)]
        assert len({split(copy).split for copy in copies}) == 1
    first, second = ([Split(0.3, 0.3, seed)(sample(i)).split for i in range(200)] for seed in (0, 1))
    assert first != second


def test_more_samples_move_no_old_one():
    class Set:
        labels, vote_labels, problems = FER2013, None, []

        def __init__(self, rows):
            self.rows = rows

        def __len__(self):
            return len(self.rows)

        def __iter__(self):
            return iter(self.rows)

    old = [sample(i, f"s{i % 9}" if i % 2 else "") for i in range(300)]
    more = [sample(1000 + i, f"s{i % 12}") for i in range(30)]
    before = {s.key: s.split for s in Parted(Set(old), Split())}
    after = {s.key: s.split for s in Parted(Set([*more[:10], *old[::-1], *more[10:]]), Split())}
    assert {key: after[key] for key in before} == before


def test_only_the_splits_that_are_named_are_parted_anew():
    split = Split(0.5, 0.0, within=("Training",))
    assert {split(sample(i, split="PrivateTest")).split for i in range(50)} == {"PrivateTest"}
    assert {split(sample(i)).split for i in range(50)} == {"Training", "PublicTest"}


def test_a_part_is_parted_by_another_draw_than_the_one_that_made_it():
    first = [s for i in range(2000) if (s := Split()(sample(i))).split == "Training"]
    second = [Split(0.2, 0.0, within=("Training",))(s).split for s in first]
    assert second.count("PublicTest") / len(second) == pytest.approx(0.2, abs=0.03)
    folds = [[Split(within=("Training",), folds=5, fold=k)(s).split for s in first].count("PublicTest") for k in range(5)]
    assert [n / len(first) for n in folds] == pytest.approx([0.2] * 5, abs=0.03)


def test_a_copy_of_nobody_stays_with_the_person_whom_another_copy_names():
    rows = [replace(sample(i), subject=who, key=f"{i}{who}") for i in range(100) for who in ("", f"p{i}")]

    class Set(list):
        labels, vote_labels, problems = FER2013, None, []

    parted = Parted(Set(rows), Split(0.3, 0.3))
    found = list(parted)
    assert all(a.split == b.split for a, b in zip(found[::2], found[1::2], strict=True))
    assert [s.subject for s in found] == [s.subject for s in rows]
    assert parted.apart == 0


def test_folds_are_even_and_keep_people_together():
    folds = [fold_of(sample(i), 5) for i in range(1000)]
    assert np.bincount(folds).tolist() == pytest.approx([200] * 5, abs=45)
    assert len({fold_of(sample(i, "one"), 5) for i in range(20)}) == 1


@pytest.mark.parametrize("wrong", [{"validation": 1.0}, {"test": -0.1}, {"validation": 0.5, "test": 0.5}, {"within": ("x",)}])
def test_shares_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match="wanted"):
        Split(**wrong)


class Faces(list):
    labels, vote_labels, problems = LabelSet(("calm", "cross", "glad")), None, []


def test_a_set_is_counted_by_class_split_size_light_and_person():
    samples = Faces(
        [
            Sample(np.full((48, 48), 100, np.uint8), 0, "Training", "a", None, "x"),
            Sample(np.full((48, 48), 200, np.uint8), 0, "PublicTest", "b", None, "x"),
            Sample(noise(20, 30, 3), 1, "Training", "c", None, "y"),
        ]
    )
    found = stats(samples)
    told = found.to_dict()
    assert told["counts"] == {"Training": {"calm": 1, "cross": 1, "glad": 0}, "PublicTest": {"calm": 1, "cross": 0, "glad": 0}}
    assert told["empty_classes"] == ["glad"]
    assert (told["sizes"], told["coloured"], told["imbalance"]) == ({"48x48": 2, "30x20": 1}, 1, 2.0)
    assert told["light"]["calm"] == {"brightness": 150.0, "contrast": 0.0}
    assert (told["subjects"]["known"], told["subjects"]["most"], told["subjects"]["in_several_splits"]) == (2, 2, 1)
    assert (found.mean_faces()["calm"] == 150).all()
    pytest.importorskip("matplotlib")
    for png in (counts_png(found), faces_png(found)):
        assert png.startswith(b"\x89PNG")


def test_nobody_is_shared_where_nobody_is_named():
    assert shared_people([("", "Training"), ("", "PublicTest")]) == {}
    assert shared_people([("a", "PublicTest"), ("a", "Training")]) == {"a": ["Training", "PublicTest"]}


def test_an_empty_set_has_statistics():
    told = stats(Faces()).to_dict()
    assert (told["samples"], told["counts"], told["subjects"]) == (0, {}, {"known": 0})


@pytest.mark.slow
def test_the_command_line_counts_parts_and_balances(tmp_path):
    labels = np.array([0] * 20 + [3] * 6, np.uint8)
    np.savez(tmp_path / "d.npz", images=noise(26, 48, 48), labels=labels, usage=np.zeros(26, np.uint8))
    told = json.loads(mien("data", "stats", tmp_path / "d.npz", "--json").stdout)
    assert (told["samples"], told["counts"]["Training"]["happy"]) == (26, 6)
    assert mien("data", "split", tmp_path / "d.npz", tmp_path / "s.npz", "--validation", "0.4").returncode == 0
    assert set(np.load(tmp_path / "s.npz")["usage"]) >= {0, 1}
    for by in ("oversample", "smote"):
        if by == "smote":
            pytest.importorskip("imblearn")
        done = mien("data", "balance", tmp_path / "d.npz", tmp_path / f"{by}.npz", "--by", by)
        assert done.returncode == 0, done.stderr
        assert np.bincount(np.load(tmp_path / f"{by}.npz")["labels"])[[0, 3]].tolist() == [20, 20]
    assert b"wanted oversample or smote" in mien("data", "balance", tmp_path / "d.npz", tmp_path / "x.npz", "--by", "x").stderr
