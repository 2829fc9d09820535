"""Odd and hostile data: refused or named, never silently something else, and never outside its place."""

import csv
import json
import zipfile

import numpy as np
import pytest

from helpers import encoded, mien, noise
from mien.datasets import Sample, open_dataset
from mien.datasets.balance import Balanced
from mien.datasets.base import WRITERS
from mien.datasets.convert import convert
from mien.datasets.split import Parted, Split
from mien.datasets.versions import Store, VersionedDataset
from mien.labels import FER2013, LabelSet

pytest.importorskip("pyarrow")


def faces(n=4, subject=""):
    return [Sample(noise(48, 48, seed=i), i % 7, "Training", str(i), None, subject and f"{subject}{i % 2}") for i in range(n)]


def npz(path, **arrays):
    given = {"images": noise(4, 48, 48), "labels": np.zeros(4, np.uint8), "usage": np.zeros(4, np.uint8)}
    np.savez(path, **given | arrays)
    return path


@pytest.mark.parametrize("name", ["../../x", "/x", "a/b", "..", "", " ", "a\\b", "c:x", "new\nline"])
def test_a_class_that_is_no_folder_s_name_writes_nowhere(tmp_path, name):
    with pytest.raises(ValueError, match="cannot be the name of a folder"):
        WRITERS["folder"](tmp_path / "out", LabelSet(("fine", name)), None)
    assert list(tmp_path.iterdir()) == []


def test_an_index_reads_nothing_outside_its_folder(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "secret.png").write_bytes(encoded(noise(48, 48)))
    rows = [
        ("file", "label", "split", "subject"),
        ("../secret.png", "happy", "Training", ""),
        (tmp_path / "secret.png", "sad", "Training", ""),
    ]
    with (tmp_path / "set" / "samples.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    dataset = open_dataset(tmp_path / "set")
    assert list(dataset) == []
    assert [line.partition("lies ")[2] for line in dataset.problems] == ["outside the set"] * 2


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"images": np.random.default_rng(0).random((4, 48, 48))}, "wanted gray levels"),
        ({"images": noise(4, 48, 48).astype(np.int64) * 3}, "wanted gray levels"),
        ({"images": noise(4, 2304)}, "wanted gray levels"),
        ({"ferplus_votes": np.zeros((3, 10), np.uint8)}, "a row a sample"),
    ],
    ids=["shares", "too large", "flat", "votes"],
)
def test_arrays_of_another_form_are_refused(tmp_path, arrays, said):
    with pytest.raises(ValueError, match=said):
        list(open_dataset(npz(tmp_path / "d.npz", **arrays)))


def test_arrays_that_can_be_meant_are_read(tmp_path):
    images = noise(4, 48, 48)
    for form in (images[..., None], images.astype(np.int64)):
        found = [s.image for s in open_dataset(npz(tmp_path / "d.npz", images=form))]
        assert np.array_equal(found, images)


def test_an_unclosed_quote_costs_one_line(tmp_path):
    good = " ".join(["7"] * 2304)
    lines = ["emotion,pixels,Usage", f"3,{good},Training", f'3,"{good},Training', *[f"{i},{good},Training" for i in range(5)]]
    (tmp_path / "d.csv").write_text("\n".join(lines))
    dataset = open_dataset(tmp_path / "d.csv")
    assert len(list(dataset)) == 6
    assert len(dataset.problems) == 1
    assert "line 3" in dataset.problems[0]


def test_people_are_in_a_csv_too(tmp_path):
    source = tmp_path / "d.parquet"
    with WRITERS["parquet"](source, FER2013, None) as write:
        for face in faces(subject="s"):
            write(face)
    convert(open_dataset(source), source, tmp_path / "d.csv")
    assert [s.subject for s in open_dataset(tmp_path / "d.csv")] == ["s0", "s1", "s0", "s1"]
    assert (tmp_path / "d.csv").read_text().startswith("emotion,pixels,Usage,subject")


