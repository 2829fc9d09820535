"""What every packaged model promises."""

import numpy as np
import pytest

from helpers import noise
from mien import load_classifier
from mien.classifiers import Classifier
from mien.labels import FER2013
from mien.weights import packaged


@pytest.fixture(params=packaged(), scope="module")
def classifier(request):
    return load_classifier(request.param)


def test_the_card_is_whole(classifier):
    assert isinstance(classifier, Classifier)
    card = classifier.card
    assert classifier.labels == FER2013
    assert card.sha256
    assert card.command.startswith("mien train")
    assert 0 < card.temperature < 8
    assert 0 < card.unsure_confidence < 1
    assert card.metrics


def test_probabilities_are_float32_and_sum_to_one(classifier):
    p = classifier(noise(5, 48, 48))
    assert p.shape == (5, 7)
    assert p.dtype == np.float32
    assert p.sum(1) == pytest.approx(1, abs=1e-5)


def test_no_chips_give_no_rows(classifier):
    assert classifier(noise(0, 48, 48)).shape == (0, 7)
    assert classifier(noise(0, 48, 48, 3)).shape == (0, 7)


def test_answers_do_not_depend_on_the_batch(classifier):
    chips = noise(9, 48, 48)
    together = classifier(chips)
    alone = np.concatenate([classifier(chip[None]) for chip in chips])
    assert np.abs(together - alone).max() <= 1e-5


def test_gray_and_the_same_gray_as_rgb_are_one(classifier):
    chips = noise(3, 48, 48)
    assert np.abs(classifier(chips) - classifier(chips[..., None].repeat(3, 3))).max() <= 1e-5


def test_other_sizes_are_brought_to_the_cards(classifier):
    assert classifier(noise(2, 100, 80, 3)).shape == (2, 7)


def test_all_packaged_weights_are_small():
    from mien.weights import PACKAGED

    sizes = [p.stat().st_size for p in PACKAGED.glob("*.onnx")]
    assert max(sizes) <= 6e6
    assert sum(sizes) <= 12e6
