"""Scores of detectors on boxes whose answer is known."""

import numpy as np
import pytest

from mien.evaluation.detection import Truth, measured, threshold_for
from mien.faces import Faces


def faces(*boxes, scores=None, landmarks=None):
    box = np.array(boxes, np.float32).reshape(-1, 4)
    score = np.array(scores if scores is not None else np.linspace(0.9, 0.5, len(box)), np.float32)
    return Faces(box, score, landmarks)


def truth(*boxes, doubtful=None):
    box = np.array(boxes, np.float32).reshape(-1, 4)
    return Truth(box, np.full((len(box), 5, 2), np.nan), np.array(doubtful or [False] * len(box), bool))


SMALL, LARGE, AWAY = (10, 10, 30, 30), (50, 50, 130, 130), (140, 140, 180, 180)


def bands_of(found, wanted):
    return measured([(found, wanted)])["bands"]


def test_all_found_and_nothing_else_is_one():
    row = bands_of(faces(SMALL, LARGE), truth(SMALL, LARGE))["all"]
    assert (row["faces"], row["ap"], row["recall"], row["alarms_per_image"]) == (2, 1.0, 1.0, 0.0)


def test_average_precision_counts_what_comes_before():
    """One false alarm surer than the only right box: precision a half at full recall."""
    assert bands_of(faces(AWAY, LARGE), truth(LARGE))["all"]["ap"] == pytest.approx(0.5)
    assert bands_of(faces(LARGE, AWAY), truth(LARGE))["all"]["ap"] == pytest.approx(1.0)


def test_a_face_is_found_once():
    row = bands_of(faces(LARGE, LARGE), truth(LARGE))["all"]
    assert (row["recall"], row["alarms_per_image"]) == (1.0, 1.0)


def test_doubtful_faces_count_neither_way():
    row = bands_of(faces(SMALL, LARGE), truth(SMALL, LARGE, doubtful=[True, False]))["all"]
    assert (row["faces"], row["recall"], row["alarms_per_image"]) == (1, 1.0, 0.0)


def test_sizes_are_scored_apart():
    bands = bands_of(faces(SMALL), truth(SMALL, LARGE))
    assert (bands["16-32"]["recall"], bands["over 64"]["recall"], bands["8-16"]["recall"]) == (1.0, 0.0, None)


def test_recall_is_compared_at_the_same_number_of_false_alarms():
    """Ten images allow one false alarm; the second is surer than the last face."""
    found = faces(LARGE, AWAY, SMALL, scores=[0.9, 0.8, 0.3])
    pairs = [(found, truth(LARGE, SMALL)), (faces(AWAY, scores=[0.5]), truth()), *[(faces(), truth())] * 8]
    row = measured(pairs)["bands"]["all"]
    assert row["recall_at_alarms"] == pytest.approx(0.5)


def test_landmark_error_is_in_eye_distances():
    points = np.array([[[60, 70], [100, 70], [80, 90], [65, 110], [95, 110]]], np.float32)
    wanted = Truth(np.array([LARGE], np.float32), points, np.array([False]))
    moved = faces(LARGE, landmarks=points + np.array([4, 0], np.float32))
    assert measured([(moved, wanted)])["landmark_error"] == pytest.approx(0.1)


def test_the_threshold_leaves_as_many_false_alarms_as_allowed():
    answers = [faces(AWAY, scores=[0.30]), faces(AWAY, scores=[0.6]), faces(), faces()]
    assert threshold_for([(found, truth()) for found in answers], 0.25) == pytest.approx(0.31)


def test_nothing_to_find_and_nothing_found_is_no_error():
    assert bands_of(faces(), truth())["all"]["ap"] is None
