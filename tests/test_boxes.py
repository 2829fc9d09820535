import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mien import boxes

some = arrays(np.float64, st.tuples(st.integers(0, 6), st.just(4)), elements=st.floats(-50, 50))


def test_half_overlapping_squares_have_an_iou_of_a_third():
    a, b = np.array([[0.0, 0, 2, 2]]), np.array([[1.0, 0, 3, 2]])
    assert boxes.iou(a, b) == pytest.approx(np.array([[1 / 3]]))


def test_a_box_inside_another_overlaps_it_wholly():
    assert boxes.overlap_of_smaller(np.array([[0.0, 0, 9, 9]]), np.array([[1.0, 1, 2, 2]])) == pytest.approx(1)


@given(some, some)
def test_iou_is_between_zero_and_one_and_symmetric(a, b):
    both = boxes.iou(a, b)
    assert both.shape == (len(a), len(b))
    assert ((both >= 0) & (both <= 1 + 1e-9)).all()
    assert pytest.approx(both) == boxes.iou(b, a).T


@given(some)
def test_suppression_keeps_the_best_and_no_two_that_overlap(found):
    scores = np.linspace(1, 0.5, len(found))
    kept = boxes.suppress(found, scores, 0.5)
    pairs = boxes.iou(found[kept], found[kept]) - np.eye(len(kept))
    assert (pairs <= 0.5 + 1e-9).all()
    assert len(found) == 0 or kept[0] == 0


def test_squares_have_the_longer_side_and_the_same_centre():
    assert boxes.squared(np.array([[0.0, 0, 4, 2]])).tolist() == [[0, -1, 4, 3]]


def test_clipped_boxes_stay_in_the_picture():
    assert boxes.clipped(np.array([[-5.0, 2, 30, 8]]), 20, 10).tolist() == [[0, 2, 20, 8]]
