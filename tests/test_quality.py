import numpy as np

from helpers import noise, some_faces
from mien.faces import Faces
from mien.quality import pose, quality, sharpness


def _with_nose_at(x: float) -> Faces:
    marks = np.array([[[20, 30], [40, 30], [x, 40], [22, 50], [38, 50]]], np.float32)
    return some_faces(1).having(landmarks=marks)


def test_a_nose_between_the_eyes_faces_the_camera():
    assert pose(_with_nose_at(30))[0] == 1
    assert pose(_with_nose_at(35))[0] == 0.5
    assert pose(_with_nose_at(45))[0] == 0


def test_blur_lowers_sharpness_and_blank_has_none():
    import cv2

    sharp = noise(1, 48, 48)
    assert sharpness(sharp)[0] > sharpness(cv2.GaussianBlur(sharp[0], (0, 0), 3)[None])[0]
    assert sharpness(np.full((1, 48, 48), 9, np.uint8))[0] == 0


def test_small_faces_are_worse():
    faces = _with_nose_at(30)
    assert quality(faces.having(box=faces.box / 4), noise(1, 48, 48))[0] < quality(faces, noise(1, 48, 48))[0]


def test_quality_of_no_faces_is_empty():
    assert quality(Faces.none(), np.zeros((0, 48, 48), np.uint8)).shape == (0,)
