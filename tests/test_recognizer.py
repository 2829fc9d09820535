import numpy as np
import pytest

from helpers import FACE, astronaut, encoded, faceless
from mien import ImageError, Recognizer
from mien.boxes import iou
from mien.faces import Faces
from mien.image import load


@pytest.fixture(scope="module")
def recognizer():
    return Recognizer()


def test_a_photo_gives_its_face_with_an_expression(recognizer):
    faces = recognizer(astronaut())
    assert len(faces) == 1
    assert iou(faces.box, np.array([FACE], np.float32))[0, 0] > 0.4
    assert faces.expression == ["happy"]
    assert faces.probability.sum(1) == pytest.approx(1, abs=1e-5)
    assert 0.5 < faces.quality[0] <= 1


def test_bytes_and_arrays_give_the_same_answer(recognizer):
    assert recognizer(encoded(astronaut())).to_dict() == recognizer(astronaut()).to_dict()


def test_no_face_is_no_error(recognizer):
    faces = recognizer(faceless())
    assert len(faces) == 0
    assert faces.expression == []


def test_a_picture_that_cannot_be_read_is_an_error_not_a_faceless_one(recognizer):
    with pytest.raises(ImageError):
        recognizer(b"no picture")


def test_colours_are_read_as_red_green_blue_from_file_to_classifier(recognizer):
    """Luma weighs red and blue differently: a picture with the two swapped must not give the same chip."""
    picture = astronaut().copy()
    picture[..., 2] //= 3
    box = Faces(np.array([FACE], np.float32), np.ones(1, np.float32))
    read, array, swapped = (
        recognizer.classify(image, box).probability for image in (load(encoded(picture)), picture, picture[..., ::-1])
    )
    assert np.array_equal(read, array)
    assert not np.array_equal(read, swapped)


def test_own_parts_can_be_put_in(recognizer):
    box = np.array([FACE], np.float32)
    mine = Recognizer(detector=lambda image: Faces(box, np.ones(1, np.float32)), model=recognizer.classifier)
    assert mine(astronaut()).expression == ["happy"]


def test_unknown_names_are_answered_with_those_there_are():
    with pytest.raises(ValueError, match="no detector named 'yunnet'; there are: blazeface"):
        Recognizer("yunnet")
    with pytest.raises(ValueError, match="no model named 'fer2014'; there are: default"):
        Recognizer(model="fer2014")
