import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from mien.card import ModelCard, Preprocessing
from mien.evaluation import confusion as c
from mien.evaluation.calibration import confidence_for, expected_calibration_error, fit_calibration
from mien.evaluation.report import write_report
from mien.evaluation.scores import first_of_each, scores
from mien.labels import LabelSet

AB = LabelSet(("a", "b"))
TABLE = np.array([[3, 1], [2, 4]])


def test_rows_are_the_truth():
    assert c.confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist() == [[1, 1], [0, 1]]


def test_scores_are_read_from_the_table():
    assert c.accuracy(TABLE) == 0.7
    assert c.precision(TABLE) == pytest.approx([3 / 5, 4 / 5])
    assert c.recall(TABLE) == pytest.approx([3 / 4, 4 / 6])
    assert c.f1(TABLE) == pytest.approx([2 / 3, 8 / 11])


def test_a_class_that_never_comes_scores_zero_not_nan():
    assert c.f1(np.array([[2, 0], [0, 0]])).tolist() == [1, 0]


def test_honest_confidence_has_no_calibration_error():
    p = np.tile([0.75, 0.25], (400, 1))
    targets = (np.arange(400) % 4 == 0).astype(int)
    assert expected_calibration_error(p, targets) == pytest.approx(0, abs=1e-6)
    assert expected_calibration_error(np.tile([0.95, 0.05], (400, 1)), targets) == pytest.approx(0.2)


def drawn_from(card, n=20_000):
    """Logits and the labels that they stand for, when the card's calibration is right."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (n, 5))
    below = card.probabilities(logits).astype(float).cumsum(1)[:, :-1]
    return logits, (rng.random((n, 1)) > below).sum(1)


@pytest.mark.slow
@pytest.mark.parametrize(("temperature", "bend"), [(1.7, 0.0), (2.5, 0.4)])
def test_the_calibration_that_was_applied_is_found_again(temperature, bend):
    card = ModelCard("t", LabelSet(tuple("abcde")), Preprocessing(), "", temperature=temperature, bend=bend)
    logits, targets = drawn_from(card)
    found = fit_calibration(replace(card, temperature=1.0, bend=0.0), logits, np.eye(5)[targets])
    assert found.temperature == pytest.approx(temperature, rel=0.1)
    assert found.bend == pytest.approx(bend, abs=0.1)
    assert expected_calibration_error(found.probabilities(logits), targets) < 0.015


def test_few_samples_get_no_bend():
    card = ModelCard("t", LabelSet(tuple("abcde")), Preprocessing(), "")
    logits, targets = drawn_from(card, 30)
    assert fit_calibration(card, logits, np.eye(5)[targets]).bend == 0


def test_above_the_threshold_the_error_is_as_promised():
    rng = np.random.default_rng(0)
    p = rng.dirichlet([1, 1], 5000)
    targets = (rng.random(5000) > p[:, 0]).astype(int)
    threshold = confidence_for(p, targets, 0.1)
    sure = p.max(1) >= threshold
    assert (p.argmax(1) != targets)[sure].mean() <= 0.1
    assert 0.3 < sure.mean() < 1
    assert confidence_for(p, 1 - p.argmax(1), 0.1) == 1


def test_copies_are_counted_once():
    chips = np.array([[[1]], [[2]], [[1]], [[3]]], np.uint8)
    assert first_of_each(chips, {chips[3].tobytes()}).tolist() == [True, True, False, False]


def test_a_report_stands_alone(tmp_path):
    pytest.importorskip("matplotlib")
    card = replace(ModelCard("m", AB, Preprocessing(), ""), description="<b>x</b>")
    measured = {"PublicTest": scores(np.array([[0.8, 0.2], [0.4, 0.6]]), np.array([0, 1]), AB)}
    write_report(tmp_path, card, measured)
    page = (tmp_path / "report.html").read_text()
    assert "accuracy 1.0000" in page
    assert 'src="http' not in page
    assert "<b>x</b>" not in page
    assert json.loads((tmp_path / "report.json").read_text())["splits"]["PublicTest"]["n"] == 2
    assert (tmp_path / "confusion-PublicTest.png").stat().st_size > 1000


def test_a_calibrated_model_is_not_told_from_one_and_an_overconfident_one_is():
    from mien.evaluation.calibration import calibrated_p

    draw = np.random.default_rng(0)
    probability = draw.dirichlet(np.ones(4), 2000)
    targets = (draw.random((2000, 1)) > np.cumsum(probability, 1)[:, :-1]).sum(1)
    assert calibrated_p(probability, targets) > 0.05
    sharp = probability**2 / (probability**2).sum(1, keepdims=True)
    assert calibrated_p(sharp, targets) < 0.01
    assert calibrated_p(probability[:0], targets[:0]) == 1


def test_intervals_hold_the_share_as_often_as_they_say():
    from mien.evaluation.scores import interval

    low, high = interval(0.72, 3589)
    assert (high - low) / 2 / 1.96 == pytest.approx(0.0075, abs=1e-4)
    draw = np.random.default_rng(0)
    found = [interval(draw.binomial(50, 0.9) / 50, 50) for _ in range(2000)]
    assert np.mean([low <= 0.9 <= high for low, high in found]) == pytest.approx(0.95, abs=0.03)
    assert interval(0.0, 0) == (0.0, 1.0)


def test_views_are_averaged():
    from mien.evaluation.views import Views

    class Brightness:
        labels, card = AB, None

        def __call__(self, chips):
            left = chips[:, :, :2].mean(axis=(1, 2)) / 255
            return np.stack([left, 1 - left], 1).astype(np.float32)

    chips = np.zeros((3, 48, 48), np.uint8)
    chips[:, :, :24] = 255
    assert Views(Brightness(), "flip")(chips)[:, 0] == pytest.approx([0.5] * 3)
    assert Views(Brightness(), "ten_crop")(chips)[:, 0] == pytest.approx([0.5] * 3)
    assert Views(Brightness(), "ten_crop")(chips[:0]).shape == (0, 2)
    with pytest.raises(ValueError, match="no views named 'five'; there are: flip, ten_crop"):
        Views(Brightness(), "five")


def test_curves_are_drawn_of_what_there_is():
    from mien.evaluation.report import curves_png

    rows = [{"epoch": i, "loss": 1 / i, "loss_public": None if i < 2 else 2 / i, "accuracy": i / 4} for i in (1, 2, 3)]
    less = [{"epoch": i, "loss": 1 / i} for i in (1, 2, 3)]
    pictures = [np.asarray(Image.open(io.BytesIO(curves_png(history)))) for history in (rows, less)]
    assert [picture.shape[1] > picture.shape[0] for picture in pictures] == [True, True]
    assert (pictures[0] != pictures[1]).any()
