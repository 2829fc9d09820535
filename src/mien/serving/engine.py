"""Work for many clients at once: pictures in, their faces out, on a few threads that share one queue.

Each client has its turn (who sends much waits for himself), a full queue refuses at once, and what has waited beyond its
deadline is not begun. Whoever is free takes what is waiting, at most `batch` of it, and classifies all its faces in one
go: nobody waits for a batch to fill, and under load batches come of themselves, as in Triton's default. A picture that
comes alone is worked on by all cores; of many, each core has its own.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import dataclass, field
from threading import Condition, Thread
from typing import Any

import numpy as np

from mien.faces import Faces
from mien.recognizer import Recognizer
from mien.runtime import alone

HELD = 50_000_000
"""Bytes of decoded pictures that a thread holds before it classifies what was found so far."""
MEMORY = 0.1
"""Weight of the latest batch in the mean cost of a picture."""


class Busy(Exception):
    """The queue is full; `retry_after` seconds are likely enough for it to have room."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"too much is waiting; try again in {retry_after:.0f} s")
        self.retry_after = retry_after


class Late(Exception):
    """The work was not begun before its deadline."""


@dataclass(eq=False)
class Job:
    """One picture's work: find its faces, have them classified with those of others, finish."""

    client: Hashable
    find: Callable[[], tuple[np.ndarray, Faces]]
    finish: Callable[[np.ndarray, Faces], Any]
    deadline: float
    """On the clock of time.monotonic."""
    future: Future[Any] = field(default_factory=Future)
    begun: float = field(default_factory=time.monotonic)
    bounded: bool = True


class Turns:
    """A bounded queue in which clients take turns. `takers`: how many take from it."""

    def __init__(self, room: int, takers: int = 1) -> None:
        self.room, self.takers, self.size, self.closed = room, takers, 0, False
        self._bounded = 0
        """Jobs that count against the room."""
        self._clients: OrderedDict[Hashable, deque[Job]] = OrderedDict()
        self._changed = Condition()
        self._waiting = 0
        """Takers that have nothing to do."""

    def put(self, job: Job, always: bool = False) -> None:
        """Raises OverflowError when there is no room: for a newcomer the client with the longest queue gives its last job up.

        `always`: for a client that never has more than one job; there is room for it whatever the others do."""
        with self._changed:
            if self.closed:
                raise RuntimeError("the engine is closed")
            own = len(self._clients.get(job.client, ()))
            if self._bounded >= self.room and not always:
                longest = max(self._clients.values(), key=len)
                if len(longest) <= own + 1:
                    raise OverflowError
                displaced = longest.pop()
                if displaced.future.set_running_or_notify_cancel():
                    displaced.future.set_exception(Busy(1.0))
                self._gone(displaced)
            job.bounded = not always
            self._clients.setdefault(job.client, deque()).append(job)
            self.size += 1
            self._bounded += job.bounded
            self._changed.notify()

    def take(self, most: int) -> list[Job]:
        """Wait for work; one job of each client in turn, up to `most` or this taker's share. Empty: closed, and none is left."""
        with self._changed:
            self._waiting += 1
            self._changed.wait_for(lambda: self.size or self.closed)
            self._waiting -= 1
            taken: list[Job] = []
            share = min(most, -(-self.size // self.takers))
            while self.size and len(taken) < share:
                client, jobs = self._clients.popitem(last=False)
                taken.append(jobs.popleft())
                self._gone(taken[-1])
                if jobs:
                    self._clients[client] = jobs
            return taken

    @property
    def idle(self) -> bool:
        """Nothing waits, and nobody works but the one who asks."""
        return not self.size and self._waiting >= self.takers - 1

    def _gone(self, job: Job) -> None:
        self.size -= 1
        self._bounded -= job.bounded

    def close(self) -> None:
        with self._changed:
            self.closed = True
            self._changed.notify_all()


class Engine:
    """`submit(...)` -> a Future. `seen` is told of every batch: its jobs' waits in seconds."""

    def __init__(
        self,
        recognizer: Recognizer,
        *,
        threads: int | None = None,
        batch: int = 8,
        room: int = 64,
        seen: Callable[[list[float]], None] = lambda waits: None,
    ) -> None:
        self.recognizer, self.batch, self.seen = recognizer, batch, seen
        count = threads or os.cpu_count() or 1
        self.turns = Turns(room, count)
        self.cost = 0.01
        """Seconds a picture, lately."""
        self._threads = [Thread(target=self._work, name=f"mien-{i}", daemon=True) for i in range(count)]
        for thread in self._threads:
            thread.start()

    def submit(
        self,
        client: Hashable,
        find: Callable[[], tuple[np.ndarray, Faces]],
        finish: Callable[[np.ndarray, Faces], Any] = lambda image, faces: faces,
        *,
        within: float = 10.0,
        always: bool = False,
    ) -> Future[Any]:
        """What `finish` makes of the picture and its classified faces, or what went wrong.

        `within`: seconds in which it must be begun. Raises Busy when the queue is full; `always`: see Turns.put."""
        job = Job(client, find, finish, time.monotonic() + within)
        try:
            self.turns.put(job, always)
        except OverflowError:
            raise Busy(self.turns.room * self.cost / len(self._threads)) from None
        return job.future

    def close(self) -> None:
        """Finish what is waiting and stop."""
        self.turns.close()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while jobs := self.turns.take(self.batch):
            start = time.monotonic()
            with nullcontext() if self.turns.idle and len(jobs) == 1 else alone():
                self._do(jobs, start)
            took = time.monotonic() - start
            self.cost += MEMORY * (took / len(jobs) - self.cost)
            self.seen([start - job.begun for job in jobs])

    def _do(self, jobs: Sequence[Job], start: float) -> None:
        found: list[tuple[Job, np.ndarray, Faces]] = []
        for job in jobs:
            if pair := _found(job, start):
                found.append((job, *pair))
            if sum(image.size for _, image, _ in found) > HELD:
                self._finish(found)
                found = []
        self._finish(found)

    def _finish(self, found: Sequence[tuple[Job, np.ndarray, Faces]]) -> None:
        """Classify the faces of these pictures together."""
        try:
            answers = self.recognizer.classify_all([(image, faces) for _, image, faces in found])
        except Exception as error:  # nobody is left without an answer
            for job, *_ in found:
                job.future.set_exception(error)
            return
        for (job, image, _), faces in zip(found, answers, strict=True):
            _settle(job, lambda job=job, image=image, faces=faces: job.finish(image, faces))  # type: ignore[misc]


def _found(job: Job, now: float) -> tuple[np.ndarray, Faces] | None:
    """The picture and the faces in it; None where that failed, and then the job's future says why."""
    if not job.future.set_running_or_notify_cancel():
        return None
    try:
        if now > job.deadline:
            raise Late(f"not begun within its time; it waited {now - job.begun:.1f} s")
        return job.find()
    except Exception as error:
        job.future.set_exception(error)
        return None


def _settle(job: Job, work: Callable[[], Any]) -> None:
    try:
        job.future.set_result(work())
    except Exception as error:
        job.future.set_exception(error)
