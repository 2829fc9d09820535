"""A live connection, whatever carries it (socket_io, web_socket): a client's messages in, answers and its session's rows out.

Client: `frame` {seq, captured_at, jpeg}, `session` {title, consent}, `mark` {text}, `stop`; server: `hello`, `result`,
`session` {id, title, recording}. Words in `consent` are what the person shown agreed to: from then on crops of the faces
are kept, until the connection ends; with `consent` taken back they are erased, with `keep` false the whole session is.
A message of another form is answered by `problem`.
At most CREDIT frames are in flight: each `result` gives one credit back, and one more for every frame it reports dropped.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, MutableMapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from mien.detectors import crop_of
from mien.errors import plain
from mien.faces import Faces
from mien.feedback.sessions import Timeline, new_id
from mien.feedback.tables import LOCAL
from mien.serving.auth import Client, allowed, client_of, may
from mien.serving.camera import Camera
from mien.serving.problems import Problem
from mien.serving.rates import Rates
from mien.serving.recorder import Recorder
from mien.serving.service import Service

log = logging.getLogger("mien.serve")
CREDIT = 2
SLOW = 4
"""Answers that may wait for a client to read them; beyond, its frames are dropped."""
EVENTS = ("frame", "session", "mark", "stop")
FORMS = "frame {seq, captured_at, jpeg}, session {title, consent, keep}, mark {text} with a text, or stop"
WORDS = 60
"""Messages a minute that are no frames."""
LATER = 0.25
"""Seconds until a client that did not read its answers is looked at again."""
LATELY = 5.0
"""Seconds that a dashboard's figures of one connection are of; what it showed before is no longer what it shows."""
KEPT_EVERY = 5.0
"""Seconds between two writes of a session's timeline."""
RECORDED_EVERY = 1.0
"""Seconds between two recorded crops of a face."""


