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


def test_a_large_box_over_a_small_doubtful_face_is_a_false_alarm():
    row = bands_of(faces((0, 0, 200, 200)), truth(SMALL, doubtful=[True]))["all"]
    assert row["alarms_per_image"] == 1.0
    inside = bands_of(faces((12, 12, 24, 24)), truth(SMALL, doubtful=[True]))["all"]
    assert inside["alarms_per_image"] == 0.0


def test_the_curve_is_of_everything_and_recall_of_what_is_meant():
    found = faces(LARGE, AWAY, SMALL, scores=[0.9, 0.4, 0.3])
    row = measured([(found, truth(LARGE, SMALL))], 0.5)["bands"]["all"]
    assert (row["recall"], row["alarms_per_image"]) == (0.5, 0.0)
    assert row["ap"] > 0.5


def test_a_detector_with_a_score_to_set_gives_its_whole_curve():
    from mien.detectors.mien_face import MienFace
    from mien.evaluation.detection import LOW, loosened

    every, own = loosened(MienFace(score=0.7, net=lambda planes: []))
    assert (every.score, own) == (LOW, 0.7)
    assert loosened(MienFace(score=0.02, net=lambda planes: []))[0].score == 0.02
    assert loosened(len) == (len, 0.0)


def test_of_people_s_boxes_other_kinds_are_doubtful():
    from mien.datasets.photos import Photo
    from mien.evaluation.detection import drawn_by_people

    none = np.zeros((0, 4), np.float32)
    human = np.array([SMALL, LARGE], np.float32)
    photo = Photo("p", "x", none, np.zeros((0, 5, 2)), np.zeros(0, bool), human, ("mask", "face"))
    assert drawn_by_people(photo, ("face",)).doubtful.tolist() == [True, False]
    assert drawn_by_people(photo).doubtful.tolist() == [False, False]


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
    row = bands_of(faces(), truth())["all"]
    assert (row["ap"], row["alarms_per_image"]) == (None, 0.0)
    assert bands_of(faces(AWAY), truth())["all"]["alarms_per_image"] == 1.0
