"""The loop: corrections in, labels mended, a better model promoted; stopped at any moment, it goes on."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from helpers import encoded, faces_file, histories, mien
from mien.labels import FER2013

pytest.importorskip("pyarrow")


def corrected(store, n=6, client="local", expression="happy", seed=0, reviewed=None):
    """Corrections with pictures of bright foreheads, which are happy ones."""
    from sqlalchemy import insert

    from mien.feedback import tables
    from mien.feedback.corrections import Corrections

    draw, ids = np.random.default_rng(seed), []
    for _ in range(n):
        chip = draw.integers(60, 120, (48, 48)).astype(np.uint8)
        chip[:20] += 100
        ids.append(Corrections(store, FER2013).add(client, "default", expression, png=encoded(chip)))
    if reviewed:
        with store.writing() as c:
            rows = [
                {"correction": id, "time": 0.0, "actor": "me", "decision": d, "expression": ""}
                for id, d in zip(ids, reviewed, strict=True)
            ]
            c.execute(insert(tables.reviews), rows)
    return ids


class TestIntake:
    @pytest.fixture
    def store(self):
        from mien.feedback.store import Store

        store = Store(":memory:")
        yield store
        store.close()

    def believed(self, store, **rules):
        from mien.feedback.intake import Intake, believed, offered

        taken, waiting = believed(offered(store), Intake(**rules))
        return [(one.row["id"], why) for one, why in taken], [(one.row["id"], why) for one, why in waiting]

    def test_the_owner_is_believed_and_a_stranger_waits(self, store):
        own, other = corrected(store, 2), corrected(store, 2, "key-1", seed=1)
        taken, waiting = self.believed(store)
        assert [id for id, _ in taken] == own
        assert [id for id, _ in waiting] == other
        assert "key-1 has not been right often enough yet" in waiting[0][1]
        assert self.believed(store, local=False)[0] == []

    def test_a_client_whose_word_was_right_is_believed_and_a_spammer_never(self, store):
        corrected(store, 12, "good", reviewed=["accepted"] * 12)
        corrected(store, 12, "spam", seed=1, reviewed=["accepted"] * 4 + ["rejected"] * 8)
        good, spam = corrected(store, 3, "good", seed=2), corrected(store, 3, "spam", seed=3)
        taken, waiting = self.believed(store)
        assert set(good) < {id for id, _ in taken}
        assert {id for id, _ in waiting} == set(spam)

    def test_what_contradicts_itself_waits_whoever_says_it(self, store):
        corrected(store, 1), corrected(store, 1, expression="sad")
        taken, waiting = self.believed(store)
        assert taken == []
        assert all("different things" in why for _, why in waiting)

    def test_nobody_brings_in_more_than_the_quota(self, store):
        corrected(store, 5)
        taken, waiting = self.believed(store, quota=3)
        assert (len(taken), len(waiting)) == (3, 2)


def scores(n=1000, seed=0):
    from mien.feedback.scores import P, Scores

    draw = np.random.default_rng(seed)
    label = np.array(["happy"] * (n - 100) + ["disgust"] * 100)
    p = draw.random(n)
    answer = np.where(p > 0.7, "sad", label)
    return Scores(np.arange(n).astype(str), label, answer, {P: p, "aum": -p})


def test_rare_classes_keep_their_floor_and_no_class_loses_more_than_its_share():
    from mien.feedback.curation import Policy, actions

    done = actions(scores(), Policy(share=0.3, floor=80))
    assert sum(a.label == "disgust" for a in done) == 20
    assert sum(a.label == "happy" for a in done) == 270
    worst = [float(a.reason.split()[1].rstrip(",")) for a in done]
    assert worst == sorted(worst, reverse=True)
    assert not actions(scores(), Policy(threshold=1.0))


def test_only_what_is_clear_is_relabelled():
    from mien.feedback.curation import Policy, actions

    given = scores()
    done = actions(given, Policy(how="relabel", share=1, floor=0))
    wanted = [("relabel", "sad") if given.suspicion["p_mislabelled"][int(a.key)] >= 0.9 else ("remove", "") for a in done]
    assert [(a.action, a.to) for a in done] == wanted
    with pytest.raises(ValueError, match="no column 'margin'"):
        actions(scores(), Policy(by="margin"))


def test_scores_come_back_from_their_file(tmp_path):
    from mien.feedback.scores import Scores

    scores(150).save(tmp_path / "s.parquet")
    found = Scores.load(tmp_path / "s.parquet")
    assert found.keys.tolist() == [str(i) for i in range(150)]
    assert np.array_equal(found.suspicion["aum"], scores(150).suspicion["aum"])
    (tmp_path / "x.parquet").write_bytes(b"no table")
    with pytest.raises(ValueError, match="no Parquet file"):
        Scores.load(tmp_path / "x.parquet")


SMALL = 'options={"stem": 4, "widths": [8], "depths": [1], "excited": 0}'


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
class TestCycles:
    @pytest.fixture(scope="class")
    def monitor(self, tmp_path_factory):
        pytest.importorskip("keras")
        from mien.feedback.monitor.labels import fit_monitor

        folder = tmp_path_factory.mktemp("monitor")
        fit_monitor([histories(400), histories(400, seed=1)], folder, units=6, epochs=2, batch_size=64)
        return folder

    def command(self, folder, data, monitor):
        small = ("--set", SMALL, "--set", "epochs=4", "--set", "batch_size=16", "--set", "learning_rate=0.05", "--set", "votes=0")
        watch = ("--watch", SMALL, "--watch", "epochs=6", "--watch", "batch_size=16")
        which = ("--store", folder, "--data", data, "--monitor", monitor, "--labels", "--floor", "20")
        return ("feedback", "cycle", *which, *small, *watch)

    def test_a_cycle_takes_in_mends_retrains_and_judges(self, tmp_path, monitor):
        from mien.datasets import open_dataset
        from mien.feedback.shelf import Shelf
        from mien.feedback.store import Store

        store = Store(tmp_path / "s")
        corrected(store, 5)
        data = faces_file(tmp_path / "a.npz", 400)
        done = mien(*self.command(tmp_path / "s", data, monitor))
        assert done.returncode == 0, done.stderr.decode()[-800:]
        state = json.loads((tmp_path / "s/cycles/0001/state.json").read_text())
        assert state["gathered"] == 5
        assert state["challenger"] in Shelf(store).versions()
        assert b"cycle 1: promoted" in done.stdout  # the packaged net does not know these faces
        assert Shelf(store).current == state["challenger"]
        held = [s.image.tobytes() for s in open_dataset(tmp_path / "s/holdout.parquet")]
        assert not set(held) & {s.image.tobytes() for s in open_dataset(tmp_path / "s/faces.mien")}
        again = mien(*self.command(tmp_path / "s", data, monitor))
        assert b"cycle 2: the model stays" in again.stdout
        store.close()

    def test_killed_at_any_moment_it_goes_on_and_what_answers_is_whole(self, tmp_path, monitor):
        from mien.card import ModelCard
        from mien.feedback.shelf import Shelf
        from mien.feedback.store import Store
        from mien.weights import find_graph

        data = faces_file(tmp_path / "a.npz", 400)
        command = [sys.executable, "-m", "mien", *map(str, self.command(tmp_path / "s", data, monitor))]
        draw, kills = np.random.default_rng(0), 0
        deadline = time.monotonic() + 400
        state = tmp_path / "s" / "cycles" / "0001" / "state.json"
        while time.monotonic() < deadline and not (state.exists() and "promote" in json.loads(state.read_text())["done"]):
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            try:
                _, err = process.communicate(timeout=4 + 10 * draw.random() + 3 * kills)
            except subprocess.TimeoutExpired:
                process.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
                process.communicate()
                kills += 1
                if (tmp_path / "s" / "mien.sqlite3").exists():
                    store = Store(tmp_path / "s")
                    card = Shelf(store).card(Shelf(store).current)
                    find_graph(ModelCard.load(card), card)
                    store.close()
                continue
            assert process.returncode == 0, err.decode()[-800:]
        assert kills >= 1
        assert json.loads(state.read_text())["passed"]
        store = Store(tmp_path / "s")
        assert Shelf(store).current == json.loads(state.read_text())["challenger"]
        store.close()
        assert os.listdir(tmp_path / "s" / "cycles") == ["0001"]

    def test_two_at_once_are_one_too_many(self, tmp_path, monitor):
        from mien.feedback.cycle import LOCK
        from mien.locks import locked

        with locked(tmp_path / "s" / LOCK):
            done = mien(*self.command(tmp_path / "s", faces_file(tmp_path / "a.npz"), monitor))
        assert done.returncode == 2
        assert b"another cycle is at work here" in done.stderr
        assert not (tmp_path / "s" / "cycles").exists()

    @pytest.mark.skipif(os.name == "nt", reason="what is open cannot be moved away there")
    def test_where_the_store_vanishes_nothing_is_lost_and_nothing_is_made_in_its_place(self, tmp_path, monitor):
        from mien.feedback.cycle import Cycle, Plan

        class Away(Exception):
            pass

        def moved(run, dataset, watched):
            (tmp_path / "s").rename(tmp_path / "elsewhere")

        def back(run, dataset, watched):
            raise Away

        data = faces_file(tmp_path / "a.npz", 200)
        plan = Plan(data, moved, people=False, monitor=monitor)
        with pytest.raises(FileNotFoundError, match="the store is gone; put it back"):
            Cycle(tmp_path / "s", plan).run()
        assert not (tmp_path / "s").exists()
        (tmp_path / "elsewhere").rename(tmp_path / "s")
        state = json.loads((tmp_path / "s/cycles/0001/state.json").read_text())
        assert state["done"] == ["begin", "gather"]
        with pytest.raises(Away):
            Cycle(tmp_path / "s", Plan(data, back, people=False, monitor=monitor)).run()
        assert os.listdir(tmp_path / "s/cycles") == ["0001"]

    def test_faces_of_other_classes_want_a_monitor_of_their_own_and_are_told_so_at_once(self, tmp_path, monitor):
        from PIL import Image

        for name in ("calm", "tense"):
            for split in ("train", "val"):
                folder = tmp_path / "d" / split / name
                folder.mkdir(parents=True)
                Image.fromarray(np.full((48, 48), len(name) * 20 + len(split), np.uint8)).save(folder / "1.png")
        done = mien(*self.command(tmp_path / "s", tmp_path / "d", monitor))
        assert done.returncode == 2
        assert b"the faces are of calm, tense" in done.stderr
