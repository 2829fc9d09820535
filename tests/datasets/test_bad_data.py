"""Odd and hostile data: refused or named, never silently something else, and never outside its place."""

import csv
import json
import os
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
        ({"subjects": np.array(["a", "b"])}, "arrays of one length"),
        ({"labels": np.array(0)}, "one row of values"),
    ],
    ids=["shares", "too large", "flat", "votes", "too few", "a number"],
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
    assert b"no class named 'hapy'; was happy meant?" in mien("data", "convert", tmp_path / "d", tmp_path / "d.npz").stderr


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


def csv_of(path, rows, header="emotion,pixels,Usage"):
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return open_dataset(path)


def pixels(i=0, n=2304):
    return " ".join(str((i * 7 + k) % 256) for k in range(n))


def test_a_misspelt_name_in_a_csv_is_named_by_its_line_and_moves_no_other_label(tmp_path):
    data = csv_of(
        tmp_path / "a.csv", [f"{name},{pixels(i)},Training" for i, name in enumerate(["happy", "hapy", "Surprise", "ANGER"])]
    )
    assert data.labels == FER2013
    assert [s.label for s in data] == [3, 5, 0]
    assert [line.partition(", ")[2] for line in data.problems] == [
        "line 3: no class named 'hapy'; was happy meant? --labels can say so, or keep it"
    ]
    kept = open_dataset(tmp_path / "a.csv", {"happy": "happy", "hapy": "hapy", "surprise": "surprise", "anger": "angry"})
    assert len(list(kept)) == 4


def test_one_name_in_several_spellings_is_one_class(tmp_path):
    data = csv_of(
        tmp_path / "a.csv",
        [f"{name},{pixels(i)},Training" for i, name in enumerate(["Happy", "happy", "ANGER", "Bored", "bored"])],
    )
    assert list(data.labels) == ["Bored", "angry", "happy"]
    assert [data.labels[s.label] for s in data] == ["happy", "happy", "angry", "Bored", "Bored"]
    assert data.problems == []


def test_numbers_that_pandas_wrote_are_numbers(tmp_path):
    data = csv_of(tmp_path / "a.csv", [f"{label},{pixels(i)},Training" for i, label in enumerate(["3.0", "0.0", "6.0", "7.0"])])
    assert [s.label for s in data] == [3, 0, 6]
    assert "line 5: label 7.0 where 0 to 6 was wanted" in data.problems[0]


def test_columns_of_pixels_are_put_in_the_order_of_their_numbers(tmp_path):
    names = sorted(f"pixel{i}" for i in range(2304))
    cells = ",".join(str(int(name[5:]) % 251) for name in names)
    data = csv_of(tmp_path / "a.csv", [f"0,happy,{cells}"], "Unnamed: 0,label," + ",".join(names))
    assert np.array_equal(next(iter(data)).image.ravel(), np.arange(2304) % 251)


def test_cells_beyond_the_header_are_named(tmp_path):
    data = csv_of(tmp_path / "a.csv", [f"3,{pixels()},Training,oops", f"3,{pixels()},Training,"])
    assert len(list(data)) == 1
    assert "line 2: 4 columns where 3 were wanted" in data.problems[0]


def test_a_csv_takes_a_subject_that_comes_late_and_one_size(tmp_path):
    faces = [Sample(noise(48, 48, seed=i), 3, "Training", str(i), None, "p1" if i == 2 else "") for i in range(4)]
    with WRITERS["csv"](tmp_path / "a.csv", FER2013, None) as write:
        for face in faces:
            write(face)
        with pytest.raises(ValueError, match=r"\(20, 20\) where all are \(48, 48\)"):
            write(Sample(noise(20, 20), 3, "Training", "4"))
    assert [s.subject for s in open_dataset(tmp_path / "a.csv")] == ["", "", "p1", ""]


def test_folders_within_a_usual_class_are_of_it_and_other_depths_are_told(tmp_path):
    for place in ("happy/p1/0.png", "happy/top.png", "bored/1.png", "bored/deep/2.png", ".git/x.png", "happy/.hidden/x.png"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes(encoded(noise(20, 20)))
    (tmp_path / "happy" / "a.pgm").write_bytes(b"P5")
    (tmp_path / "happy" / "note.txt").write_bytes(b"")
    data = open_dataset(tmp_path)
    assert [s.key for s in data] == ["bored/1.png", "happy/p1/0.png", "happy/top.png"]
    assert [line.rpartition(": ")[2].split(",")[0] for line in data.problems] == ["left out", "1 pictures left out"]
    assert list(data.labels) == ["bored", "happy"]


def indexed(folder, text, encoding="utf-8"):
    (folder / "happy").mkdir(parents=True, exist_ok=True)
    (folder / "happy" / "1.png").write_bytes(encoded(noise(20, 20)))
    (folder / "samples.csv").write_bytes(text.encode(encoding))
    return open_dataset(folder)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("happy/1.png,happy", "fewer cells, or more"), ("happy/1.png,happy,Training,,x", "fewer cells, or more"),
        ('happy/1.png,"happy,Training,', "fewer cells, or more"), ("happy/1.png,hapy,Training,", "was happy meant?"),
    ],
)  # fmt: skip
def test_a_line_of_the_index_that_is_wrong_is_named(tmp_path, line, said):
    data = indexed(tmp_path, f"file,label,split,subject\nhappy/1.png,happy,Training,\n{line}\n")
    assert len(list(data)) == 1
    assert said in data.problems[0]


