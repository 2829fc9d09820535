"""Datasets as they are downloaded: archives of each form, and what is refused of them."""

import gc
import io
import os
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from helpers import encoded, mien, noise
from mien.datasets import Dataset, archive, open_dataset
from mien.labels import CKPLUS, FER2013

PICTURE = encoded(noise(48, 48))
ROW = f"{'7 ' * 2304}"


NO_SPLITS = "emotion,pixels"


def csv(*usages, head="emotion,pixels,Usage"):
    return "\n".join([head, *(f"3,{ROW},{usage}" for usage in usages)]).encode()


def parted(**more):
    """Class folders of two splits."""
    names = ("train/happy/1.png", "train/sad/2.png", "test/happy/3.png")
    return dict.fromkeys(names, PICTURE) | more


def packed(path, files):
    """Names and bytes -> an archive of the form that the ending names."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as file:
            for name, data in files.items():
                file.writestr(name, data)
        return path
    with tarfile.open(path, "w:gz" if path.suffix in (".gz", ".tgz") else "w") as file:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))
    return path


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """Where archives are unpacked."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tgz"])
@pytest.mark.parametrize("inside", ["", "faces/"])
def test_class_folders_are_read_from_every_archive(tmp_path, name, inside):
    path = packed(tmp_path / name, {inside + file: data for file, data in parted().items()})
    dataset = open_dataset(path)
    samples = list(dataset)
    assert isinstance(dataset, Dataset)
    assert (len(dataset), dataset.labels, dataset.vote_labels, dataset.problems) == (3, FER2013, None, [])
    assert [(s.key, s.split) for s in samples] == [
        (f"{name}/{inside}test/happy/3.png", "PrivateTest"), (f"{name}/{inside}train/happy/1.png", "Training"),
        (f"{name}/{inside}train/sad/2.png", "Training"),
    ]  # fmt: skip
    assert np.array_equal(samples[0].image, noise(48, 48))


def test_a_bad_picture_is_named_by_its_place_in_the_archive(tmp_path):
    dataset = open_dataset(packed(tmp_path / "a.zip", parted(**{"train/happy/0.png": b"x"})))
    assert len(list(dataset)) == 3
    assert [line.split(": ")[0] for line in dataset.problems] == [str(tmp_path / "a.zip" / "train" / "happy" / "0.png")]


def npz():
    file = io.BytesIO()
    np.savez(file, images=noise(2, 48, 48), labels=np.array([3, 3]), usage=np.array([0, 1]))
    return file.getvalue()


@pytest.mark.parametrize(
    ("files", "place", "splits"),
    [
        ({"fer2013/README": b"x", "fer2013/fer2013.bib": b"x", "fer2013/fer2013.csv": csv("Training", "PublicTest")},
         "fer2013/fer2013.csv/2", ["Training", "PublicTest"]),
        ({"icml_face_data.csv": csv("Training", head="emotion, pixels, Usage")}, "icml_face_data.csv/2", ["Training"]),
        ({"d/faces.npz": npz()}, "d/faces.npz/0", ["Training", "PublicTest"]),
        ({"one/a.csv": csv("", "", head=NO_SPLITS), "two/b.csv": csv("Training")}, "two/b.csv/2", ["Training"]),
        ({"faces.csv": csv("Training", "PublicTest", "PrivateTest"), **parted(**{"train/happy/5.png": PICTURE})},
         "test/happy/3.png", ["PrivateTest"] + ["Training"] * 3),
        ({"notes.csv": b"a,b\n1,2", "__MACOSX/train/happy/._1.png": b"x", "train/happy/._1.png": b"x", **parted()},
         "test/happy/3.png", ["PrivateTest", "Training", "Training"]),
    ],
)  # fmt: skip
def test_what_is_inside_is_found(tmp_path, files, place, splits):
    dataset = open_dataset(packed(tmp_path / "a.zip", files))
    samples = list(dataset)
    assert [s.split for s in samples] == splits
    assert samples[0].key == f"a.zip/{place}"
    assert dataset.problems == []


def test_parquet_is_found(tmp_path):
    pytest.importorskip("pyarrow")
    from mien.datasets.convert import convert

    (tmp_path / "d.npz").write_bytes(npz())
    convert(open_dataset(tmp_path / "d.npz"), tmp_path / "d.npz", tmp_path / "d.parquet")
    path = packed(tmp_path / "a.tar.gz", {"data/d.parquet": (tmp_path / "d.parquet").read_bytes()})
    assert [s.key for s in open_dataset(path)] == ["a.tar.gz/data/d.parquet/0", "a.tar.gz/data/d.parquet/1"]


