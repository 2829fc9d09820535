"""A new model takes the place of the old one only where that is shown to be better."""

import numpy as np
import pytest

from mien.feedback.gate import Rules, compare
from mien.labels import FER2013

N = 3000


def pair(gain=0.0, lost=None, sure=0.8, seed=0):
    """Two models that are right about .7, the second about `gain` more; of class `lost`, it is wrong about everything."""
    draw = np.random.default_rng(seed)
    targets = draw.integers(0, 7, N)
    right = draw.random(N) < 0.7
    change = draw.random(N)
    other = np.where(right, change > 0.1, change < 0.1 * 0.7 / 0.3 + gain / 0.3)
    if lost is not None:
        other &= targets != lost

    def said(right, sure):
        p = np.full((N, 7), (1 - sure) / 6)
        p[np.arange(N), np.where(right, targets, (targets + 1) % 7)] = sure
        return p

    return said(right, 0.7), said(other, sure), targets, FER2013


def test_the_same_model_does_not_pass():
    champion, _, targets, labels = pair()
    verdict = compare(champion, champion, targets, labels)
    assert not verdict.passed
    assert verdict.accuracy.mean == 0
    assert verdict.better == pytest.approx(0.5)


def test_a_much_better_one_passes_and_a_worse_one_does_not():
    assert compare(*pair(gain=0.05, sure=0.75)).passed
    worse = compare(*pair(gain=-0.05, sure=0.65))
    assert not worse.passed
    assert "points more" in worse.reasons[0]


def test_no_class_may_be_lost_however_much_is_won():
    verdict = compare(*pair(gain=0.25, lost=1, sure=0.8), Rules(sure=0.5))
    assert not verdict.passed
    assert [reason.split(":")[0] for reason in verdict.reasons] == ["disgust"]
    assert verdict.recall["disgust"].high < -0.5


def test_one_that_is_too_sure_of_itself_does_not_pass():
    verdict = compare(*pair(gain=0.05, sure=0.99))
    assert any("calibrated worse" in reason for reason in verdict.reasons)
    assert verdict.ece.low > 0.1


def test_intervals_are_paired():
    """Two models that agree on nearly all faces differ by less than two that have nothing to do with each other."""
    champion, challenger, targets, labels = pair()
    alike = compare(champion, challenger, targets, labels).accuracy
    apart = compare(champion, challenger[np.random.default_rng(0).permutation(N)], targets, labels).accuracy
    assert alike.high - alike.low < apart.high - apart.low


def test_probabilities_of_other_faces_are_refused():
    champion, challenger, targets, labels = pair()
    with pytest.raises(ValueError, match="for 2999 faces"):
        compare(champion, challenger, targets[1:], labels)
