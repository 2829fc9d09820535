"""A camera's frames: looked at as often and as closely as needed."""

import numpy as np
import pytest

from helpers import faceless
from mien.detectors.mien_face import MienFace
from mien.faces import Faces
from mien.recognizer import Recognizer
from mien.smoothing import Ema
from mien.stream import Looks, Stream


def found(*boxes, score=0.9):
    box = np.array(boxes, np.float32).reshape(-1, 4)
    return Faces(box, np.full(len(box), score, np.float32))


class Counted:
    """Finds what it is told, and counts how often it is asked."""

    def __init__(self, faces):
        self.faces, self.asked = faces, 0

    def __call__(self, image):
        self.asked += 1
        return self.faces


FACE, SMALL = (50, 50, 150, 150), (10, 10, 30, 30)


def test_a_stream_tracks_classifies_and_keeps_the_raw_answer():
    stream = Stream(Recognizer(Counted(found(FACE)), "mini"), Ema())
    first, second = (stream(faceless(200, 300), t) for t in (0.0, 0.04))
    assert first.track_id.tolist() == second.track_id.tolist() == [1]
    assert second.raw.sum(1) == pytest.approx(1)


def test_what_is_unsure_is_decided_once_it_is_steadied():
    stream = Stream(Recognizer(Counted(found(FACE)), "mini"), lambda faces, time=None: faces.having(raw=faces.probability))
    rgb, faces = stream.found(faceless(200, 300))
    single = stream.recognizer.classify(rgb, faces)
    flat = np.full_like(single.probability, 1 / single.probability.shape[1])
    sure = np.eye(single.probability.shape[1], dtype=np.float32)[:1]
    good = single.having(quality=np.ones(1))
    assert stream.steadied(good.having(probability=sure)).unsure.tolist() == [False]
    assert stream.steadied(good.having(probability=flat)).unsure.tolist() == [True]
    assert stream.steadied(good.having(probability=sure, quality=np.zeros(1))).unsure.tolist() == [True]


def test_every_nth_frame_is_looked_at_while_there_is_a_face():
    detector = Counted(found(FACE))
    stream = Stream(Recognizer(detector, "mini"), every=3)
    assert [len(stream(faceless(200, 300))) for _ in range(9)] == [1] * 9
    assert detector.asked == 3


def test_every_frame_is_looked_at_while_there_is_none():
    detector = Counted(Faces.none())
    stream = Stream(Recognizer(detector, "mini"), every=3)
    for _ in range(5):
        assert len(stream(faceless(200, 300))) == 0
    assert detector.asked == 5


def test_in_a_hurry_a_look_serves_for_a_while_whether_there_are_faces_or_none():
    looks, shape = Looks("whole", rest=0.4), (200, 300, 3)
    for last in (Faces.none(), found(FACE)):
        looks(shape, last, 0.0)
        assert [looks(shape, last, t, hurry=True) for t in (0.1, 0.3, 0.5, 0.6, 1.0)] == [None, None, "whole", None, "whole"]
        assert looks(shape, last, 1.1) == "whole"
        assert looks(shape, last, None, hurry=True) == "whole"  # nobody knows how long ago the last one was
        looks._looked = None


def test_the_small_picture_is_enough_while_all_faces_are_large():
    whole, small = object(), object()
    looks, shape = Looks(whole, small, large=0.3, newcomers=4), (200, 300, 3)
    assert looks(shape, Faces.none()) is whole
    assert [looks(shape, found(FACE)) for _ in range(8)] == [small, small, small, whole] * 2
    assert looks(shape, found(FACE, SMALL)) is whole


def test_a_view_of_our_detector_shares_its_net():
    opened = []

    def net(planes):
        opened.append(planes.shape)
        return [np.full((len(planes), planes.shape[2] // s, planes.shape[3] // s, 15), -9, np.float32) for s in (8, 16, 32, 64)]

    detector = MienFace(net=net)
    detector.seeing(longest_side=64)(faceless(200, 300))
    assert opened == [(1, 3, 64, 64)]
