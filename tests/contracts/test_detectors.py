"""What every detector promises; those that are not installed here are named in the skip."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from helpers import FACE, astronaut, faceless
from mien.boxes import iou
from mien.detectors import DETECTORS, INFO, load_detector
from mien.errors import MissingExtra
from mien.faces import Faces


@pytest.fixture(params=[name for name in DETECTORS if INFO[name].installed or not INFO[name].file])
def detector(request):
    try:
        made = load_detector(request.param)
        made(faceless())
    except MissingExtra as error:
        pytest.skip(str(error))
    return made


def test_a_large_face_is_found_where_it_is(detector):
    faces = detector(astronaut())
    assert len(faces) >= 1
    assert iou(faces.box[:1], np.array([FACE], np.float32))[0, 0] > 0.4


def test_the_result_is_faces_with_boxes_inside_the_picture(detector):
    faces = detector(astronaut())
    assert isinstance(faces, Faces)
    assert faces.box.dtype == faces.score.dtype == np.float32
    assert (faces.box >= 0).all()
    assert (faces.box <= 512).all()
    assert ((faces.score >= 0) & (faces.score <= 1)).all()
    assert (np.diff(faces.score) <= 0).all()


def test_landmarks_are_of_the_right_and_left_eye_in_this_order(detector):
    faces = detector(astronaut())
    if faces.landmarks is not None:
        right, left, nose, *mouth = faces.landmarks[0]
        assert right[0] < nose[0] < left[0]
        assert max(right[1], left[1]) < nose[1] < min(m[1] for m in mouth)


@pytest.mark.parametrize("shape", [(120, 160), (16, 16), (17, 900), (900, 17)])
def test_a_picture_without_a_face_gives_none(detector, shape):
    assert len(detector(faceless(*shape))) == 0


def test_the_picture_is_left_as_it_was_and_the_answer_repeats(detector):
    picture = astronaut().copy()
    first, second = detector(picture), detector(picture)
    assert np.array_equal(picture, astronaut())
    assert first.to_dict() == second.to_dict()


def test_a_larger_picture_gives_larger_boxes(detector):
    twice = astronaut().repeat(2, 0).repeat(2, 1)
    assert iou(detector(twice).box[:1] / 2, np.array([FACE], np.float32))[0, 0] > 0.4


def test_threads_may_share_one(detector):
    pictures = [astronaut(), np.ascontiguousarray(astronaut()[:400, :300])]
    want = [detector(picture).to_dict() for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda i: detector(pictures[i % 2]).to_dict(), range(12)))
    assert all(f == want[i % 2] for i, f in enumerate(found))


def test_making_one_opens_nothing_and_prints_its_settings(detector):
    assert "longest_side" in repr(type(detector)()) or "path" in repr(type(detector)())


@pytest.mark.parametrize("name", [name for name in DETECTORS if INFO[name].file])
def test_absent_weights_are_an_error_that_says_how_to_get_them(name, cache_folder):
    with pytest.raises(FileNotFoundError, match=f"mien models pull {name}"):
        load_detector(name)(faceless())


def test_every_detector_is_described():
    assert set(INFO) == set(DETECTORS)
