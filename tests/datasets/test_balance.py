"""Rare classes are made to count."""

import numpy as np
import pytest

from mien.datasets.balance import class_weights, oversampled, smote

COUNTS = np.array([100, 10, 1000])
TARGETS = np.repeat([0, 1, 2], COUNTS)


@pytest.mark.parametrize("how", ["inverse", "effective"])
def test_weights_favour_the_rare_and_have_a_mean_of_one(how):
    weights = class_weights(COUNTS, how)
    assert weights[1] > weights[0] > weights[2] > 0
    assert weights[TARGETS].mean() == pytest.approx(1)


def test_inverse_weights_make_classes_weigh_the_same():
    assert class_weights(COUNTS, "inverse") * COUNTS == pytest.approx(np.full(3, COUNTS.sum() / 3))


def test_a_class_without_samples_weighs_nothing():
    assert class_weights(np.array([5, 0]), "effective").tolist() == [1, 0]
    assert class_weights(np.zeros(2), "inverse").tolist() == [0, 0]


def test_an_unknown_way_is_refused():
    with pytest.raises(ValueError, match="wanted inverse or effective"):
        class_weights(COUNTS, "even")


def test_oversampling_evens_the_classes_out_and_keeps_every_row():
    rows = oversampled(TARGETS, np.random.default_rng(0))
    assert np.bincount(TARGETS[rows]).tolist() == [1000, 1000, 1000]
    assert rows[: len(TARGETS)].tolist() == list(range(len(TARGETS)))
    assert len(oversampled(TARGETS[:0], np.random.default_rng(0))) == 0


def test_smote_makes_faces_between_faces_of_a_class():
    pytest.importorskip("imblearn")
    draw = np.random.default_rng(0)
    x = draw.normal(size=(60, 3)).astype(np.float32)
    targets = np.array([0] * 40 + [1] * 19 + [2])
    made, labels = smote(x, targets)
    assert np.array_equal(made[:60], x)
    assert np.bincount(labels).tolist() == [40, 40, 40]
    assert made.dtype == np.float32
    ones = made[labels == 1]
    assert ((ones >= x[40:59].min(0) - 1e-6) & (ones <= x[40:59].max(0) + 1e-6)).all()
    assert (np.abs(made[labels == 2] - x[59]) < 1e-6).all()  # one sample has no neighbour


def test_smote_leaves_what_is_balanced():
    x, targets = np.eye(4, dtype=np.float32), np.array([0, 0, 1, 1])
    assert smote(x, targets)[0] is x
