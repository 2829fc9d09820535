"""One client's live frames: bytes of pictures in, at their own pace; an answer for the newest out, one at a time.

A frame that comes waits for the client's turn; the next to come takes its place, and the one that lost it is counted in
`dropped` of the next answer. So latency is bounded whatever the client sends, and its credit always comes back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np

from mien.answer import answer
from mien.errors import MienError
from mien.faces import Faces
from mien.image import Limits, load
from mien.serving.engine import Engine, Late
from mien.serving.problems import logged
from mien.stream import Stream

FRAME = Limits(pixels=4_200_000)
"""A frame of more, 2,560 by 1,600, would hold up the others, and shows no more of a face."""
HURRY = 0.1
"""Seconds that a frame waited for its turn, from which on there is more work than the cores can do."""
STALE = 5.0
"""Seconds by which two clocks may drift before a client's own times are no longer believed."""


@dataclass(frozen=True)
class Shot:
    """One frame as it came."""

    seq: int
    jpeg: bytes
    captured_at: float | None
    """Milliseconds on the client's clock."""
    arrived: float
    """On the clock of time.monotonic."""

    @classmethod
    def of(cls, message: Any) -> Shot:
        """Raises ValueError that says what was wanted for a message of another form."""
        if not isinstance(message, Mapping):
            raise ValueError(f"a frame is an object with seq, captured_at and jpeg; got {type(message).__name__}")
        seq, jpeg, captured = message.get("seq"), message.get("jpeg"), message.get("captured_at")
        if not isinstance(seq, int) or isinstance(seq, bool):
            raise ValueError(f"seq is {seq!r:.50}; a whole number was wanted")
        if not isinstance(jpeg, bytes | bytearray | memoryview):
            raise ValueError(f"jpeg is of type {type(jpeg).__name__}; the bytes of a picture were wanted")
        if not isinstance(captured, int | float) or isinstance(captured, bool) or not abs(captured) < 1e15:
            captured = None
        return cls(seq, bytes(jpeg), captured, time.monotonic())


class Camera:
    """`camera.take(message)`, whenever one comes; `send` gets each answer. All in one event loop."""

    def __init__(
        self,
        engine: Engine,
        stream: Stream,
        client: object,
        send: Callable[[dict[str, Any]], None],
        seen: Callable[[np.ndarray, Faces, float], None] = lambda image, faces, moment: None,
        pace: float = 0.0,
    ) -> None:
        """`pace`: seconds at least between two frames that are begun.

        `seen`: told, in a thread of the engine, of each picture, its faces and the seconds of the stream."""
        self.engine, self.stream, self.client, self.send, self.seen = engine, stream, client, send, seen
        self.loop = asyncio.get_running_loop()
        self.waiting: Shot | None = None
        """The newest frame that is not begun."""
        self._begun: Shot | None = None
        """The frame that is worked on."""
        self._lock = Lock()
        self.busy = self.closed = False
        self.dropped = 0
        """Frames that got no answer since the last one."""
        self.moment = 0.0
        """Seconds of the stream, at the frame that was last begun."""
        self._clock = Clock()
        self._pace, self._due = pace, 0.0
        self._later: asyncio.TimerHandle | None = None

    def take(self, message: Any) -> None:
        """Never waits. A frame of another form is answered by an error, like a picture that cannot be read."""
        if self.closed:
            return
        try:
            shot = Shot.of(message)
        except ValueError as error:
            self.refuse(message, "frame", str(error))
            return
        with self._lock:
            self.dropped += self.waiting is not None
            self.waiting = shot
        self._next()

    def refuse(self, message: Any, kind: str, text: str) -> None:
        """Answer a frame by an error, unseen."""
        self._answer(_seq(message), None, time.monotonic(), error=MienError(kind, text))

    def close(self) -> None:
        self.closed = True

    def _next(self) -> None:
        if self.busy or self.waiting is None or self.closed or self._early():
            return
        self.busy, self._due = True, self.loop.time() + self._pace
        job = self.engine.submit(self.client, self._found, self._finished, always=True)
        job.add_done_callback(lambda done: self.loop.call_soon_threadsafe(self._done, done))

    def _early(self) -> bool:
        """Whether the client's next turn is not yet due; then it is taken when it is."""
        left = self._due - self.loop.time()
        if left > 0 and self._later is None:
            self._later = self.loop.call_later(left, self._woken)
        return left > 0

    def _woken(self) -> None:
        self._later = None
        self._next()

    def _newest(self) -> Shot | None:
        with self._lock:
            shot, self.waiting = self.waiting, None
        return shot

    def _found(self) -> tuple[np.ndarray, Faces]:
        """In the engine's thread, when it is the client's turn."""
        shot = self._begun = self._newest()
        if shot is None or self.closed:
            raise Late("the client is gone")
        self.moment = max(self._clock(shot), self.moment)
        hurry = time.monotonic() - shot.arrived > HURRY
        return self.stream.found(load(shot.jpeg, FRAME, name="frame"), self.moment, hurry)

    def _finished(self, image: np.ndarray, faces: Faces) -> tuple[tuple[int, int], Faces]:
        faces = self.stream.steadied(faces, self.moment)
        self.seen(image, faces, self.moment)
        return (image.shape[1], image.shape[0]), faces

    def _done(self, done: Any) -> None:
        self.busy = False
        shot, self._begun = self._begun or self._newest(), None
        if self.closed or shot is None:
            return
        error = done.exception()
        if error is not None and not isinstance(error, MienError):
            problem = logged(error, "a live frame")
            error = MienError(problem.kind or "server", problem.detail)
        size, faces = (None, Faces.none()) if error else done.result()
        self._answer(shot.seq, shot.captured_at, shot.arrived, time_s=self.moment, size=size, faces=faces, error=error)
        self._next()

    def _answer(self, seq: int | None, captured_at: float | None, arrived: float, **more: Any) -> None:
        """The answer object of the command line, and what belongs to this frame's way."""
        latency = round(1e3 * (time.monotonic() - arrived), 2)
        way = {"seq": seq, "captured_at": captured_at, "latency_ms": latency, "dropped": self.dropped}
        self.dropped = 0
        self.send(way | answer("camera", frame=seq or 0, card=self.stream.recognizer.card, **more))


class Clock:
    """Seconds of a client's stream: by its own clock while that agrees with ours, for the network is uneven."""

    def __init__(self) -> None:
        self._first: Shot | None = None

    def __call__(self, shot: Shot) -> float:
        first = self._first = self._first or shot
        passed = shot.arrived - first.arrived
        if shot.captured_at is None or first.captured_at is None:
            return passed
        own = (shot.captured_at - first.captured_at) / 1e3
        return own if abs(own - passed) < STALE else passed


def _seq(message: Any) -> int | None:
    seq = message.get("seq") if isinstance(message, Mapping) else None
    return seq if isinstance(seq, int) else None
