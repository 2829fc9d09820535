"""Decoding of our own detector's maps, with nets whose answer is known."""

import cv2
import numpy as np
import pytest

from helpers import FACE, astronaut, faceless
from mien.boxes import area, iou
from mien.detectors import load_detector
from mien.detectors.mien_face import MienFace

STRIDES = (8, 16, 32, 64)


def net(*cells):
    """A net that sees, in every picture, faces at (level, row, column) with this score, centre and size in strides."""

    def maps(planes):
        n, _, height, width = planes.shape
        out = [np.full((n, height // s, width // s, 15), -9, np.float32) for s in STRIDES]
        for level, row, column, score, centre, size in cells:
            out[level][:, row, column] = [score, *centre, *np.log(size), *np.tile(centre, 5)]
        return out

    return maps


def test_a_cell_is_decoded_in_its_stride():
    faces = MienFace(net=net((1, 2, 3, 4.0, (0.25, -0.5), (2, 3))))(faceless(128, 192))
    assert faces.box[0].tolist() == pytest.approx([44, 8, 76, 56])  # centre (3.5 + .25, 2.5 - .5) x 16, sides 32 and 48
    assert faces.landmarks[0, 2].tolist() == pytest.approx([60, 32])
    assert faces.score[0] == pytest.approx(1 / (1 + np.exp(-4.0)))


def test_boxes_are_in_pixels_of_the_picture_that_was_shrunk():
    detector = MienFace(longest_side=64, net=net((0, 4, 4, 4.0, (0, 0), (2, 2))))
    assert detector(faceless(64, 64)).box[0].tolist() == pytest.approx([28, 28, 44, 44])
    assert detector(faceless(256, 256)).box[0].tolist() == pytest.approx([112, 112, 176, 176])


def test_of_two_cells_on_one_face_the_surer_is_kept():
    found = MienFace(net=net((0, 4, 4, 2.0, (0, 0), (4, 4)), (0, 4, 5, 3.0, (-1, 0), (4, 4))))(faceless(64, 64))
    assert found.score.tolist() == pytest.approx([1 / (1 + np.exp(-3.0))])


def test_many_pictures_of_several_sizes_answer_as_one_by_one():
    seen = []

    def mean_decides(planes):
        seen.append(len(planes))
        maps = net((0, 2, 2, 4.0, (0, 0), (2, 2)))(planes)
        maps[0][:, 2, 2, 0] += planes.mean((1, 2, 3)) / 100
        return maps

    detector = MienFace(net=mean_decides)
    pictures = [faceless(64, 64), faceless(64, 128), faceless(64, 64) // 2]
    together = [faces.to_dict() for faces in detector.many(pictures)]
    assert sorted(seen) == [1, 2]
    assert together == [detector(picture).to_dict() for picture in pictures]


def test_tiles_look_at_parts_and_place_their_boxes():
    """The face stands in the same place of each view: of the whole picture and of its four parts."""
    detector = MienFace(tiles=2, longest_side=64, net=net((0, 1, 1, 4.0, (0, 0), (2, 2))))
    boxes = detector(faceless(64, 64)).box
    assert len(boxes) == 4  # the left upper part and the whole see the same face
    assert boxes.max() <= 64


def test_the_packaged_net_answers_in_a_batch_as_alone():
    pictures = [astronaut(), np.ascontiguousarray(astronaut()[:, ::-1]), faceless(512, 512)]
    detector = load_detector("mien")
    for together, picture in zip(detector.many(pictures), pictures, strict=True):
        alone = detector(picture)
        assert np.abs(together.box - alone.box).max(initial=0) < 1e-2
        assert np.abs(together.score - alone.score).max(initial=0) < 1e-4


@pytest.mark.parametrize("settings", [{"longest_side": 640}, {"tiles": 2}, {"longest_side": 160}])
def test_the_packaged_net_finds_a_large_face_at_any_setting(settings):
    faces = load_detector("mien", **settings)(astronaut())
    assert len(faces) == 1
    assert iou(faces.box, np.array([FACE], np.float32))[0, 0] > 0.5


WRONG = (
    {"score": 1.0}, {"score": 0.0}, {"overlap": 0.0}, {"tiles": 0}, {"tiles": 17}, {"tiles": 1.5}, {"longest_side": 0},
    {"longest_side": 320.5}, {"longest_side": "large"},
)  # fmt: skip


@pytest.mark.parametrize("settings", WRONG, ids=str)
def test_a_setting_that_cannot_be_is_refused_with_what_was_wanted(settings):
    with pytest.raises(ValueError, match="wanted"):
        load_detector("mien", **settings)


def test_a_face_that_a_seam_cuts_is_found_once():
    wide = np.full((512, 1024, 3), 120, np.uint8)
    wide[:, 224 : 224 + 512] = astronaut()
    assert len(load_detector("mien")(wide)) == len(load_detector("mien", tiles=2)(wide)) == 1


def test_weights_are_named_after_a_colon_where_a_detector_takes_some(tmp_path):
    assert load_detector(f"mien:{tmp_path}").weights == str(tmp_path)
    with pytest.raises(ValueError, match="haar takes no file"):
        load_detector("haar:x")


@pytest.mark.parametrize("side", [320, 640, 1280])
def test_a_face_that_fills_the_frame_is_found_at_any_size(side):
    close = cv2.resize(astronaut()[60:200, 155:295], (side, side), interpolation=cv2.INTER_CUBIC)
    faces = load_detector("mien", longest_side=side)(close)
    assert len(faces) == 1
    assert area(faces.box)[0] > 0.3 * side**2


def test_no_pictures_give_no_answers():
    assert MienFace(net=net()).many([]) == []


def test_an_absent_run_folder_is_an_error_that_says_what_is_wanted(tmp_path):
    with pytest.raises(FileNotFoundError, match="mien train --task detect"):
        MienFace(weights=tmp_path)(faceless())
    with pytest.raises(ValueError, match="no such file or run folder"):
        load_detector(str(tmp_path / "absent"))
    with pytest.raises(ValueError, match="no detector named"):
        load_detector("absent")
    with pytest.raises(ValueError, match="haar has no setting tiles; there are: scale"):
        load_detector("haar", tiles=2)


def test_a_picture_without_pixels_has_no_faces():
    assert [len(f) for f in load_detector().many([np.zeros((0, 10, 3), np.uint8), astronaut()])] == [0, 1]


@pytest.mark.parametrize("image", [np.zeros((40, 40), np.uint8), np.zeros((40, 40, 3)), np.zeros((4, 4, 4), np.uint8), "x.png"])
def test_what_is_no_rgb_picture_is_refused_with_what_was_wanted(image):
    with pytest.raises(ValueError, match=r"uint8 of shape \(h, w, 3\)"):
        load_detector()(image)
