"""What a run records of each training sample."""

import numpy as np
import pytest

from helpers import small

pytest.importorskip("keras")
pytest.importorskip("pyarrow")


def test_agreement_is_with_the_last_answer_of_the_other_orientation():
    from mien.training.dynamics import agreement

    nan = (np.nan, np.nan, np.nan)
    history = np.array([[(0.9, 0.1, 0), (0.2, 0.8, 0), (0.1, 0.9, 1), nan, (0.7, 0.3, 0), (0.4, 0.6, 1)]])
    assert np.array_equal(agreement(history)[0], [np.nan, np.nan, 1, np.nan, 0, 0], equal_nan=True)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
class TestARun:
    def test_it_leaves_the_whole_probability_vector_of_each_sample_and_epoch(self, data, tmp_path):
        from mien.datasets.dynamics import read_histories
        from mien.training.trainer import Trainer

        trainer = Trainer(small(epochs=6, dynamics=True), data, tmp_path)
        trainer.fit()
        found = read_histories(tmp_path)
        n, batch = len(data["Training"]), 16
        assert found.p.shape == (n, 6, 7)
        assert found.p.dtype == np.float16
        came = ~np.isnan(found.p).any(2)
        assert came.sum(0).tolist() == [n // batch * batch] * 6  # what does not fill a batch does not come
        assert np.abs(found.p.astype(float).sum(2)[came] - 1).max() < 0.01
        right = np.nanmean(found.p[np.arange(n), :, found.label].astype(float), axis=0)
        assert right[-1] > right[0] + 0.2
        assert np.array_equal(found.label, data["Training"].targets)
        assert found.keys.tolist() == data["Training"].keys.tolist()
        assert np.nanmean(found.agrees[:, -1]) > 0.6
        assert {p.name for p in tmp_path.iterdir()} == {"config.json", "history.csv", "checkpoint.npz", "dynamics.parquet"}

    def test_recording_changes_nothing_and_a_stopped_run_has_the_same_record(self, data, tmp_path):
        from mien.datasets.dynamics import read_histories
        from mien.training.trainer import Trainer

        def run(folder, stop=99, **more):
            def stopping(row):
                if row["epoch"] == stop:
                    raise InterruptedError

            trainer = Trainer(small(**more), data, folder)
            try:
                trainer.fit(report=stopping)
            except InterruptedError:
                return run(folder, **more)
            return trainer

        plain = run(tmp_path / "a")
        recorded = run(tmp_path / "b", dynamics=True)
        stopped = run(tmp_path / "c", stop=2, dynamics=True)
        for a, b in zip(plain.average, recorded.average, strict=True):
            assert np.abs(a - b).max() < 1e-4
        one, other = (read_histories(trainer.run) for trainer in (recorded, stopped))
        assert np.allclose(one.p.astype(float), other.p.astype(float), atol=2e-3, equal_nan=True)

    def test_mixed_epochs_are_left_open_and_views_are_one_sample(self, data, tmp_path):
        from mien.datasets.dynamics import read_histories
        from mien.training.augmentation import Augmentation
        from mien.training.config import Loss, Schedule
        from mien.training.trainer import Trainer

        mixed = small(dynamics=True, augmentation=Augmentation(mixup=0.2), schedule=Schedule(plain=1))
        Trainer(mixed, data, tmp_path / "a").fit()
        assert np.isnan(read_histories(tmp_path / "a").p).all((0, 2)).tolist() == [True, True, False]
        Trainer(small(dynamics=True, loss=Loss(views=2)), data, tmp_path / "b").fit()
        assert np.isnan(read_histories(tmp_path / "b").p[:, 0, 0]).mean() < 0.15


def test_labels_are_exchanged_evenly_or_as_they_are_mistaken(tmp_path):
    import json
    from dataclasses import replace

    from mien.labels import FER2013
    from mien.training.config import Noise, TrainConfig
    from mien.training.noise import noisy
    from mien.training.tensors import Tensors

    n = 14_000
    targets = np.arange(n) % 7
    clean = Tensors(np.zeros((n, 1, 1, 1), np.uint8), targets, np.zeros((n, 7)), targets, FER2013)
    config = TrainConfig(noise=Noise(uniform=0.2))
    even = noisy(config, clean)
    changed = even.targets != targets
    assert changed.mean() == pytest.approx(0.2, abs=0.01)
    assert np.array_equal(even.given, targets)
    assert np.bincount(even.targets[changed & (targets == 0)], minlength=7)[1:].min() > 40
    assert np.array_equal(noisy(config, clean).targets, even.targets)
    assert noisy(replace(config, noise=Noise()), clean) is clean

    confusion = (np.eye(7, dtype=int) * 50 + np.roll(np.eye(7, dtype=int), 1, axis=1) * 10).tolist()
    report = {"splits": {"PublicTest": {"classes": dict.fromkeys(FER2013), "confusion": confusion}}}
    (tmp_path / "report.json").write_text(json.dumps(report))
    alike = noisy(replace(config, noise=Noise(confusion=0.1, like=str(tmp_path))), clean)
    changed = alike.targets != targets
    assert changed.mean() == pytest.approx(0.1, abs=0.01)
    assert ((alike.targets - targets)[changed] % 7 == 1).all()
    with pytest.raises(ValueError, match=r"report\.json"):
        noisy(replace(config, noise=Noise(confusion=0.1, like=str(tmp_path / "none"))), clean)
