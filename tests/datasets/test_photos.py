"""Photos with boxes: three formats, and what is wrong with them."""

import json
import shutil

import numpy as np
import pytest

from helpers import encoded, faceless, noise
from mien.datasets.photos import open_photos, some_readable
from mien.image import size_of

POINTS = [12, 14, 20, 14, 16, 18, 13, 22, 19, 22]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    for name in ("a.png", "b.png", "empty.png"):
        (tmp_path / "images" / name).write_bytes(encoded(faceless(60, 80)))
    return tmp_path


def own(folder, images):
    (folder / "annotations.json").write_text(json.dumps({"images": images}))
    return open_photos(folder)


def test_a_folder_gives_boxes_points_sources_and_what_is_doubtful(folder):
    faces = [{"box": [10, 10, 12, 16], "landmarks": POINTS}, {"box": [40, 10, 5, 6], "ignore": True}]
    photos = own(folder, {"a.png": {"source": "x", "faces": faces}, "empty.png": {"source": "y", "faces": []}})
    first, second = photos
    assert first.box.tolist() == [[10, 10, 22, 26], [40, 10, 45, 16]]
    assert first.landmarks[0].reshape(-1).tolist() == POINTS
    assert np.isnan(first.landmarks[1]).all()
    assert first.ignore.tolist() == [False, True]
    assert (len(second), photos.sources) == (0, ["x", "y"])


def test_wider_face_is_read_with_and_without_points(folder):
    (folder / "w.txt").write_text(
        "a.png\n2\n10 10 12 16 0 0 0 0 0 0\n1 2 8 8 0 0 0 1 0 0\nempty.png\n0\n0 0 0 0 0 0 0 0 0 0\n"
        "# b.png\n10 10 12 16 12 14 0 20 14 0 16 18 0 13 22 0 19 22 0 0.9\n"
    )
    photos = open_photos(folder / "w.txt")
    a, empty, b = photos
    assert (a.ignore.tolist(), len(empty), len(b)) == ([False, True], 0, 1)
    assert b.landmarks.reshape(-1).tolist() == POINTS
    assert photos.problems == []  # a line of zeros stands for no face


def test_coco_is_read_with_crowds_as_doubtful(folder):
    keypoints = [v for x, y in zip(POINTS[::2], POINTS[1::2], strict=True) for v in (x, y, 2)]
    coco = {
        "images": [{"id": 7, "file_name": "a.png"}, {"id": 8, "file_name": "b.png"}],
        "annotations": [
            {"image_id": 7, "bbox": [10, 10, 12, 16], "keypoints": keypoints},
            {"image_id": 7, "bbox": [40, 10, 20, 16], "iscrowd": 1},
        ],
    }
    (folder / "c.json").write_text(json.dumps(coco))
    a, b = open_photos(folder / "c.json")
    assert a.landmarks[0].reshape(-1).tolist() == POINTS
    assert (a.ignore.tolist(), len(b)) == ([False, True], 0)


@pytest.mark.parametrize(
    "box", [[100, 10, 20, 20], [10, 10, 0, 5], [10, 10, 5, -5], [1, 2, 3], None, "x", [1, 2, float("nan"), 3]]
)
def test_a_wrong_box_is_named_and_skipped(folder, box):
    photos = own(folder, {"a.png": {"faces": [{"box": box}, {"box": [10, 10, 12, 16]}]}})
    assert [len(p) for p in photos] == [1]
    assert len(photos.problems) == 1
    assert "a.png, face 0" in photos.problems[0]


def test_an_absent_or_broken_picture_is_named_and_skipped(folder):
    (folder / "images" / "broken.png").write_bytes(b"no picture")
    face = {"faces": [{"box": [10, 10, 12, 16]}]}
    photos = own(folder, {"a.png": face, "absent.png": face, "broken.png": face})
    assert [p.path.name for p in photos] == ["a.png"]
    assert ["absent.png" in photos.problems[0], "broken.png" in photos.problems[1]] == [True, True]


def test_a_set_without_faces_is_refused_before_training(folder):
    photos = own(folder, {"empty.png": {"faces": []}})
    with pytest.raises(ValueError, match="no photo with a face to learn from"):
        some_readable([p for p in photos if len(p)], "to learn from")
    with pytest.raises(ValueError, match=r"no picture that can be used; the first of 1 problems: .*nope\.png"):
        own(folder, {"nope.png": {"faces": []}})


