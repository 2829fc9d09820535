"""Chips are turned so that the eyes are level, or the face looks ahead."""

import numpy as np
import pytest

from helpers import astronaut, noise, shared
from mien.card import ALIGNMENT
from mien.faces import Faces
from mien.preprocess.align import Dlib68, align, eye_angles, five_of_68
from mien.preprocess.crop import Crop
from mien.preprocess.landmarks import aligned, landmarks_in
from mien.preprocess.pose import GENERIC, estimate, frontal

LEVEL = np.array([[30, 36], [66, 36], [48, 54], [34, 70], [62, 70]], float)
"""Landmarks of a face that looks ahead, in a chip of 96 pixels."""


def rolled(points, degrees, about=47.5):
    """Points of a picture turned clockwise."""
    a = np.deg2rad(degrees)
    return (points - about) @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) + about


def seen(yaw=0.0, roll=0.0, pitch=0.0, scale=1.0):
    """Landmarks (5, 2) of the generic face, turned to the picture's right by so many degrees."""
    y, p, r = np.deg2rad((yaw, pitch, roll))
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return scale * (GENERIC @ (about_z @ about_x @ about_y).T)[:, :2] + 48


def dots(points, side=96):
    """A chip with a white dot at each landmark."""
    row, column = np.mgrid[:side, :side]
    near = [np.exp(-((column - x) ** 2 + (row - y) ** 2) / 8) for x, y in points]
    return (255 * np.max(near, axis=0)).astype(np.uint8)


def peak(chip, near, reach=8):
    """Where the brightest place about a point is."""
    x, y = np.rint(near).astype(int)
    window = chip[y - reach : y + reach + 1, x - reach : x + reach + 1].astype(float) ** 4
    row, column = np.mgrid[y - reach : y + reach + 1, x - reach : x + reach + 1]
    return np.array([(window * column).sum(), (window * row).sum()]) / window.sum()


@pytest.mark.parametrize("degrees", [-30, 0, 12, 45])
def test_level_eyes_are_level(degrees):
    points = rolled(LEVEL, degrees)
    assert eye_angles(points[None]) == pytest.approx([degrees])
    chip = align(dots(points)[None], points[None])[0]
    right, left = (peak(chip, LEVEL[i]) for i in (0, 1))
    assert abs(right[1] - left[1]) < 0.3
    assert left[0] - right[0] == pytest.approx(36, abs=0.5)


@pytest.mark.parametrize("turn", [{}, {"yaw": 25}, {"yaw": -40, "roll": 20}, {"pitch": 15, "yaw": 10}])
def test_the_pose_is_read_from_the_landmarks(turn):
    pose = estimate(seen(**turn, scale=1.1)[None])
    assert pose.error[0] < 1e-6
    assert pose.scale[0] == pytest.approx(1.1)
    assert pose.yaw[0] == pytest.approx(turn.get("yaw", 0), abs=1 if "pitch" in turn else 1e-6)


@pytest.mark.parametrize("turn", [{"yaw": 25}, {"yaw": -35}, {"yaw": 20, "roll": 15}])
@pytest.mark.parametrize("symmetry", [True, False])
def test_a_turned_face_looks_ahead(turn, symmetry):
    points = seen(**turn)
    out, done = frontal(dots(points)[None], points[None], symmetry)
    wanted = GENERIC[:, :2] - GENERIC[:, :2].mean(0) + points.mean(0)
    assert done.all()
    shift = np.array([peak(out[0], at) for at in wanted]) - wanted
    before = points - points.mean(0) - wanted + wanted.mean(0)
    left = np.linalg.norm(shift - shift.mean(0), axis=1).max()  # the nose stands on a slope
    assert left < 0.25 * np.linalg.norm(before, axis=1).max()


def test_what_cannot_be_turned_stays_and_says_so():
    chips = noise(4, 96, 96, 3)
    points = np.stack([seen(yaw=80), noise(5, 2) * 0.3, np.full((5, 2), 40.0), seen(yaw=10)])
    out, done = frontal(chips, points)
    assert done.tolist() == [False, False, False, True]
    assert np.array_equal(out[:3], chips[:3])
    assert frontal(chips[:0], points[:0])[0].shape == (0, 96, 96, 3)


@pytest.mark.parametrize("name", ALIGNMENT.names())
@pytest.mark.parametrize("shape", [(3, 48, 48), (3, 40, 48, 3), (0, 48, 48)])
def test_alignments_take_gray_and_colour_and_nothing(name, shape):
    chips, points = noise(*shape), np.repeat(LEVEL[None] / 2, shape[0], axis=0)
    assert ALIGNMENT[name](chips, points).shape == shape


def test_a_chip_is_cut_level_from_a_rolled_picture():
    points = rolled(LEVEL, 20)
    faces = Faces(box=np.array([[0.0, 0, 96, 96]]), score=np.ones(1), landmarks=points[None])
    chip = Crop()(dots(points)[..., None].repeat(3, 2), faces, 48, "eyes")[0, ..., 0]
    right, left = (peak(chip, LEVEL[i] / 2, 4) for i in (0, 1))
    assert abs(right[1] - left[1]) < 0.5
    assert left[0] - right[0] == pytest.approx(18, abs=0.5)


def test_landmarks_are_found_in_a_chip_and_lean_to_neither_side():
    chip = astronaut()[50:200, 150:300]
    (straight, mirrored), found = landmarks_in(np.stack([chip, chip[:, ::-1]]))
    assert found.all()
    eyes, nose, mouth = straight[:2], straight[2], straight[3:]
    assert eyes[:, 1].max() < nose[1] < mouth[:, 1].min()
    assert eyes[0, 0] < nose[0] < eyes[1, 0]
    assert mirrored[[1, 0], 0] == pytest.approx(149 - eyes[:, 0], abs=1)


def test_without_landmarks_a_chip_is_cut_as_it_is():
    faces = Faces(box=np.array([[10.0, 10, 60, 60]]), score=np.ones(1))
    picture = noise(80, 80, 3)
    assert np.array_equal(Crop()(picture, faces, 48, "eyes"), Crop()(picture, faces, 48))


def test_chips_without_a_face_stay_as_they_are():
    chips = np.full((2, 48, 48), 90, np.uint8)
    assert np.array_equal(aligned(chips, "eyes"), chips)
    assert aligned(chips[:0], "eyes").shape == (0, 48, 48)


def test_68_landmarks_become_five():
    points = np.arange(136, dtype=float).reshape(1, 68, 2)
    five = five_of_68(points)
    assert five[0, 0] == pytest.approx(points[0, 36:42].mean(0))
    assert five[0, 2:].tolist() == points[0, [30, 48, 54]].tolist()


def test_dlib_without_its_file_says_what_is_wanted(tmp_path):
    pytest.importorskip("dlib")
    with pytest.raises(FileNotFoundError, match="shape_predictor_68"):
        Dlib68(tmp_path / "no.dat")


def test_most_faces_within_30_degrees_of_yaw_are_accepted():
    import json

    images = json.loads(shared("faces", "annotations.json").read_text())["images"].values()
    points = np.array([f["landmarks"] for i in images if i["source"] == "ytfk" for f in i["faces"] if not f.get("ignore")])
    points = points.reshape(-1, 5, 2).astype(float)
    points = points - points.min(1, keepdims=True) + 10
    near = np.abs(estimate(points).yaw) <= 30
    done = frontal(np.zeros((near.sum(), 8, 8), np.uint8), points[near])[1]
    assert near.sum() > 400
    assert done.mean() >= 0.8