def test_problems_of_an_archive_are_told_whatever_is_done_to_it(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for i in range(3):
            archive.writestr(f"train/happy/{i}.png", encoded(noise(48, 48, seed=i)))
        archive.writestr("train/happy/cut.png", encoded(noise(48, 48))[:200])
    for dataset in (Parted(open_dataset(tmp_path / "a.zip"), Split()), Balanced(open_dataset(tmp_path / "a.zip"), "oversample")):
        assert len(list(dataset)) == 3
        assert any("cut.png" in line for line in dataset.problems)


def test_pictures_in_no_class_and_empty_classes_are_told(tmp_path):
    for place in ("train/calm/1.png", "train/2.png", "3.png", "other/calm/4.png"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes(encoded(noise(48, 48)))
    (tmp_path / "train" / "cross").mkdir()
    dataset = open_dataset(tmp_path)
    assert [s.key for s in dataset] == ["train/calm/1.png"]
    assert list(dataset.labels) == ["calm", "cross"]
    said = " ".join(dataset.problems)
    assert all(words in said for words in ("2.png: left out", "3.png: left out", "other: 1 pictures left out"))


def test_a_conversion_goes_into_no_folder_that_has_something(tmp_path):
    source = npz(tmp_path / "d.npz")
    (tmp_path / "mine" / "happy").mkdir(parents=True)
    (tmp_path / "mine" / "happy" / "1.png").write_bytes(encoded(noise(48, 48)))
    for path in (source, tmp_path / "mine"):
        with pytest.raises(FileExistsError, match="there already"):
            convert(open_dataset(path), path, tmp_path / "mine")


def test_another_label_map_begins_anew(tmp_path):
    """A stopped run is gone on with only where what is in the map is the same."""
    source, labels = npz(tmp_path / "d.npz"), tmp_path / "m.json"
    first = '{"0": "happy"}'

    def stop(done):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(open_dataset(source, json.loads(first)), source, tmp_path / "d.csv", stop, repr([first.encode()]))
    labels.write_text('{"0": "sad"}')
    assert mien("data", "convert", source, tmp_path / "d.csv", "--labels", labels).returncode == 0
    assert [s.label for s in open_dataset(tmp_path / "d.csv")] == [4] * 4


def test_a_misspelt_class_is_told(tmp_path):
    for name in ("happy", "hapy"):
        (tmp_path / "d" / name).mkdir(parents=True)
        (tmp_path / "d" / name / "1.png").write_bytes(encoded(noise(48, 48)))
    assert b"hapy (happy?)" in mien("data", "convert", tmp_path / "d", tmp_path / "d.npz").stderr


def test_more_than_a_few_problems_are_all_in_a_file(tmp_path):
    good = " ".join(["7"] * 2304)
    (tmp_path / "d.csv").write_text("\n".join(["emotion,pixels,Usage", f"3,{good},Training", *["3,1 2 3,Training"] * 30]))
    assert mien("data", "convert", tmp_path / "d.csv", tmp_path / "d.npz").returncode == 1
    assert len((tmp_path / "d.npz.left_out.txt").read_text().splitlines()) == 30


def test_what_is_lost_does_not_pass_for_removed(tmp_path):
    store = Store(tmp_path / "d.mien")
    store.commit(faces(), FER2013, None, "imported")
    for file in (store.path / "images").iterdir():
        file.unlink()
    (tmp_path / "a.csv").write_text("key,action\n1,remove\n")
    done = mien("data", "clean", store.path, "--apply", tmp_path / "a.csv")
    assert done.returncode == 2
    assert b"no version was made" in done.stderr
    assert len(Store(store.path).log()) == 1


def test_a_picture_that_was_exchanged_is_not_passed_on(tmp_path):
    import pyarrow
    import pyarrow.parquet

    store = Store(tmp_path / "d.mien")
    store.commit(faces(2), FER2013, None, "imported")
    (file,) = (store.path / "images").iterdir()
    table = pyarrow.parquet.read_table(file).to_pydict()
    table["bytes"][0] = encoded(noise(48, 48, seed=77))
    pyarrow.parquet.write_table(pyarrow.table(table), file)
    dataset = VersionedDataset(store.path)
    assert [s.key for s in dataset] == ["1"]
    assert "not the one that was stored" in dataset.problems[0]


@pytest.mark.slow
def test_the_original_is_not_cleaned_twice_over_its_versions(tmp_path):
    source = npz(tmp_path / "d.npz")
    (tmp_path / "a.csv").write_text("key,action,reason\n1,remove,blank\n")
    assert mien("data", "clean", source, "--apply", tmp_path / "a.csv").returncode == 0
    done = mien("data", "clean", source, "--apply", tmp_path / "a.csv")
    assert (done.returncode, b"has versions already" in done.stderr) == (2, True)
    first = json.loads(mien("data", "log", tmp_path / "d.npz.mien", "--json").stdout)
    assert [version["samples"] for version in first] == [3, 4]


def test_copies_of_several_people_that_part_are_told():
    class Faces(list):
        labels, vote_labels, problems = FER2013, None, []

    same = [Sample(noise(8, 8, seed=i // 2), 0, "Training", str(i), None, f"s{i}") for i in range(60)]
    parted = Parted(Faces(same), Split(0.3, 0.3))
    list(parted)
    assert parted.apart > 3
    folds = [s.split for s in Parted(Faces(same), Split(folds=5, fold=2))]
    assert 3 < folds.count("PublicTest") < 25
    with pytest.raises(ValueError, match="fold is 5"):
        Split(folds=5, fold=5)


def test_numbers_name_people_as_well(tmp_path):
    import pyarrow
    import pyarrow.parquet

    rows = {"image": [{"bytes": encoded(noise(48, 48)), "path": None}] * 2, "label": ["sad", "happy"], "subject": [0, 12]}
    pyarrow.parquet.write_table(pyarrow.table(rows), tmp_path / "d.parquet")
    assert [s.subject for s in open_dataset(tmp_path / "d.parquet")] == ["0", "12"]
