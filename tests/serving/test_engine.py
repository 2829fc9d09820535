"""Many clients, one queue: turns, bounds, deadlines, and nobody left without an answer."""

import threading
import time
from concurrent.futures import wait

import numpy as np
import pytest

from helpers import astronaut, faceless
from mien.detectors import load_detector
from mien.faces import Faces
from mien.recognizer import Recognizer
from mien.serving.engine import Busy, Engine, Late

PICTURE = faceless(64, 64)


def seen(n=1):
    box = np.tile(np.array([[10, 10, 50, 50]], np.float32), (n, 1))
    return Faces(box, np.ones(n, np.float32))


@pytest.fixture(scope="module")
def recognizer():
    return Recognizer(load_detector("haar"), "mini")


@pytest.fixture
def engine(recognizer):
    made = Engine(recognizer, threads=1, batch=4, room=8)
    yield made
    made.close()


class Gate:
    """Work that holds the engine's only thread until it is let go."""

    def __init__(self, engine):
        self.held, self.go = threading.Event(), threading.Event()
        self.done = engine.submit("gate", self)
        self.held.wait(5)

    def __call__(self):
        self.held.set()
        self.go.wait(5)
        return PICTURE, Faces.none()


def test_the_answer_is_the_recognizers(engine, recognizer):
    done = engine.submit("a", lambda: recognizer.find(astronaut())).result(10)
    assert done.to_dict() == recognizer(astronaut()).to_dict()


def test_pictures_that_are_classified_together_answer_as_alone(recognizer):
    pairs = [recognizer.find(picture) for picture in (astronaut(), faceless(), np.ascontiguousarray(astronaut()[:, ::-1]))]
    for together, pair in zip(recognizer.classify_all(pairs), pairs, strict=True):
        assert together.to_dict() == recognizer.classify(*pair).to_dict()
    assert recognizer.classify_all([]) == []


def test_clients_take_turns(engine):
    gate, order = Gate(engine), []
    jobs = [engine.submit(client, lambda: (PICTURE, seen()), lambda *_, c=client: order.append(c)) for client in "aaaab"]
    gate.go.set()
    wait(jobs, 10)
    assert order[:2] == ["a", "b"]


def test_a_full_queue_refuses_at_once_and_says_when_to_come_back(engine):
    gate = Gate(engine)
    jobs = [engine.submit("a", lambda: (PICTURE, seen())) for _ in range(8)]
    with pytest.raises(Busy) as refused:
        engine.submit("a", lambda: (PICTURE, seen()))
    assert refused.value.retry_after > 0
    newcomer = engine.submit("b", lambda: (PICTURE, seen()))  # the flooder gives way
    gate.go.set()
    assert len(newcomer.result(10)) == 1
    wait(jobs, 10)
    assert [isinstance(job.exception(), Busy) for job in jobs] == [False] * 7 + [True]


def test_what_waited_too_long_is_not_begun(engine):
    gate, asked = Gate(engine), []
    late = engine.submit("a", lambda: asked.append(1), within=0.01)
    time.sleep(0.05)
    gate.go.set()
    with pytest.raises(Late):
        late.result(10)
    assert not asked


def test_one_bad_picture_spares_the_others(engine):
    gate = Gate(engine)
    good, bad, worse = (
        engine.submit("a", lambda: (PICTURE, seen(2))),
        engine.submit("b", lambda: 1 / 0),
        engine.submit("c", lambda: (PICTURE, seen()), lambda *_: [][1]),
    )
    gate.go.set()
    assert len(good.result(10)) == 2
    with pytest.raises(ZeroDivisionError):
        bad.result(10)
    with pytest.raises(IndexError):
        worse.result(10)


def test_a_classifier_that_fails_is_everybodys_answer(recognizer):
    def broken(chips):
        raise RuntimeError("broken")

    broken.card, broken.labels = recognizer.classifier.card, recognizer.classifier.labels
    engine = Engine(Recognizer(recognizer.detector, broken), threads=1)
    with pytest.raises(RuntimeError, match="broken"):
        engine.submit("a", lambda: (PICTURE, seen())).result(10)
    engine.close()


def test_closing_finishes_what_waits_and_then_refuses(recognizer):
    engine = Engine(recognizer, threads=1)
    jobs = [engine.submit("a", lambda: (PICTURE, seen())) for _ in range(5)]
    engine.close()
    assert all(len(job.result(0)) == 1 for job in jobs)
    with pytest.raises(RuntimeError, match="closed"):
        engine.submit("a", lambda: (PICTURE, seen()))


def test_cancelled_work_is_not_begun(engine):
    gate, asked = Gate(engine), []
    job = engine.submit("a", lambda: asked.append(1))
    job.cancel()
    gate.go.set()
    engine.submit("b", lambda: (PICTURE, seen())).result(10)
    assert not asked


def test_batches_are_reported(recognizer):
    reports = []
    engine = Engine(recognizer, threads=1, seen=lambda *report: reports.append(report))
    gate = Gate(engine)
    jobs = [engine.submit(i, lambda: (PICTURE, seen(2))) for i in range(3)]
    gate.go.set()
    wait(jobs, 10)
    engine.close()
    (waits,) = reports[-1]
    assert len(waits) == 3
