"""A live stream is measured in windows, beside what is usual in it; a change is told."""

import json

import numpy as np
import pytest

from helpers import mien, noise, some_faces
from mien.feedback.monitor.stream import Said, StreamCard
from mien.feedback.monitor.windows import NAMES, REFERENCE, STEPS, WINDOW, Answers, Usual, look, measured, sequences
from mien.image import resize
from mien.labels import FER2013


def answers(n, seed=0, sure=3.0):
    draw = np.random.default_rng(seed)
    p = np.exp(sure * draw.normal(size=(n, 7)))
    turned = np.where(draw.random(n) < 0.2, np.nan, draw.random(n) < 0.1)
    looks = np.column_stack([draw.random(n), draw.uniform(100, 150, n), draw.uniform(40, 60, n)])
    return Answers(p / p.sum(1, keepdims=True), looks, turned, np.zeros(n))


class TestWindows:
    def test_a_window_is_the_mean_of_its_answers(self):
        p = np.full((WINDOW + 5, 7), 0.1)
        p[:, 3] = 0.4
        turned = np.full(len(p), np.nan)
        turned[:10] = [1, 1, 0, 0, 0, 0, 0, 0, 0, 0]
        corrected = np.zeros(len(p))
        corrected[0] = 2
        values, mixes = measured(Answers(p, np.tile([0.5, 120.0, 50.0], (len(p), 1)), turned, corrected))
        assert values.shape == (1, 7)  # what is left over waits for the next window
        entropy = -(0.6 * np.log(0.1) + 0.4 * np.log(0.4)) / np.log(7)
        assert values[0] == pytest.approx([0.4, entropy, 0.2, 0.5, 120, 50, 2 / WINDOW])
        assert mixes[0] == pytest.approx(p[0])

    def test_what_is_usual_is_near_nought_and_what_is_not_is_told_by_its_way(self):
        values, mixes = measured(answers(40 * WINDOW))
        usual = Usual.of(values[:REFERENCE], mixes[:REFERENCE])
        assert np.abs(usual.beside(values, mixes)).mean() < 1.5
        values[:, 4] -= 40  # it is darker now
        far = usual.beside(values, mixes).mean(0)
        assert far[NAMES.index("brightness")] < -2
        assert np.abs(np.delete(far, NAMES.index("brightness"))).max() < 1.5

    def test_a_sequence_is_the_last_windows_with_means_that_forget(self):
        beside = np.ones((50, 8), np.float32)
        x = sequences(beside, np.full(50, 0.7), np.array([1, 3, 50]))
        assert x.shape == (3, STEPS, 21)
        assert x[..., 0].sum(1).tolist() == [1, 3, STEPS]
        assert x[1, 0, 2 + 8] == pytest.approx(0.2 / np.sqrt(0.2 / 1.8))
        assert x[2, -1, 2 + 8] == pytest.approx(1 / np.sqrt(0.2 / 1.8), rel=1e-3)
        assert x[2, -1, -1] == pytest.approx(1 / np.sqrt(0.4 / 1.6), rel=1e-3)

    def test_a_face_is_looked_at(self):
        flat = np.full((1, 48, 48), 90, np.uint8)
        assert look(flat)[0].tolist() == [0, 90, 0]
        assert look(noise(1, 48, 48))[0, 0] == 1


def pool(n=300, seed=0):
    """Faces of which a made-up model is the less sure, and right, the darker or the more blurred they are."""
    from mien.feedback.monitor.drifts import pooled

    draw = np.random.default_rng(seed)
    targets = draw.integers(0, 7, n)
    chips = np.clip(draw.normal(130, 40, (n, 48, 48)) + draw.normal(0, 15, (n, 1, 1)), 0, 255).astype(np.uint8)

    def said(seen):
        sharp, bright, contrast = look(seen).T
        skill = 4 * sharp * np.clip(bright / 130, 0, 1) * np.clip(contrast / 40, 0, 1)
        logits = draw.normal(size=(n, 7))
        logits[np.arange(n), targets] += skill
        return np.exp(logits) / np.exp(logits).sum(1, keepdims=True)

    return pooled(chips, targets, said)


@pytest.fixture(scope="module")
def faces():
    return pool()


