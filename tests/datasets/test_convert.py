"""Every form of a dataset into every other: nothing is lost, and a stopped run is gone on with."""

from itertools import permutations

import numpy as np
import pytest

from helpers import mien, noise
from mien.datasets import Sample, open_dataset
from mien.datasets.base import WRITERS
from mien.datasets.convert import convert
from mien.labels import FER2013, FERPLUS, LabelSet

pytest.importorskip("pyarrow")
FORMS = {"csv": "d.csv", "folder": "d", "npz": "d.npz", "parquet": "d.parquet"}
OTHERS = LabelSet(("bored", "tired"))
NUMBERS = LabelSet(("7", "happy", "3", 'a "b", c', "Zeta", "never there"))
"""Neither in the alphabet's order nor all of them used, and some look like FER2013's numbers."""


def written(path, samples, labels=FER2013, vote_labels=None):
    from mien.datasets.base import kind_of

    with WRITERS[kind_of(path)](path, labels, vote_labels) as write:
        for sample in samples:
            write(sample)
    return path


def some(n=7, labels=7, votes=False, subjects=False):
    draw = np.random.default_rng(0)
    splits = ("Training", "PrivateTest", "Training", "PublicTest")
    cast = [draw.integers(0, 9, 10).astype(np.uint8) if votes and i != 1 else None for i in range(n)]
    return [
        Sample(noise(48, 48, seed=i), int(draw.integers(labels)), splits[i % 4], str(i), cast[i], f"s{i % 3}" if subjects else "")
        for i in range(n)
    ]


def same(found, wanted, names=FER2013):
    assert len(found) == len(wanted)
    for a, b in zip(found, wanted, strict=True):
        assert np.array_equal(a.image, b.image)
        assert (found.labels[a.label], a.split) == (names[b.label], b.split)


@pytest.mark.parametrize(("one", "other"), list(permutations(FORMS, 2)))
@pytest.mark.parametrize("labels", [FER2013, OTHERS, NUMBERS], ids=["numbers", "names", "odd names"])
def test_there_and_back_is_the_identity(tmp_path, one, other, labels):
    if labels == NUMBERS and "folder" in (one, other):
        labels = LabelSet(name for name in labels if '"' not in name)
    samples = some(labels=len(labels) - (labels != FER2013))
    (tmp_path / "a").mkdir()
    first = written(tmp_path / "a" / FORMS[one], samples, labels)
    (tmp_path / "b").mkdir()
    (tmp_path / "c").mkdir()
    for source, target in ((first, tmp_path / "b" / FORMS[other]), (tmp_path / "b" / FORMS[other], tmp_path / "c" / FORMS[one])):
        dataset = open_dataset(source)
        assert convert(dataset, source, target) == (len(samples), [])
        assert dataset.problems == []
    found = open_dataset(tmp_path / "c" / FORMS[one])
    same(found, samples, labels)
    assert found.labels == labels
    assert sorted(p.name for p in (tmp_path / "c").iterdir()) == [FORMS[one]]


@pytest.mark.parametrize("form", ["folder", "npz", "parquet"])
def test_votes_and_subjects_are_kept(tmp_path, form):
    samples = some(votes=True, subjects=True)
    found = list(open_dataset(written(tmp_path / FORMS[form], samples, FER2013, FERPLUS)))
    for a, b in zip(found, samples, strict=True):
        assert a.subject == b.subject
        assert (a.votes is None) == (b.votes is None)
        assert a.votes is None or a.votes.tolist() == b.votes.tolist()


@pytest.mark.parametrize("form", ["csv", "folder", "parquet"])
def test_a_run_that_was_stopped_goes_on(tmp_path, monkeypatch, form):
    from mien.datasets import parquet

    monkeypatch.setattr(parquet, "GROUP", 2)
    source, target, samples = written(tmp_path / "from.npz", some(9)), tmp_path / FORMS[form], some(9)
    dataset, seen = open_dataset(source), []

    def stop(done):
        seen.append(done)
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(dataset, source, target, stop)
    assert not target.exists() or not (target / "samples.csv").exists()
    again = []
    convert(dataset, source, target, again.append)
    assert again[0] > 1
    assert seen[-1] + len(again) <= 9 + 2
    same(open_dataset(target), samples)


