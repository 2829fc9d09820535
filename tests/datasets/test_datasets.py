import re
from pathlib import Path

import numpy as np
import pytest

from helpers import encoded, noise, shared
from mien.datasets import Dataset, open_dataset
from mien.labels import FER2013

CHIPS, LABELS, USAGE = noise(4, 48, 48), np.array([0, 3, 6, 2]), np.array([0, 0, 1, 2])


@pytest.fixture(params=["npz", "csv", "folder"])
def dataset(request, tmp_path):
    splits = ("Training", "PublicTest", "PrivateTest")
    if request.param == "npz":
        np.savez(tmp_path / "d.npz", images=CHIPS, labels=LABELS, usage=USAGE)
        return open_dataset(tmp_path / "d.npz")
    if request.param == "csv":
        rows = [f"{y},{' '.join(map(str, x.ravel()))},{splits[u]}" for x, y, u in zip(CHIPS, LABELS, USAGE, strict=True)]
        (tmp_path / "d.csv").write_text("\n".join(["emotion,pixels,Usage", *rows]))
        return open_dataset(tmp_path / "d.csv")
    for i, (x, y, u) in enumerate(zip(CHIPS, LABELS, USAGE, strict=True)):
        file = tmp_path / splits[u] / FER2013[y] / f"{i}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encoded(x))
    return open_dataset(tmp_path)


def test_samples_come_with_pixels_label_and_split(dataset):
    assert isinstance(dataset, Dataset)
    samples = sorted(dataset, key=lambda s: (s.split, s.label))
    assert len(dataset) == len(samples) == 4
    assert {(s.split, s.label) for s in samples} == {("Training", 0), ("Training", 3), ("PublicTest", 6), ("PrivateTest", 2)}
    found = {s.label: s.image if s.image.ndim == 2 else s.image[..., 0] for s in samples}
    assert all(np.array_equal(found[y], x) for x, y in zip(CHIPS, LABELS, strict=True))
    assert len({s.key for s in samples}) == 4


def test_other_folders_name_other_classes(tmp_path):
    for name in ("tired", "bored"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(encoded(noise(40, 40, 3)))
    dataset = open_dataset(tmp_path)
    assert list(dataset.labels) == ["bored", "tired"]
    assert [s.split for s in dataset] == ["Training"] * 2


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("3,1 2 3,Training", "3 pixels where 2304"),
        ("x,1,Training", "no class named 'x'"),
        (f"9,{'0 ' * 2304},Training", "label 9"),
        (f"1,{'0 ' * 2304},Other", "split 'Other'"),
    ],
)
def test_a_bad_row_is_left_out_and_named_by_its_line(tmp_path, row, said):
    good = f"1,{'0 ' * 2304},Training"
    (tmp_path / "d.csv").write_text(f"emotion,pixels,Usage\n{row}\n{good}\n")
    dataset = open_dataset(tmp_path / "d.csv")
    for _ in range(2):  # each pass begins anew
        assert [s.label for s in dataset] == [1]
        assert len(dataset.problems) == 1
        assert re.search(rf"d\.csv, line 2: .*{said}", dataset.problems[0])


def test_a_csv_as_spreadsheets_save_it_is_read(tmp_path):
    (tmp_path / "d.csv").write_text(f"emotion,pixels,Usage\n1,{'0 ' * 2304},Training\n", encoding="utf-8-sig")
    assert len(list(open_dataset(tmp_path / "d.csv"))) == 1


def test_a_field_without_end_is_left_out(tmp_path):
    (tmp_path / "d.csv").write_text(f"emotion,pixels,Usage\n1,{'0 ' * 90_000},Training\n1,{'0 ' * 2304},Training\n")
    dataset = open_dataset(tmp_path / "d.csv")
    assert len(list(dataset)) == 1
    assert "line 2" in dataset.problems[0]


@pytest.mark.parametrize(("labels", "usage", "said"), [([0, 7], [0, 0], "labels holds 7"), ([0, 1], [0, 3], "usage holds 3")])
def test_an_npz_with_numbers_that_mean_nothing_is_refused(tmp_path, labels, usage, said):
    np.savez(tmp_path / "d.npz", images=CHIPS[:2], labels=np.array(labels), usage=np.array(usage))
    with pytest.raises(ValueError, match=said):
        list(open_dataset(tmp_path / "d.npz"))


def test_half_an_npz_is_no_npz(tmp_path):
    np.savez(tmp_path / "d.npz", images=CHIPS, labels=LABELS, usage=USAGE)
    whole = (tmp_path / "d.npz").read_bytes()
    (tmp_path / "d.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="not a whole one"):
        list(open_dataset(tmp_path / "d.npz"))


def test_a_broken_picture_is_left_out_and_named(tmp_path):
    (tmp_path / "happy").mkdir()
    (tmp_path / "happy" / "a.png").write_bytes(encoded(noise(40, 40, 3)))
    (tmp_path / "happy" / "b.png").write_bytes(b"no picture")
    dataset = open_dataset(tmp_path)
    assert [s.key for s in dataset] == [str(Path("happy", "a.png"))]
    assert "b.png: not a picture" in dataset.problems[0]


def test_what_is_no_dataset_is_said(tmp_path):
    (tmp_path / "d.npz").write_bytes(b"x")
    (tmp_path / "d.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="no dataset at"):
        open_dataset(tmp_path / "none.csv")
    with pytest.raises(ValueError, match=r"d\.txt: datasets are \.npz"):
        open_dataset(tmp_path / "d.txt")
    with pytest.raises(ValueError, match="is no npz file"):
        len(open_dataset(tmp_path / "d.npz"))
    with pytest.raises(ValueError, match="no pictures in folders named after their class"):
        _ = open_dataset(tmp_path / "empty").labels


@pytest.mark.slow
def test_fer2013_is_read_from_its_packed_form_bit_by_bit():
    packed, plain = (open_dataset(shared("data", name)) for name in ("fer2013.packed.npz", "fer2013.npz"))
    for i, (a, b) in enumerate(zip(packed, plain, strict=True)):
        if i % 500 == 0:
            assert np.array_equal(a.image, b.image)
            assert (a.label, a.split) == (b.label, b.split)