def challenge():
    """The files of the Kaggle challenge."""
    return {
        "train.csv": csv("", head=NO_SPLITS), "test.csv": b"pixels\n" + ROW.encode(),
        "example_submission.csv": b"emotion\n0",
        "icml_face_data.csv": csv("Training", "PublicTest", head="emotion, pixels, Usage"),
    }  # fmt: skip


def test_of_the_challenge_all_of_fer2013_is_taken(tmp_path):
    inner = packed(tmp_path / "fer2013.tar.gz", {"fer2013/fer2013.csv": csv("Training", "PublicTest", "PrivateTest")})
    outer = packed(tmp_path / "challenge.zip", {**challenge(), "fer2013.tar.gz": inner.read_bytes()})
    assert [s.key for s in open_dataset(outer)] == ["challenge.zip/icml_face_data.csv/2", "challenge.zip/icml_face_data.csv/3"]


def test_an_archive_within_the_archive_is_unpacked_once(tmp_path, temporary):
    inner = packed(tmp_path / "fer2013.tar.gz", {"fer2013/fer2013.csv": csv("Training", "Other")}).read_bytes()
    outer = packed(tmp_path / "a.zip", {"README": b"x", "fer2013.tar.gz": inner})
    dataset = open_dataset(outer)
    assert [s.key for s in dataset] == ["a.zip/fer2013.tar.gz/fer2013/fer2013.csv/2"]
    assert dataset.problems[0].startswith(f"{outer}/fer2013.tar.gz/fer2013/fer2013.csv, line 3: split 'Other'")
    with pytest.raises(ValueError, match="no set of faces in it") as caught:
        list(open_dataset(packed(tmp_path / "b.zip", {"a.zip": outer.read_bytes()})))
    assert str(temporary) not in str(caught.value)


def test_ck_is_found_in_all_its_forms(tmp_path):
    small = packed(tmp_path / "a.zip", {f"CK+48/{name}/S010_004_0000001{i}.png": PICTURE for i, name in enumerate(CKPLUS)})
    assert {s.subject for s in open_dataset(small)} == {"S010"}
    assert open_dataset(small).labels == CKPLUS
    rows = csv("Training") + f"\n7,{ROW},PublicTest".encode()
    assert len(list(open_dataset(packed(tmp_path / "b.zip", {"ckextended.csv": rows})))) == 2
    sequence = {"ck/cohn-kanade-images/S005/001/S005_001_00000001.png": PICTURE,
                "ck/Emotion/S005/001/S005_001_00000001_emotion.txt": b" 5.0"}  # fmt: skip
    (sample,) = open_dataset(packed(tmp_path / "c.zip", sequence))
    assert (sample.key, sample.subject) == ("c.zip/ck/cohn-kanade-images/S005/001/S005_001_00000001.png", "S005")


def test_a_label_map_goes_to_what_is_inside(tmp_path):
    inner = packed(tmp_path / "i.tar.gz", parted()).read_bytes()
    for files in (parted(), {"i.tar.gz": inner}):
        dataset = open_dataset(packed(tmp_path / "a.zip", files), {"happy": "good", "sad": None})
        assert [dataset.labels[s.label] for s in dataset] == ["good", "good"]


def test_of_several_sets_that_are_as_good_none_is_taken(tmp_path):
    dataset = open_dataset(
        packed(
            tmp_path / "a.zip",
            {f"{name}.csv": csv(*rows, head=NO_SPLITS) for name, rows in (("train", ["", ""]), ("test", [""]))},
        )
    )
    with pytest.raises(ValueError, match=r"several sets .*a\.zip/test\.csv \(1 faces\), a\.zip/train\.csv \(2 faces\)"):
        list(dataset)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"README": b"x"}, "no folders named after classes, and no csv"),
        ({"test.csv": b"pixels\n1 2"}, r"a\.zip/test\.csv: the first line must be"),
        ({"d.npz": b"x"}, r"a\.zip/d\.npz is no npz file"),
        ({"cohn-kanade-images/S005/001/S005_001_00000001.png": PICTURE}, r"a\.zip: no folder Emotion"),
    ],
)
def test_an_archive_of_something_else_says_what_was_looked_at(tmp_path, temporary, files, said):
    with pytest.raises(ValueError, match=said):
        list(open_dataset(packed(tmp_path / "a.zip", files)))
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tgz"])
@pytest.mark.parametrize("part", [0, 0.5])
def test_a_damaged_archive_is_named(tmp_path, temporary, name, part):
    path = packed(tmp_path / name, parted(**{"train/happy/noise.png": noise(60_000).tobytes()}))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(ValueError, match=rf"{name} is no archive, or not a whole one: [^\n]*; download it again"):
        list(open_dataset(path))
    assert list(temporary.iterdir()) == []


