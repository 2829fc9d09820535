import numpy as np
import pytest

from helpers import faceless
from mien.faces import Faces
from mien.preprocess.crop import Crop

BOX = np.array([[10.0, 20, 50, 60]])


def test_a_square_box_is_its_own_square():
    assert Crop().squares(BOX) == pytest.approx(BOX)


def test_side_and_centre_are_moved_by_shares_of_the_box():
    assert Crop(side=1.5, across=0.1, down=-0.25).squares(BOX) == pytest.approx(np.array([[4.0, 0, 64, 60]]))


def test_chips_come_in_the_size_asked_for_also_for_no_faces():
    assert Crop()(faceless(), Faces.none(), 48).shape == (0, 48, 48, 3)
    face = Faces(np.array([[-30.0, -30, 40, 40]], np.float32), np.ones(1, np.float32))
    assert Crop()(faceless(), face, 48).shape == (1, 48, 48, 3)
