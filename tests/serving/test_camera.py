"""Live frames: the newest wins, each is accounted for, and what is no frame gets an answer, too."""

import asyncio
import threading
import time

import numpy as np
import pytest

from helpers import astronaut, encoded, faceless
from mien.detectors import load_detector
from mien.recognizer import Recognizer
from mien.serving.camera import Camera, Clock, Shot
from mien.serving.engine import Engine
from mien.smoothing import Ema
from mien.stream import Stream

PHOTO = encoded(astronaut(), "JPEG")


@pytest.fixture(scope="module")
def recognizer():
    return Recognizer(load_detector("haar"), "mini")


@pytest.fixture
def engine(recognizer):
    made = Engine(recognizer, threads=1)
    yield made
    made.close()


def frame(seq, jpeg=PHOTO, captured_at=None):
    return {"seq": seq, "captured_at": 1e12 + 40 * seq if captured_at is None else captured_at, "jpeg": jpeg}


def played(engine, play):
    """The answers that come while `play(camera, answers)` runs in an event loop."""

    async def run():
        answers = []
        camera = Camera(engine, Stream(engine.recognizer, Ema()), "me", answers.append)
        await asyncio.wait_for(play(camera, answers), 20)
        return answers

    return asyncio.run(run())


async def until(holds):
    while not holds():
        await asyncio.sleep(0.005)


def test_answers_come_with_tracks_and_with_the_way_of_the_frame(engine, recognizer):
    async def play(camera, answers):
        for seq in (7, 8):
            camera.take(frame(seq))
            await until(lambda seq=seq: answers and answers[-1]["seq"] == seq)

    first, second = played(engine, play)
    assert (first["seq"], first["captured_at"], first["dropped"], first["error"]) == (7, 1e12 + 280, 0, None)
    assert first["latency_ms"] > 0
    assert (first["width"], first["height"]) == (512, 512)
    assert second["faces"][0]["track_id"] == first["faces"][0]["track_id"] == 1
    want = recognizer(PHOTO)
    assert first["faces"][0]["probability"] == pytest.approx(want.to_dict()[0]["probability"], abs=1e-5)


def test_the_newest_wins_and_every_frame_is_accounted_for(engine):
    go = threading.Event()
    engine.submit("other", lambda: (go.wait(10), 1 / 0))

    async def play(camera, answers):
        for seq in range(50):
            camera.take(frame(seq))
            await asyncio.sleep(0)
        go.set()
        await until(lambda: answers)
        camera.take(frame(50))
        await until(lambda: len(answers) == 2)

    first, last = played(engine, play)
    assert (first["seq"], first["dropped"]) == (49, 49)
    assert (last["seq"], last["dropped"]) == (50, 0)


def test_a_frame_that_waited_long_is_not_looked_at_anew_though_its_faces_are_followed(engine, recognizer):
    asked, detector = [], recognizer.detector
    counting = Recognizer(lambda image: asked.append(1) or detector(image), "mini")

    async def play(camera, answers):
        camera.stream = Stream(counting, Ema())
        camera.take(frame(0))
        await until(lambda: len(answers) == 1)
        busy = engine.submit("other", lambda: (time.sleep(0.3), 1 / 0))
        camera.take(frame(1))
        await until(lambda: len(answers) == 2)
        assert busy.exception()

    first, second = played(engine, play)
    assert len(asked) == 1
    assert second["faces"][0]["track_id"] == first["faces"][0]["track_id"]
    assert second["latency_ms"] > 250


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (None, "object with seq"),
        ([1], "object with seq"),
        ({}, "seq"),
        ({"seq": True, "jpeg": b""}, "seq"),
        ({"seq": 1, "jpeg": "text"}, "bytes"),
        ({"seq": 1, "jpeg": b""}, "zero bytes"),
        ({"seq": 1, "jpeg": b"junk"}, "not a picture"),
        ({"seq": 1, "jpeg": PHOTO[:900]}, "damaged"),
        ({"seq": 1, "jpeg": encoded(np.zeros((2100, 2100, 3), np.uint8), "JPEG")}, "at most 4,200,000"),
    ],
)
def test_what_is_no_frame_is_answered_by_an_error_and_the_next_is_fine(engine, message, said):
    async def play(camera, answers):
        camera.take(message)
        await until(lambda: len(answers) == 1)
        camera.take(frame(2))
        await until(lambda: len(answers) == 2)

    bad, good = played(engine, play)
    assert said in bad["error"]["message"]
    assert bad["faces"] == []
    assert (good["seq"], len(good["faces"]), good["error"]) == (2, 1, None)


def test_nothing_is_sent_to_a_client_that_went(engine):
    async def play(camera, answers):
        camera.take(frame(1))
        camera.take(frame(2))
        camera.close()
        camera.take(frame(3))
        await asyncio.get_running_loop().run_in_executor(None, engine.submit("x", lambda: (faceless(), 1 / 0)).exception)
        await asyncio.sleep(0.05)

    assert played(engine, play) == []


def test_a_stream_runs_by_the_clients_clock_while_it_agrees_with_ours():
    def shot(captured, arrived):
        return Shot(0, b"", captured, arrived)

    clock = Clock()
    clock(shot(5000.0, 100.0))
    assert clock(shot(5040.0, 100.3)) == pytest.approx(0.04)
    assert clock(shot(None, 100.5)) == pytest.approx(0.5)
    assert clock(shot(9e9, 101.0)) == pytest.approx(1.0)
