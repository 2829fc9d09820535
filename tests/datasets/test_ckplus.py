"""CK+ in its sequences, as 48 x 48 folders, and as the ckextended csv."""

import pytest

from helpers import encoded, noise
from mien.datasets import Dataset, open_dataset
from mien.datasets.base import kind_of
from mien.datasets.ckplus import CkPlus
from mien.labels import CKPLUS, FER2013


def sequence(root, subject, number, frames, emotion=None, images="cohn-kanade-images", emotions="Emotion"):
    """A sequence of so many frames, and its emotion where it has one."""
    stem = f"{subject}_{number}_"
    folder, told = root / images / subject / number, root / emotions / subject / number
    folder.mkdir(parents=True)
    told.mkdir(parents=True)
    for i in range(1, frames + 1):
        (folder / f"{stem}{i:08d}.png").write_bytes(encoded(noise(20, 24, seed=i)))
    if emotion is not None:
        (told / f"{stem}{frames:08d}_emotion.txt").write_text(f"   {emotion}\n")
    return folder


def test_the_last_frames_of_each_labelled_sequence_are_samples(tmp_path):
    sequence(tmp_path, "S005", "001", 5, "3.0000000e+00")
    sequence(tmp_path, "S005", "002", 4)
    sequence(tmp_path, "S010", "001", 2, "2.0")
    dataset = open_dataset(tmp_path)
    samples = list(dataset)
    assert isinstance(dataset, CkPlus)
    assert isinstance(dataset, Dataset)
    assert (len(dataset), dataset.unlabelled, dataset.problems) == (5, 1, [])
    assert [(s.subject, dataset.labels[s.label], s.split) for s in samples] == [
        *[("S005", "disgust", "Training")] * 3, *[("S010", "contempt", "Training")] * 2
    ]  # fmt: skip
    assert [s.key[-6:-4] for s in samples] == ["03", "04", "05", "01", "02"]
    assert samples[0].key == "cohn-kanade-images/S005/001/S005_001_00000003.png"
    assert samples[0].image.shape == (20, 24)
    assert [s.clip for s in samples] == ["cohn-kanade-images/S005/001"] * 3 + ["cohn-kanade-images/S010/001"] * 2


def test_every_number_has_its_class_and_as_many_frames_are_taken_as_are_asked_for(tmp_path):
    for number in range(8):
        sequence(tmp_path, f"S{number:03d}", "001", 3, f"{number}.0")
    dataset = CkPlus(tmp_path, last=1)
    found = [dataset.labels[s.label] for s in dataset]
    assert found == ["neutral", "angry", "contempt", "disgust", "fear", "happy", "sad", "surprise"]
    assert dataset.labels == CKPLUS


@pytest.mark.parametrize(
    ("images", "emotions"),
    [
        ("cohn-kanade-images", "Emotion_labels/Emotion"),
        ("CK+/cohn-kanade-images", "CK+/Emotion"),
        ("extended-cohn-kanade-images/cohn-kanade-images", "Emotion_labels/Emotion"),
    ],
)
def test_the_folder_is_known_however_it_was_downloaded(tmp_path, images, emotions):
    sequence(tmp_path, "S005", "001", 3, "1.0", images, emotions)
    assert kind_of(tmp_path) == "ckplus"
    assert len(list(open_dataset(tmp_path))) == 3


def test_without_emotions_it_is_said_where_they_are_wanted(tmp_path):
    (tmp_path / "cohn-kanade-images").mkdir()
    with pytest.raises(ValueError, match="no folder Emotion or Emotion_labels/Emotion beside cohn-kanade-images"):
        len(open_dataset(tmp_path))


def test_what_is_wrong_with_a_sequence_is_named_and_stops_no_other(tmp_path):
    for number, said in enumerate(["happy", "8.0", "2.5", "nan", "", "-1"]):
        sequence(tmp_path, "S001", f"{number:03d}", 3, said)
    missing = sequence(tmp_path, "S002", "001", 3, "5.0")
    (missing / "S002_001_00000002.png").unlink()
    (missing / "S002_001_00000003.png").write_bytes(b"no picture")
    gone = sequence(tmp_path, "S003", "001", 1, "5.0")
    (gone / "S003_001_00000001.png").unlink()
    gone.rmdir()
    misnamed = sequence(tmp_path, "S004", "001", 1)
    (tmp_path / "Emotion" / misnamed.relative_to(misnamed.parents[1]) / "x_emotion.txt").write_text("1.0")
    dataset = open_dataset(tmp_path)
    for _ in range(2):  # each pass begins anew
        assert [s.key[-21:] for s in dataset] == ["S002_001_00000001.png"]
        assert len(dataset.problems) == 10
    said = "\n".join(dataset.problems)
    for words in (
        "'happy' where a number from 0 to 7", "8.0 where a whole number", "2.5 where", "nan where", "'' where", "-1 where",
        "S002_001_00000002.png: no such file", "S002_001_00000003.png: not a picture", "S003_001_00000001.png: no such file",
        "x_emotion.txt: the name does not say",
    ):  # fmt: skip
        assert words in said


def folders(root, *names):
    for i, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(encoded(noise(48, 48, seed=i)))
    return open_dataset(root)


def test_ck48_has_subjects_by_name_and_one_order_of_classes(tmp_path):
    names = ("anger", "contempt", "disgust", "fear", "happy", "sadness", "surprise")
    dataset = folders(tmp_path / "CK+48", *(f"{name}/S{i:03d}_004_00000017.png" for i, name in enumerate(names)))
    found = {s.key.split("/")[0]: (dataset.labels[s.label], s.subject) for s in dataset}
    assert dataset.labels == CKPLUS
    assert found["anger"] == ("angry", "S000")
    assert found["contempt"] == ("contempt", "S001")
    assert found["sadness"] == ("sad", "S005")


def test_without_contempt_the_classes_are_fer2013s(tmp_path):
    dataset = folders(tmp_path, "anger/a.png", "happiness/b.png", "Sadness/c.png")
    assert dataset.labels == FER2013
    assert [(s.key, FER2013[s.label]) for s in dataset] == [
        ("Sadness/c.png", "sad"), ("anger/a.png", "angry"), ("happiness/b.png", "happy")
    ]  # fmt: skip


@pytest.mark.parametrize("other", ["S010_004_0000017.png", "S010_004_00000017b.png", "face.png"])
def test_where_one_name_is_different_no_subject_is_taken_from_the_others(tmp_path, other):
    assert {s.subject for s in folders(tmp_path, "anger/S010_004_00000017.png", f"happy/{other}")} == {""}


@pytest.mark.parametrize(("name", "found"), [("CKextended.csv", ["contempt"]), ("fer2013.csv", [])])
def test_seven_is_contempt_in_ckextended_alone(tmp_path, name, found):
    (tmp_path / name).write_text(f"emotion,pixels,Usage\n7,{'0 ' * 2304},PublicTest\n8,{'0 ' * 2304},PublicTest\n")
    dataset = open_dataset(tmp_path / name)
    assert [dataset.labels[s.label] for s in dataset] == found
    assert f"line {3 if found else 2}: label {8 if found else 7}" in dataset.problems[0]
    assert dataset.labels == (CKPLUS if found else FER2013)