class Live:
    """One connection, whatever carries it. `send(event, data)` queues a message; `full()`: too many wait to be read."""

    def __init__(
        self,
        service: Service,
        client: Client,
        send: Callable[[str, Any], None],
        full: Callable[[], bool],
        hang_up: Callable[[], None],
    ) -> None:
        self.service, self.client, self._send, self._full, self.hang_up = service, client, send, full, hang_up
        pace = 1 / service.settings.frames if service.settings.frames else 0.0
        self.camera = Camera(service.engine, service.stream(), self, self._answered, self._saw, pace)
        self.timeline, self.recorder = Timeline(), Recorder(crop_of(service.recognizer.detector), RECORDED_EVERY)
        self.session, self.started = new_id(), time.time()
        self.title, self.consent, self.keeps = "", "", True
        self.erased = False
        self._talks = Rates(WORDS)
        self._begun = False
        """Whether the session is in the store; set in the store's thread."""
        self._dropped: Any = None
        """The last frame that was dropped unanswered because answers wait to be read."""
        self._faces: list[dict[str, Any]] = []
        self._times: deque[float] = deque(maxlen=1000)
        """When the last answers were given."""
        self._lost = self._answers = 0
        self._latency: float | None = None
        self._opened = self._kept = self.last = time.monotonic()
        service.cameras[self] = self
        self._log("live connection opened")

    def _log(self, what: str, **more: Any) -> None:
        about = {"request_id": self.session[:12], "route": "live", "client": self.client.id}
        log.info(what, extra=about | more)

    def hello(self) -> dict[str, Any]:
        card = self.service.recognizer.card
        return {
            "model": card.name, "labels": list(self.service.recognizer.classifier.labels), "credit": CREDIT,
            "purpose": self.service.settings.purpose, "smooth": self.service.settings.smooth, "session": self.session,
        }  # fmt: skip

    def take(self, event: str, data: Any) -> None:
        """A message of the client's; never waits."""
        if event == "frame":
            self._frame(data)
        elif event == "session" and isinstance(data, Mapping):
            self._settle(data)
        elif self._talks.wait("words") > 0:
            self._tell(Problem(429, f"more than {WORDS} messages a minute that are no frames", kind="rate"))
        elif event == "mark" and isinstance(data, Mapping) and (text := _text(data, "text", 500)):
            if self.keeps:
                self.write(self.service.sessions.mark, round(self.camera.moment, 2), text)
        elif event == "stop":
            self.keep()
        else:
            said = f"{event!r:.50} with {type(data).__name__}" if event else "what is no JSON [event, data]"
            self._tell(Problem(400, f"a message was not understood: {said}", would_work=FORMS))

    def _settle(self, data: Mapping[str, Any]) -> None:
        """What the session is called, and what of it is kept. To keep less is granted however often it is asked for."""
        keeps = data.get("keep", self.keeps) is True
        title = _text(data, "title", 200) if "title" in data else self.title
        consent = _text(data, "consent", 500) if keeps else ""
        back = bool(self.consent and not consent)
        less = back or (self.keeps and not keeps)
        if not less and self._talks.wait("words") > 0:
            self._tell(Problem(429, f"more than {WORDS} messages a minute that are no frames", kind="rate"))
            return
        self.keeps, self.title, self.consent = keeps, title, consent
        if not keeps:
            self.timeline.take()
            self.service.write(self._unkept)
        elif consent or back or self._begun:
            self.write(self._agreed, title, consent)
        self._send("session", {"id": self.session, "title": title, "recording": bool(consent) and not self.erased})

    def _tell(self, problem: Problem) -> None:
        """Who does not read is not told."""
        if not self._full():
            self._send("problem", problem.to_dict())

    def _frame(self, data: Any) -> None:
        self.last = time.monotonic()
        if not self.service.ready:  # it is stopping, and finishes what is in hand
            return
        if self._full():
            self._unread(data)
            return
        self.camera.take(data)

    def _unread(self, data: Any) -> None:
        """Drop a frame of a client whose answers wait to be read; told of once they are, or its credit would be lost."""
        if self._dropped is None:
            self._tell_later()
        else:
            self.camera.dropped += 1
        self._dropped = data

    def _tell_later(self) -> None:
        asyncio.get_running_loop().call_later(LATER, self._told)

    def _told(self) -> None:
        if self._full():
            self._tell_later()
            return
        data, self._dropped = self._dropped, None
        if self in self.service.cameras:
            self.camera.refuse(data, "slow", "answers were not read; frames were dropped meanwhile")

    def _saw(self, image: Any, faces: Faces, moment: float) -> None:
        """In the engine's thread: what was seen in a frame."""
        self.service.saw(image, faces, self.session, moment)
        if self.keeps:
            self.timeline.add(faces, moment)
        if self.consent:
            for track, png in self.recorder(image, faces, moment):
                self.write(self._record, self.consent, round(moment, 2), track, png)

    def _answered(self, message: dict[str, Any]) -> None:
        self.service.metrics.framed(None if message["error"] else message["latency_ms"] / 1e3, message["dropped"])
        self._answers += 1
        self._times.append(time.monotonic())
        self._lost, self._latency = self._lost + message["dropped"], message["latency_ms"]
        self._faces = message["faces"]
        self._send("result", message)
        if time.monotonic() - self._kept >= KEPT_EVERY:
            self.keep()

    def summary(self) -> dict[str, Any]:
        """For a dashboard."""
        now = time.monotonic()
        open_s = now - self._opened
        lately = sum(now - moment < LATELY for moment in self._times)
        faces = self._faces if self._times and now - self._times[-1] < LATELY else []
        return {
            "id": self.session[:6], "client": self.client.id, "since_s": round(open_s, 1), "title": self.title,
            "recording": bool(self.consent),
            "fps": round(lately / min(max(open_s, 1.0), LATELY), 2), "dropped": self._lost, "latency_ms": self._latency,
            "faces": [{k: face[k] for k in ("track_id", "expression", "confidence", "probability")} for face in faces],
        }  # fmt: skip

    def keep(self, everything: bool = False) -> None:
        """Write the seconds that are over to the session."""
        self._kept = time.monotonic()
        rows = self.timeline.take(float("inf") if everything else self.camera.moment)
        if rows:
            self.write(self.service.sessions.add, rows)

    def write(self, work: Callable[..., Any], *args: Any) -> Future[Any]:
        """Queue what keeps something of the session, which is in the store from the first such thing on."""
        return self.service.write(self._written, work, *args)

    def _written(self, work: Callable[..., Any], *args: Any) -> None:
        """In the store's thread. Of a session that was erased meanwhile nothing more is kept."""
        if self.erased:
            return
        if not self._begun:
            model, purpose = self.service.recognizer.card.name, self.service.settings.purpose
            about = (self.client.id, model, purpose, self.title, self.consent)
            self.service.sessions.start(*about, id=self.session, started=self.started)
            self._begun = True
        with suppress(LookupError):
            work(self.session, *args)

    def _unkept(self) -> None:
        """In the store's thread: nothing is to be kept, nor what was. Kept again, the session begins anew."""
        if self._begun and not self.erased:
            self._begun = False
            with suppress(LookupError):
                self.service.sessions.erase(self.session)
            self.service.store.note(self.client.id, "erase session", self.session)

    def _agreed(self, session: str, title: str, consent: str) -> None:
        self.service.sessions.settle(session, title, consent)
        if not consent:
            self.service.sessions.unrecord(session)
        self.service.store.note(self.client.id, "recording on" if consent else "recording off", session)

    def _record(self, session: str, consent: str, time_s: float, track: int, png: bytes) -> None:
        """Not where consent was taken back meanwhile."""
        if consent == self.consent:
            self.service.sessions.record(session, time_s, track, png)

    def close(self) -> None:
        if self.service.cameras.pop(self, None) is None:
            return
        self.camera.close()
        seconds = time.monotonic() - self._opened
        self._log("live connection closed", frames=self._answers, ms=round(1e3 * seconds))
        self.keep(everything=True)
        self.service.write(self._end)

    def _end(self) -> None:
        if self._begun:
            with suppress(LookupError):
                self.service.sessions.end(self.session)


def _text(data: Mapping[str, Any], name: str, most: int) -> str:
    """Only what is a text: a refusal by `false` or `null` must not become a word."""
    value = data.get(name)
    return plain(value).strip()[:most] if isinstance(value, str) else ""


def admit(service: Service, scope: MutableMapping[str, Any], token: str) -> Client:
    """Raises Problem for who may not come in, comes too often (each time counts as a picture), or when all places are taken."""
    if not service.ready:
        raise Problem(503, "the server is starting or stopping")
    client = client_of(service, scope, token)
    may(client, "live")
    allowed(service, client)
    if len(service.cameras) >= service.settings.cameras:
        raise Problem(503, f"all {service.settings.cameras} live places are taken", would_work="Try again later.")
    own = sum(live.client.id == client.id for live in list(service.cameras))
    if client.id != LOCAL and own >= service.settings.cameras_each:
        raise Problem(503, f"this key has {own} live connections, the most there may be", would_work="Close one of them.")
    return client