def test_photos_that_no_decoder_reads_are_refused_before_training(folder):
    whole = encoded(noise(60, 80, 3), "JPEG")
    (folder / "images" / "half.jpg").write_bytes(whole[: len(whole) // 2])
    photos = own(folder, {"half.jpg": {"faces": [{"box": [10, 10, 12, 16]}]}, "empty.png": {"faces": []}})
    with pytest.raises(ValueError, match=r"none of 1 can be read, such as .*half\.jpg"):
        some_readable([p for p in photos if len(p)], "to learn from")


def test_a_box_ends_where_its_picture_does_and_a_machine_says_how_sure_it_was(folder):
    faces = [{"box": [-4, 10, 20, 80], "score": 0.8}, {"box": [10, 10, 20, 20], "score": "high"}, [10, 10, 5, 5]]
    (photo,) = own(folder, {"a.png": {"faces": faces}})
    width, height = size_of(photo.path)
    assert photo.box.tolist() == [[0, 10, 16, height], [10, 10, 30, 30], [10, 10, 15, 15]]
    assert width > 30
    assert photo.score == pytest.approx([0.8, np.nan, np.nan], nan_ok=True)


def test_a_picture_named_twice_counts_once(folder):
    (folder / "w.txt").write_text("a.png\n1\n10 10 12 16\na.png\n1\n20 10 12 16\n")
    photos = open_photos(folder / "w.txt")
    assert [len(p) for p in photos] == [1]
    assert "named twice" in photos.problems[0]


def test_a_picture_of_an_unknown_kind_takes_no_faces_from_its_neighbour(folder):
    (folder / "w.txt").write_text("5 5 5 5\na.png\n1\n10 10 12 16\nx.ppm\n1\n20 10 12 16\nodd line here\n")
    photos = open_photos(folder / "w.txt")
    assert [photo.box[:, 0].tolist() for photo in photos] == [[10]]
    assert ["before any picture" in photos.problems[0], "x.ppm" in photos.problems[1]] == [True, True]


def test_of_coco_s_categories_only_faces_are_taken(folder):
    boxes = [{"image_id": 1, "category_id": k, "bbox": [10 * k, 10, 12, 16]} for k in (1, 2)]
    image = {"id": 1, "file_name": "a.png"}

    def coco(*names):
        listed = [{"id": k + 1, "name": name} for k, name in enumerate(names)]
        raw = {"images": [image, "x"], "annotations": [*boxes, "x", {"image_id": [1]}], "categories": listed}
        (folder / "c.json").write_text(json.dumps(raw))
        return open_photos(folder / "c.json")

    photos = coco("dog", "Face")
    assert [photo.box[:, 0].tolist() for photo in photos] == [[20]]
    assert ["annotations 2" in photos.problems[0], "images 1" in photos.problems[1]] == [True, True]
    assert [photo.box[:, 0].tolist() for photo in coco("head")] == [[10]]
    with pytest.raises(ValueError, match="no category is named face; there are: dog, person"):
        coco("dog", "person")


def test_the_official_layouts_are_read(tmp_path, folder):
    shutil.copytree(folder / "images", tmp_path / "set" / "WIDER_train" / "images" / "0--Parade")
    (tmp_path / "set" / "wider_face_split").mkdir()
    (tmp_path / "set" / "wider_face_split" / "gt.txt").write_text("0--Parade/a.png\n1\n10 10 12 16 0 0 0 0 0 0\n")
    (photo,) = open_photos(tmp_path / "set" / "wider_face_split" / "gt.txt")
    assert (photo.source, len(photo)) == ("0--Parade", 1)


def test_a_header_of_a_picture_too_large_is_named(folder):
    bomb = bytearray(encoded(noise(40, 40, 3)))
    bomb[16:24] = (30_000).to_bytes(4, "big") * 2
    (folder / "images" / "bomb.png").write_bytes(bomb)
    face = {"faces": [{"box": [10, 10, 12, 16]}]}
    photos = own(folder, {"bomb.png": face, "a.png": face})
    assert [p.path.name for p in photos] == ["a.png"]


def test_an_unknown_source_is_an_error_that_names_those_there(folder):
    photos = own(folder, {"a.png": {"source": "x", "faces": [{"box": [10, 10, 12, 16]}]}})
    with pytest.raises(ValueError, match="there are: x"):
        photos.only(["z"])
    assert len(photos.without(["x"])) == 0


@pytest.mark.parametrize("text", ["[]", "{", '{"images": 3}'])
def test_other_json_is_an_error_that_names_the_file(folder, text):
    (folder / "annotations.json").write_text(text)
    with pytest.raises(ValueError, match=r"annotations\.json"):
        open_photos(folder)


def test_a_picture_that_turns_out_damaged_is_named_and_left_out(folder):
    whole = (folder / "images" / "b.png").read_bytes()
    (folder / "images" / "b.png").write_bytes(whole[: len(whole) // 2])
    face = {"box": [10, 10, 12, 16]}
    photos = own(folder, {"a.png": {"faces": [face]}, "b.png": {"faces": [face]}})
    assert [photo.path.name for _, photo in photos.pictures()] == ["a.png"]
    assert "b.png" in photos.problems[0]


@pytest.mark.parametrize(
    "landmarks", [["x"] * 10, [[1, 2]], "points", [1, 2, 3], [float("nan")] * 10, [-1] * 10, [1e30] * 10, [300] * 10]
)
def test_a_face_with_points_of_another_form_or_place_is_a_face_without_and_named(folder, landmarks):
    photos = own(folder, {"a.png": {"faces": [{"box": [10, 10, 12, 16], "landmarks": landmarks}]}})
    assert np.isnan(photos.photos[0].landmarks).all()
    assert "a.png, face 0: kept without its landmarks" in photos.problems[0]


def test_faces_that_only_people_saw_complete_the_machines(folder):
    """A person's box on a doubtful one makes it sure; one on nothing is added, without points."""
    faces = [{"box": [10, 10, 12, 16], "landmarks": POINTS}, {"box": [40, 10, 10, 10], "ignore": True}]
    human = [["face", 11, 11, 12, 16], ["face", 40, 10, 10, 10], ["face", 60, 30, 12, 12]]
    (photo,) = own(folder, {"a.png": {"faces": faces, "human_boxes": human}}).completed()
    assert photo.box.tolist() == [[10, 10, 22, 26], [40, 10, 50, 20], [60, 30, 72, 42]]
    assert photo.ignore.tolist() == [False, False, False]
    assert np.isnan(photo.landmarks).all(axis=(1, 2)).tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("faces", "problems"),
    [([{"box": ["10", "10", "12", "16"]}], 0), (None, 0), (3, 1), ([[]], 1), ([{"box": None}], 1), ([{}], 1), ("x", 1)],
)
def test_rows_of_another_form_are_named_or_read_never_a_traceback(folder, faces, problems):
    good = {"faces": [{"box": [10, 10, 12, 16]}]}
    photos = own(folder, {"a.png": {"faces": faces}, "b.png": good})
    assert len(photos.problems) == problems
    if problems == 0 and faces:
        assert photos.photos[0].box.tolist() == [[10, 10, 22, 26]]


def test_wrong_boxes_of_people_are_named_and_skipped(folder):
    rows = [["face", 10, 10, 0, 5], ["face", 10, 10, 12, 16], [1, 2, 3, 4], ["face", 900, 10, 5, 5], 7]
    photos = own(folder, {"a.png": {"faces": [{"box": [10, 10, 12, 16]}], "human_boxes": rows}})
    assert photos.photos[0].human.tolist() == [[10, 10, 22, 26]]
    assert photos.photos[0].kinds == ("face",)
    assert len(photos.problems) == 4


def test_coco_without_keypoints_or_with_others_is_read(folder):
    coco = {
        "images": [{"id": 7, "file_name": "set/a.png"}],
        "annotations": [{"image_id": 7, "bbox": [10, 10, 12, 16], "keypoints": k} for k in (None, [1, 2], "x")],
    }
    (folder / "images" / "set").mkdir()
    (folder / "images" / "set" / "a.png").write_bytes((folder / "images" / "a.png").read_bytes())
    (folder / "c.json").write_text(json.dumps(coco))
    (photo,) = open_photos(folder / "c.json")
    assert (len(photo), photo.source) == (3, "set")


def test_coco_faces_of_a_picture_that_is_not_listed_are_counted_and_named(folder):
    rows = [{"image_id": i, "bbox": [10, 10, 12, 16]} for i in (7, 99, 99, None)]
    (folder / "c.json").write_text(json.dumps({"images": [{"id": 7, "file_name": "a.png"}], "annotations": rows}))
    photos = open_photos(folder / "c.json")
    assert [len(photo) for photo in photos] == [1]
    assert ["2 faces of the image '99'" in photos.problems[0], "1 faces of the image 'None'" in photos.problems[1]] == [
        True,
        True,
    ]
