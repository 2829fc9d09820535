"""Faces that move, hide and cross keep their numbers."""

import numpy as np
import pytest

from mien.faces import Faces
from mien.tracking import Tracker


def faces(*boxes, scores=None, landmarks=None):
    box = np.array(boxes, np.float32).reshape(-1, 4)
    return Faces(box, np.array(scores if scores is not None else [0.9] * len(box), np.float32), landmarks)


def at(x, y=100, size=40):
    return (x, y, x + size, y + size)


def test_a_face_keeps_its_number_and_another_gets_the_next():
    track = Tracker()
    assert track(faces(at(100))).track_id.tolist() == [1]
    assert track(faces(at(300), at(104))).track_id.tolist() == [2, 1]
    assert track(faces(at(108), at(300))).track_id.tolist() == [1, 2]


def test_no_face_is_a_frame_like_any_other():
    track = Tracker()
    assert len(track(Faces.none())) == 0
    track(faces(at(100)))
    assert len(track(Faces.none())) == 0
    assert track(faces(at(100))).track_id.tolist() == [1]


def test_a_moving_face_that_hides_for_a_moment_keeps_its_number():
    track = Tracker()
    for i in range(10):
        track(faces(at(100 + 8 * i)))
    for _ in range(6):
        track(Faces.none())
    assert track(faces(at(100 + 8 * 15))).track_id.tolist() == [1]


def test_a_face_that_was_away_for_long_is_a_new_one():
    track = Tracker(patience=0.5)
    track(faces(at(100)), 0.0)
    track(Faces.none(), 0.1)
    assert track(faces(at(100)), 0.7).track_id.tolist() == [2]


def test_between_the_frames_of_a_slow_camera_nobody_is_forgotten_for_a_while():
    track = Tracker()
    assert [track(faces(at(100)), t).track_id.tolist() for t in (0.0, 1.5, 4.0, 9.5)] == [[1], [1], [1], [2]]


def test_two_that_cross_keep_their_numbers():
    """Side by side at different heights of the head, walking through each other's place."""
    track = Tracker()
    for i in range(40):
        found = track(faces(at(100 + 10 * i, 100), at(500 - 10 * i, 112)))
    assert found.track_id.tolist() == [1, 2]


def test_a_doubtful_face_goes_on_with_a_track_and_starts_none():
    track = Tracker(start=0.5)
    assert len(track(faces(at(100), scores=[0.3]))) == 0
    track(faces(at(100)))
    assert track(faces(at(102), at(300), scores=[0.3, 0.3])).track_id.tolist() == [1]


def test_the_sure_face_gets_the_track_before_the_doubtful_one():
    track = Tracker(start=0.5)
    track(faces(at(100)))
    found = track(faces(at(100), at(110), scores=[0.3, 0.8]))
    assert found.box[:, 0].tolist() == [110]


@pytest.mark.parametrize("per_second", [30, 10, 5])
def test_frames_may_come_at_any_pace(per_second):
    """120 pixels a second: at five frames a second more than half of a face's width."""
    track = Tracker()
    for i in range(2 * per_second):
        found = track(faces(at(100 + 120 * i / per_second)), i / per_second)
    assert found.track_id.tolist() == [1]


def test_between_two_looks_a_face_moves_on():
    track = Tracker()
    for i in range(10):
        last = track(faces(at(100 + 100 * i / 25), landmarks=np.full((1, 5, 2), 110 + 4 * i, np.float32)), i / 25)
    moved = track.between(last, 10 / 25)
    assert moved.box[0].tolist() == pytest.approx([140, 100, 180, 140], abs=1.0)
    assert moved.landmarks[0, 0, 0] - last.landmarks[0, 0, 0] == pytest.approx(4, abs=1)
    assert moved.track_id.tolist() == [1]


def test_a_forgotten_face_is_not_moved_on():
    track = Tracker(patience=0.1)
    last = track(faces(at(100)), 0.0)
    track(Faces.none(), 0.5)
    assert len(track.between(last, 0.5)) == 0


def test_time_that_falls_is_taken_to_stand():
    track = Tracker()
    track(faces(at(100)), 5.0)
    assert track(faces(at(101)), 1.0).track_id.tolist() == [1]