def test_what_could_not_be_written_is_neither_counted_as_done_nor_written_twice(tmp_path):
    samples = [Sample(noise(40, 40, 3), 0, "Training", "coloured"), *some(6)]
    source = written(tmp_path / "d.parquet", samples)

    def stop(done):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(open_dataset(source), source, tmp_path / "d.csv", stop)
    _, problems = convert(open_dataset(source), source, tmp_path / "d.csv")
    assert len(problems) == 1
    same(open_dataset(tmp_path / "d.csv"), samples[1:])


def test_what_was_begun_from_another_set_is_begun_anew(tmp_path):
    one, other = written(tmp_path / "one.npz", some(5)), written(tmp_path / "other.npz", some(3))

    def stop(done):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(open_dataset(one), one, tmp_path / "d.csv", stop)
    convert(open_dataset(other), other, tmp_path / "d.csv")
    assert len(open_dataset(tmp_path / "d.csv")) == 3


def test_what_a_form_cannot_hold_is_named_and_the_rest_is_written(tmp_path):
    samples = [*some(3), Sample(noise(40, 40, 3), 0, "Training", "coloured")]
    source = written(tmp_path / "d.parquet", samples)
    _, problems = convert(open_dataset(source), source, tmp_path / "d.csv")
    assert ["csv holds square gray faces" in p for p in problems] == [True]
    assert len(open_dataset(tmp_path / "d.csv")) == 3
    assert [s.image.shape for s in open_dataset(source)][-1] == (40, 40, 3)


def test_a_csv_with_a_pixel_a_column_and_names_is_read(tmp_path):
    head = "label," + ",".join(f"pixel{i}" for i in range(16)) + ",Usage,subject"
    rows = [f"{name},{','.join(str(16 * i + k) for k in range(16))},test,p{i}" for i, name in enumerate(("sad", "happy"))]
    (tmp_path / "d.csv").write_text("\n".join([head, *rows, "happy,1,2,3,train,x"]))
    dataset = open_dataset(tmp_path / "d.csv")
    a, b = dataset
    assert (dataset.labels[a.label], dataset.labels[b.label], b.split, b.subject) == ("sad", "happy", "PrivateTest", "p1")
    assert b.image.tolist() == np.arange(16, 32).reshape(4, 4).tolist()
    assert "line 4: 6 columns where 19 were wanted" in dataset.problems[0]


def test_the_command_names_bad_lines_and_says_so_by_its_exit_status(tmp_path):
    good = " ".join(["7"] * 2304)
    lines = ["emotion,pixels,Usage", f"3,{good},Training", f"3,{good[:-8]},Training", f"2,{good.replace('7', 'x', 1)},Training",
             f"99,{good},Training", f"4,{good},PublicTest", f"4,{good[:900]}"]  # fmt: skip
    (tmp_path / "bad.csv").write_text("\n".join(lines))
    run = mien("data", "convert", tmp_path / "bad.csv", tmp_path / "out.npz", text=True)
    assert run.returncode == 1
    assert all(f"line {i}:" in run.stderr for i in (3, 4, 5, 7))
    assert "2 faces, 4 problems" in run.stdout
    assert mien("data", "convert", tmp_path / "bad.csv", tmp_path / "out.npz").returncode == 2
    assert mien("data", "convert", tmp_path / "bad.csv", tmp_path / "out.xlsx").returncode == 2


def test_a_run_is_not_gone_on_with_as_another(tmp_path):
    """What was done to the samples on the way is part of what a stopped run was."""
    source, seen = written(tmp_path / "a.npz", some(9)), []

    def stop(done):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(open_dataset(source), source, tmp_path / "d.csv", stop, how="one way")
    convert(open_dataset(source), source, tmp_path / "d.csv", seen.append, how="another")
    assert seen[0] == 1