class TestDrifts:
    def test_every_change_keeps_the_form_and_changes_the_more_the_stronger_it_is(self):
        from mien.feedback.monitor.drifts import STRENGTHS
        from mien.preprocess.changes import CHANGES

        face = resize(np.random.default_rng(1).integers(0, 256, (6, 6)).astype(np.uint8), 48, 48)
        for name, change in CHANGES.items():
            draw = np.random.default_rng(0)
            seen = np.array([[change(face, strength, draw) for _ in range(20)] for strength in STRENGTHS])
            assert (seen.shape[2:], seen.dtype) == (face.shape, face.dtype)
            far = np.abs(seen.astype(int) - face).mean((1, 2, 3)).tolist()
            assert far[0] > 0, name
            assert far == sorted(far), name

    def test_a_stream_is_as_it_was_until_its_drift_begins(self, faces):
        from mien.feedback.monitor.drifts import Drift, stream

        drift = Drift("darkness", 2, onset=20)
        found = [stream(faces, 40, drift, np.random.default_rng(seed)) for seed in range(8)]
        before, after = (np.mean([one.right[part].mean() for one in found]) for part in (slice(20), slice(20, None)))
        assert after < before - 0.15
        bright = np.mean([one.answers.looks[:, 1].reshape(40, WINDOW).mean(1) for one in found], axis=0)
        assert bright[:20].min() > bright[20:].max() + 20

    def test_a_drift_within_some_windows_comes_by_and_by(self):
        from mien.feedback.monitor.drifts import Drift

        assert Drift("blur", 0, onset=3, within=4).shares(9).tolist() == [0, 0, 0, 0.25, 0.5, 0.75, 1, 1, 1]
        assert Drift().shares(3).tolist() == [0, 0, 0]

    def test_other_people_are_of_other_classes(self, faces):
        from mien.feedback.monitor.drifts import CROWD, Drift, stream

        one = stream(faces, 60, Drift(CROWD, 2, onset=30), np.random.default_rng(3))
        _, mixes = measured(one.answers)
        assert np.abs(mixes[:30].mean(0) - mixes[30:].mean(0)).sum() > 0.2


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_monitor_that_is_fitted_tells_a_drift_and_forecasts_accuracy(faces, tmp_path):
    pytest.importorskip("keras")
    from mien.feedback.monitor.drifts import Drift, stream
    from mien.feedback.monitor.stream import StreamMonitor
    from mien.feedback.monitor.stream_fit import LENGTH, fit_stream_monitor, highest_when_still, seen, stills

    card = fit_stream_monitor(faces, tmp_path, streams=400, epochs=6)
    monitor = StreamMonitor(tmp_path)
    fresh = pool(seed=5)
    assert (highest_when_still(monitor, stills(fresh, 60, 1)) >= card.threshold).mean() < 0.25
    draw = np.random.default_rng(2)
    dark = [stream(fresh, REFERENCE + LENGTH, Drift("darkness", 2, REFERENCE + 20), draw) for _ in range(20)]
    said = [monitor(*seen(one), np.arange(1, LENGTH + 1)) for one in dark]
    assert np.mean([(alarm[20:30] >= card.threshold).any() for _, alarm in said]) > 0.9
    assert np.mean([accuracy[:20].mean() - accuracy[25:].mean() for accuracy, _ in said]) > 0.1
    (tmp_path / "alarm.onnx").write_bytes(b"another")
    with pytest.raises(ValueError, match=r"alarm\.onnx is not the file"):
        StreamMonitor(tmp_path)


class Loud:
    """A monitor that raises an alarm where it is dark, and is not sure that it is over where it is half dark."""

    card = StreamCard(1.0, {})

    def now(self, beside, confidence):
        far = -beside[-1, NAMES.index("brightness")]
        return Said(0.3 if far > 6 else 0.7, 1.0 if far > 6 else 0.6 if far > 2 else 0.0, bool(far > 6))


