"""Wrong labels are told by how a net came to know them."""

import numpy as np
import pytest

from helpers import histories, mien
from mien.labels import FER2013

pytest.importorskip("pyarrow")


def area(score, wrong):
    """Under the curve of Mann and Whitney."""
    better = score[wrong][:, None] - score[~wrong][None]
    return ((better > 0) + 0.5 * (better == 0)).mean()


def test_every_baseline_finds_wrong_labels_but_the_lot():
    from mien.feedback.monitor.baselines import baselines

    h = histories(seen=0.9)
    found = baselines(h, np.eye(7)[h.given])
    assert set(found) == {
        "random", "last_loss", "last_epochs", "mean_probability", "mean_loss", "aum", "wrong_events", "forgetting",
        "self_confidence",
    }  # fmt: skip
    for name, score in found.items():
        assert np.isfinite(score).all()
        low, high = {"random": (0.4, 0.6), "forgetting": (0.0, 1.0)}.get(name, (0.6, 1.0))  # made-up nets forget by chance
        assert low < area(score, h.exchanged) <= high, name


def test_margin_and_loss_are_those_of_their_papers():
    from mien.datasets.dynamics import Histories
    from mien.feedback.monitor.baselines import aum, forgetting, mean_loss, wrong_events

    p = np.zeros((1, 4, 7)) + 0.02
    p[0, :, 0], p[0, :, 1] = (0.25, 0.5, 0.25, 0.25), (0.5, 0.25, 0.5, 0.5)
    h = Histories(FER2013, np.array(["a"]), np.array([0]), np.array([0]), p.astype(np.float16), np.full((1, 4), np.nan))
    assert aum(h) == pytest.approx(np.log(2) / 2)
    assert mean_loss(h) == pytest.approx((3 * np.log(4) + np.log(2)) / 4)
    assert wrong_events(h) == pytest.approx(0.75)
    assert forgetting(h) == 1


def test_a_sequence_holds_the_epochs_that_came_one_behind_another():
    from mien.feedback.monitor.histories import STEPS, sequences

    h = histories(20, seen=0.5)
    x = sequences(h, np.full(7, 1 / 7))
    came = ~np.isnan(h.p[..., 0])
    assert x.shape == (20, 12, 2 + 7 + 7 + 6 + 7)
    assert np.array_equal(x[..., 0].sum(1), came.sum(1))
    assert not x[~(x[..., 0] > 0)].any()
    first = came[0].argmax()
    assert x[0, 0, 1] == pytest.approx((first + 1) / 12)
    assert x[0, 0, 2:9] == pytest.approx(np.clip(h.p[0, first].astype(float), 1e-4, 1), abs=1e-3)
    assert sequences(histories(5, epochs=300), np.full(7, 1 / 7)).shape[1] == STEPS


def test_odds_are_brought_to_how_frequent_wrong_labels_are_here():
    from mien.feedback.monitor.labels import as_frequent

    draw = np.random.default_rng(0)
    wrong = draw.random(20_000) < 0.05
    evidence = draw.normal(size=20_000) + 2 * wrong
    likelihood = np.exp(2 * evidence - 2)  # of N(2, 1) over N(0, 1)
    said = likelihood / (likelihood + 1)  # as if half of them were wrong
    assert said.mean() > 0.15
    assert as_frequent(said, 0.5).mean() == pytest.approx(0.05, abs=0.01)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_monitor_is_fitted_saved_and_beats_the_lot_on_another_run(tmp_path):
    pytest.importorskip("keras")
    from dataclasses import replace

    from mien.feedback.monitor.labels import LabelMonitor, fit_monitor
    from mien.labels import CKPLUS

    card = fit_monitor([histories(1500), histories(1500, epochs=9, seed=1)], tmp_path / "m", units=12, epochs=8, batch_size=64)
    assert card.prior == pytest.approx(0.2, abs=0.05)
    other = histories(800, wrong=0.05, seed=2)
    p = LabelMonitor(tmp_path / "m")(other)
    assert area(p, other.exchanged) > 0.85
    assert p.mean() == pytest.approx(0.05, abs=0.04)
    watch = LabelMonitor(tmp_path / "m")
    with pytest.raises(ValueError, match="the monitor knows angry"):
        watch(replace(other, labels=CKPLUS))
    (tmp_path / "m" / "monitor.onnx").write_bytes(b"no graph")
    with pytest.raises(ValueError, match="sha256 differs"):
        LabelMonitor(tmp_path / "m")


def test_runs_without_exchanged_labels_are_refused(tmp_path):
    from mien.feedback.monitor.labels import fit_monitor

    with pytest.raises(ValueError, match=r"in run 2 no label was exchanged"):
        fit_monitor([histories(50), histories(50, wrong=0)], tmp_path)


def test_scoring_what_is_no_record_says_what_was_wanted(tmp_path):
    done = mien("feedback", "score", tmp_path, "--to", tmp_path / "s.parquet", "--monitor", tmp_path)
    assert done.returncode == 2
    assert b"no monitor.json" in done.stderr