def test_a_file_that_is_no_archive_is_named(tmp_path):
    (tmp_path / "d.csv.gz").write_bytes(b"emotion,pixels")
    with pytest.raises(ValueError, match=r"d\.csv\.gz is no archive"):
        list(open_dataset(tmp_path / "d.csv.gz"))


@pytest.mark.parametrize("ending", ["zip", "tar.gz"])
@pytest.mark.parametrize("name", ["../out/1.png", "/out/1.png", "train/../../1.png", "C:/out/1.png", "..\\out\\1.png"])
def test_a_name_that_leads_out_is_refused(tmp_path, temporary, name, ending):
    path = packed(tmp_path / f"a.{ending}", parted(**{name: PICTURE}))
    with pytest.raises(ValueError, match=r"cannot be unpacked: .* leads out"):
        list(open_dataset(path))
    assert list(temporary.iterdir()) == []
    assert sorted(p.name for p in tmp_path.iterdir()) == [path.name, "temporary"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(tmp_path, kind):
    member = tarfile.TarInfo("train/happy/1.png")
    member.type, member.linkname = kind, "/etc/passwd"
    with tarfile.open(tmp_path / "a.tar", "w") as file:
        file.addfile(member)
    info = zipfile.ZipInfo("train/happy/1.png")
    info.external_attr = 0o120777 << 16
    packed(tmp_path / "a.zip", {info: b"/etc/passwd"})
    for name in ("a.tar", "a.zip"):
        with pytest.raises(ValueError, match="is a link or a device"):
            list(open_dataset(tmp_path / name))


@pytest.mark.parametrize("name", ["a.zip", "a.tgz"])
@pytest.mark.parametrize(("bound", "most"), [("BYTES", 3 * len(PICTURE) - 1), ("MEMBERS", 2)])
def test_there_are_bounds_that_archives_within_share(tmp_path, monkeypatch, temporary, name, bound, most):
    path = packed(tmp_path / name, parted())
    list(open_dataset(path))
    outer = packed(tmp_path / f"outer.{name}", {"i.zip": packed(tmp_path / "i.zip", {"happy/1.png": PICTURE}).read_bytes()})
    list(open_dataset(outer))
    monkeypatch.setattr(
        archive.Room, "__init__", lambda room: vars(room).update({"bytes": 10**6, "members": 9, bound.lower(): most})
    )
    with pytest.raises(ValueError, match="it holds more than"):
        list(open_dataset(path))
    monkeypatch.setattr(
        archive.Room, "__init__", lambda room: vars(room).update(bytes=os.path.getsize(tmp_path / "i.zip") + 9, members=9)
    )
    with pytest.raises(ValueError, match=r"i\.zip cannot be unpacked: it holds more than"):
        list(open_dataset(outer))


def test_what_was_unpacked_goes_with_the_dataset(tmp_path, temporary):
    dataset = open_dataset(packed(tmp_path / "a.zip", parted()))
    assert list(temporary.iterdir()) == []
    assert len(list(dataset)) == 3
    assert len(list(temporary.iterdir())) == 1
    del dataset
    gc.collect()
    assert list(temporary.iterdir()) == []


def test_the_command_converts_an_archive(tmp_path, temporary):
    path = packed(tmp_path / "x.zip", parted(**{"train/happy/0.png": b"x"}))
    run = mien("data", "convert", path, tmp_path / "out.npz", env={**os.environ, "TMPDIR": str(temporary)}, text=True)
    assert run.returncode == 1
    assert "x.zip/train/happy/0.png: not a picture" in run.stderr.replace("\n", "")
    assert len(open_dataset(tmp_path / "out.npz")) == 3
    assert list(Path(temporary).iterdir()) == []