class TestWatch:
    @pytest.fixture
    def alarms(self):
        return []

    @pytest.fixture
    def watch(self, tmp_path, alarms):
        from mien.serving.watch import Watch

        return Watch(Loud(), tmp_path, "v1", alarms.append)

    def shown(self, watch, windows, gray=120, faces=None):
        """So many windows of pictures."""
        faces = faces or some_faces(2)
        image = np.random.default_rng(0).integers(gray - 20, gray + 20, (100, 160, 3)).astype(np.uint8)
        for _ in range(windows * WINDOW // 2):
            watch.saw(image, faces)

    def test_what_is_usual_is_learnt_and_a_change_is_told_once(self, watch, alarms):
        self.shown(watch, REFERENCE // 2)
        assert watch.summary() == {"accuracy": None, "alarm": None, "changed": None, "known": 0.5, "why": []}
        self.shown(watch, REFERENCE // 2 + 2)
        assert (watch.summary()["accuracy"], watch.summary()["changed"], alarms) == (0.7, False, [])
        self.shown(watch, 3, gray=30)
        assert len(alarms) == 1
        assert "accuracy is likely 30% now; brightness" in alarms[0]
        assert watch.summary()["changed"]
        self.shown(watch, 1, gray=75)
        assert (watch.said.alarm, watch.said.changed) == (0.6, True)  # not over yet
        self.shown(watch, 1)
        assert not watch.summary()["changed"]
        self.shown(watch, 1, gray=30)
        assert len(alarms) == 2

    def test_what_is_usual_outlives_the_server_but_not_the_model(self, watch, tmp_path):
        from mien.serving.watch import Watch

        self.shown(watch, REFERENCE)
        assert Watch(Loud(), tmp_path, "v1").summary()["known"] == 1
        assert Watch(Loud(), tmp_path, "v2").summary()["known"] == 0
        (tmp_path / "usual.json").write_text("{")
        assert Watch(Loud(), tmp_path, "v1").summary()["known"] == 0
        self.shown(watch, 1)
        watch.begin("v2")
        assert watch.summary()["known"] == 0
        watch.begin("v1")
        watch.forget()
        assert not (tmp_path / "usual.json").exists()

    def test_a_track_is_looked_at_once_a_second_and_corrections_are_counted(self, watch):
        from dataclasses import replace

        faces = replace(some_faces(1), track_id=np.array([4]))
        other = replace(faces, probability=faces.probability[:, ::-1])
        image = noise(100, 160, 3)
        for moment in (0.0, 0.5, 0.9):
            watch.saw(image, faces, "a", moment)
        watch.corrected()
        watch.saw(image, other, "a", 1.0)
        watch.saw(image, faces, "b", 1.0)
        rows = watch._rows
        assert len(rows) == 3
        assert [row[2] for row in rows] == pytest.approx([np.nan, 1.0, np.nan], nan_ok=True)
        assert [row[3] for row in rows] == [0, 1, 0]

    def test_faces_that_were_not_classified_are_nothing_to_look_at(self, watch):
        from mien.faces import Faces

        watch.saw(noise(10, 10, 3), Faces.none())
        assert watch._rows == []


def test_the_packaged_monitor_tells_that_it_became_dark(tmp_path):
    from mien.faces import Faces
    from mien.feedback.monitor.stream import StreamMonitor
    from mien.serving.watch import Watch

    alarms, draw = [], np.random.default_rng(0)
    watch = Watch(StreamMonitor(), tmp_path, "v1", alarms.append)
    box = np.array([[10, 10, 80, 90]], np.float32)

    def seen(windows, light):
        for _ in range(windows * WINDOW):
            p = draw.dirichlet(np.full(7, 0.3), 1).astype(np.float32)
            image = np.clip(draw.normal(120, 50, (100, 100, 3)) * light, 0, 255).astype(np.uint8)
            watch.saw(image, Faces(box, np.ones(1, np.float32), probability=p, labels=FER2013))

    seen(REFERENCE + 3, 1.0)
    assert 0.2 < watch.said.accuracy <= 1
    assert alarms == []
    seen(3, 0.3)
    assert len(alarms) == 1
    assert "brightness" in alarms[0]


def test_a_monitor_that_is_not_there_is_named(tmp_path):
    from mien.feedback.monitor.stream import StreamMonitor

    with pytest.raises(FileNotFoundError, match=r"no monitor\.json in .*; mien feedback drift fits one"):
        StreamMonitor(tmp_path)
    (tmp_path / "monitor.json").write_text(json.dumps({"threshold": 1}))
    with pytest.raises(ValueError, match="is not the card of a monitor of streams"):
        StreamMonitor(tmp_path)
    done = mien("feedback", "drift", "--data", tmp_path / "none.npz", "--to", tmp_path / "m")
    assert (done.returncode, b"no dataset at" in done.stderr) == (2, True), done.stderr