def test_an_index_of_other_programs_is_read_or_named(tmp_path):
    line = "file,label,split,subject\nhappy/1.png,happy,Training,\n"
    assert len(list(indexed(tmp_path / "a", line, "utf-8-sig"))) == 1
    with pytest.raises(ValueError, match=r"samples.csv is no csv in UTF-8"):
        len(indexed(tmp_path / "b", line + "happy/\xe9.png,happy,Training,\n", "latin-1"))
    noted = indexed(tmp_path / "c", "file,label,split,subject,note\nhappy/1.png,happy,Training,,good\n")
    assert list(noted) == []
    assert "note is 'good' where a number of votes was wanted" in noted.problems[0]


def test_pictures_that_are_not_in_the_index_are_told(tmp_path):
    data = indexed(tmp_path, "file,label,split,subject\nhappy/1.png,happy,Training,\n")
    (tmp_path / "happy" / "2.png").write_bytes(encoded(noise(20, 20, seed=1)))
    assert len(list(data)) == 1
    assert "1 pictures left out, for they are not in samples.csv" in data.problems[0]


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_pictures_may_be_links(tmp_path):
    (tmp_path / "store.png").write_bytes(encoded(noise(20, 20)))
    (tmp_path / "set" / "happy").mkdir(parents=True)
    (tmp_path / "set" / "happy" / "1.png").symlink_to(tmp_path / "store.png")
    assert len(list(open_dataset(tmp_path / "set"))) == 1


def test_parquet_of_pandas_and_of_odd_columns(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    png = encoded(noise(20, 20))

    def stored(name, **columns):
        pq.write_table(pa.table(columns), tmp_path / name)
        data = open_dataset(tmp_path / name)
        return list(data), data.problems

    for kind in (pa.large_string(), pa.dictionary(pa.int32(), pa.string())):
        found, _ = stored("a.parquet", image=[png, png], label=pa.array(["happy", "sad"], pa.string()).cast(kind))
        assert [s.label for s in found] == [3, 4]
    assert "split 1 where" in stored("b.parquet", image=[png], label=["happy"], split=[1])[1][0]
    assert "there is no image" in stored("c.parquet", image=[{"path": "x"}], label=["happy"])[1][0]
    assert "2 numbers of votes where 10 were wanted" in stored("d.parquet", image=[png], label=["happy"], votes=[[1, 2]])[1][0]


def test_a_damaged_part_of_a_parquet_file_costs_that_part(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    images = [encoded(noise(20, 20, seed=i)) for i in range(40)]
    table = pa.table({"image": images, "label": ["happy"] * 40})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=10, compression="none", use_dictionary=False)
    data = bytearray((tmp_path / "a.parquet").read_bytes())
    at = data.find(images[15]) - 4
    data[at : at + 4] = b"\xff\xff\xff\x7f"  # the length of that picture
    (tmp_path / "a.parquet").write_bytes(data)
    found = open_dataset(tmp_path / "a.parquet")
    assert len(list(found)) == 30
    assert "row group 1, of 10 rows, is damaged" in found.problems[0]


class Stop(Exception):
    """A conversion is stopped."""


def stop_at(number):
    def step(done):
        if done == number:
            raise Stop

    return step


def test_going_on_leaves_nothing_of_another_set(tmp_path, monkeypatch):
    """A conversion into a folder is stopped, and another set is converted to the same place."""
    first, second = (
        npz(tmp_path / "a.npz"),
        npz(tmp_path / "b.npz", images=noise(2, 48, 48), labels=np.zeros(2, int), usage=np.zeros(2, int)),
    )

    with pytest.raises(Stop):
        convert(open_dataset(first), first, tmp_path / "out", stop_at(3))
    convert(open_dataset(second), second, tmp_path / "out")
    assert len(list((tmp_path / "out").rglob("*.png"))) == 2


def test_a_set_whose_index_was_edited_is_begun_anew(tmp_path):
    index = "file,label,split,subject\n" + "happy/1.png,{},Training,\n" * 3
    source = indexed(tmp_path / "a", index.format(*["happy"] * 3))

    with pytest.raises(Stop):
        convert(source, tmp_path / "a", tmp_path / "out.csv", stop_at(2))
    edited = indexed(tmp_path / "a", index.format("sad", "sad", "sad"))
    convert(edited, tmp_path / "a", tmp_path / "out.csv")
    assert [s.label for s in open_dataset(tmp_path / "out.csv")] == [4, 4, 4]
