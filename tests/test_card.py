from dataclasses import replace

import numpy as np
import pytest

from helpers import noise
from mien.card import ModelCard, Preprocessing
from mien.labels import FER2013

CARD = ModelCard("test", FER2013, Preprocessing(), "test.onnx", bias=(0.0,) * 6 + (1.0,), temperature=2.0)


def test_a_card_survives_being_saved(tmp_path):
    CARD.save(tmp_path / "card.json")
    assert ModelCard.load(tmp_path / "card.json") == CARD


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"name": 1, "labels": ["a"], "preprocessing": {}, "weights": "", "zzz": 1}'])
def test_what_is_no_card_is_said_with_its_name(tmp_path, text):
    (tmp_path / "card.json").write_text(text)
    with pytest.raises(ValueError, match=r"card\.json is no model card"):
        ModelCard.load(tmp_path / "card.json")


def test_probabilities_sum_to_one_and_know_bias_and_temperature():
    p = CARD.probabilities(np.zeros((3, 7), np.float32))
    assert p.sum(1) == pytest.approx(1)
    assert p[0, 6] / p[0, 0] == pytest.approx(np.exp(0.5))
    assert CARD.probabilities(np.zeros((0, 7), np.float32)).shape == (0, 7)


def test_a_bend_keeps_the_order_and_moves_the_middle():
    logits = np.array([[2.0, 1.0, 0, 0, 0, 0, 0]])
    straight, bent = (replace(CARD, bias=(), temperature=2.0, bend=bend).probabilities(logits)[0] for bend in (0.0, 0.5))
    assert np.array_equal(np.argsort(-straight, kind="stable"), np.argsort(-bent, kind="stable"))
    assert bent.sum() == pytest.approx(1)
    assert bent[0] > straight[0]


def test_huge_logits_do_not_overflow():
    assert np.isfinite(CARD.probabilities(np.full((1, 7), 1e6, np.float32))).all()


def test_gray_is_luma_of_rgb_in_this_order():
    red = np.zeros((1, 48, 48, 3), np.uint8)
    red[..., 0] = 200
    assert (Preprocessing().pixels(red) == 60).all()
    assert (Preprocessing().pixels(red[..., ::-1]) == 23).all()


def test_a_chip_of_another_size_is_brought_to_the_cards():
    assert Preprocessing(size=48)(noise(2, 96, 80)).shape == (2, 48, 48, 1)
    assert Preprocessing(size=48)(noise(0, 96, 80)).shape == (0, 48, 48, 1)


def test_light_and_contrast_of_the_chip_do_not_matter_to_per_sample_normalisation():
    chip = noise(1, 48, 48) // 2
    assert Preprocessing()(chip) == pytest.approx(Preprocessing()(chip * 2), abs=1e-5)


def test_a_blank_chip_is_not_blown_up():
    assert (Preprocessing()(np.full((1, 48, 48), 77, np.uint8)) == 0).all()


def test_range_goes_from_minus_one_to_one():
    p = replace(Preprocessing(), normalise="range")
    assert p(np.array([[[0, 255]] * 2] * 1, np.uint8).repeat(24, 1).repeat(24, 2)).min() == -1


def test_chips_of_a_wrong_kind_are_refused():
    with pytest.raises(ValueError, match=r"got float64 of shape \(1, 48, 48\)"):
        Preprocessing()(np.zeros((1, 48, 48)))


IMPOSSIBLE = [("bend", -0.1), ("temperature", 0.0), ("temperature", float("nan")), ("bias", (1.0,)), ("weights", 5)]


@pytest.mark.parametrize(("field", "value"), IMPOSSIBLE)
def test_a_card_that_cannot_be_is_refused_with_what_was_wanted(field, value):
    with pytest.raises(ValueError, match=f"{field} is .*; wanted"):
        replace(CARD, **{field: value})


def test_one_chip_alone_is_refused():
    with pytest.raises(ValueError, match="one chip alone is chip"):
        Preprocessing().pixels(noise(48, 48, 3))
