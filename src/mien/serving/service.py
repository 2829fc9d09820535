"""All parts of a server behind one interface: settings in; recognizer, engine, store and counters out, opened once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from mien.card import ModelCard
from mien.classifiers import Classifier, load_classifier
from mien.faces import Faces
from mien.feedback.corrections import Corrections
from mien.feedback.keys import Keys
from mien.feedback.monitor.stream import StreamMonitor
from mien.feedback.sessions import Sessions
from mien.feedback.shelf import Shelf
from mien.feedback.store import Store
from mien.recognizer import Recognizer
from mien.runtime import alone
from mien.serving.engine import Engine
from mien.serving.fetches import Fetches
from mien.serving.metrics import Metrics
from mien.serving.rates import Rates
from mien.serving.settings import Settings, data_folder
from mien.serving.watch import Watch
from mien.smoothing import SMOOTHERS
from mien.stream import Stream

log = logging.getLogger("mien.serve")
WRONG_KEYS = 30
"""A minute, from one address."""


class Service:
    """`open()` before the first use, from any thread; `close()` after the last."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.started = time.time()
        self.ready = False
        self.cameras: dict[Any, Any] = {}
        """Live connections (mien.serving.live.Live), by themselves."""
        self.rates, self.wrong_keys = Rates(settings.rate), Rates(WRONG_KEYS)
        self._writer = ThreadPoolExecutor(1, "mien-store")
        self.fetches = Fetches()

    def open(self) -> None:
        """Once. Raises ValueError where a setting names what is not there, or others may come and there is no key for them."""
        if self.ready:
            return
        for how in (nullcontext, alone):  # as the engine runs the nets; all are opened, and warm
            with how():
                self.recognizer.detector(np.zeros((240, 320, 3), np.uint8))
        _warm(self.recognizer.classifier)
        self.refuse_strangers()
        _ = self.smoother, self.engine, self.store, self.watch
        self.ready = True

    def close(self) -> None:
        self.ready = False
        self.engine.close()
        for live in list(self.cameras):
            live.close()
        self._writer.shutdown()
        self.store.close()

    def write(self, work: Callable[..., Any], *args: Any) -> Future[Any]:
        """Do what changes the store beside the frames, in its order; a failure is logged."""
        done = self._writer.submit(work, *args)
        done.add_done_callback(_told)
        return done

    def refuse_strangers(self) -> None:
        s = self.settings
        if s.loopback or any(key.revoked is None for key in self.keys.all()):
            return
        make = "make one: mien keys create NAME" + (f" --data {s.data}" if s.data else "")
        if self.store.path is None:
            make = "give a folder as data, for in memory none can be kept"
        raise ValueError(f"others can reach this server (host {s.host!r}, hosts {list(s.hosts)}), but there is no key; {make}")

    @cached_property
    def recognizer(self) -> Recognizer:
        return Recognizer(self.settings.detector or None, self.settings.model or self._promoted)

    @cached_property
    def shelf(self) -> Shelf | None:
        """Where promoted models come from; None where a setting names the model, or nothing is kept."""
        return None if self.settings.model or self.store.path is None else Shelf(self.store)

    @property
    def _promoted(self) -> Path | None:
        return self.shelf.card(self.shelf.current) if self.shelf else None

    def renew(self) -> bool:
        """Let the model that was promoted meanwhile answer from the next picture on; whether there was one.

        It is open and warm before it takes the place; what is being answered is answered by the old one. Raises ValueError for
        one that cannot: then the old one stays."""
        promoted = self._promoted
        if promoted is None or ModelCard.load(promoted).version == self.recognizer.card.version:
            return False
        new, old = load_classifier(promoted), self.recognizer.classifier
        if new.labels != old.labels:
            raise ValueError(f"{new.card.name} has other classes than {old.card.name}; start the server anew for that")
        _warm(new)
        self.recognizer.classifier = new
        if self.watch:
            self.watch.begin(new.card.version)
        self.store.note("server", "model", new.card.version, name=new.card.name, before=old.card.version)
        return True

    @cached_property
    def engine(self) -> Engine:
        s = self.settings
        return Engine(self.recognizer, threads=s.threads or None, batch=s.batch, room=s.queue, seen=self.metrics.worked)

    @cached_property
    def metrics(self) -> Metrics:
        return Metrics(lambda: self.engine.turns.size, lambda: len(self.cameras), lambda: self.watch.said if self.watch else None)

    @cached_property
    def watch(self) -> Watch | None:
        """The monitor of the live stream; None where it is switched off."""
        if not self.settings.watch:
            return None
        folder = self.store.path.parent if self.store.path else None
        return Watch(StreamMonitor(), folder, self.recognizer.card.version, self._alarm)

    def _alarm(self, text: str) -> None:
        log.warning("what is seen has changed: %s", text)
        self.write(partial(self.store.note, "monitor", "alarm", self.recognizer.card.version, said=text))

    def saw(self, image: np.ndarray, faces: Faces, who: Hashable = None, moment: float = 0.0) -> None:
        """An answer was given, to a live stream or, without `who`, to a picture."""
        self.metrics.saw(faces)
        if self.watch:
            try:
                self.watch.saw(image, faces, who, moment)
            except Exception:  # a monitor never costs an answer
                log.exception("the monitor could not look at an answer")

    def corrected(self) -> None:
        """Somebody said that an answer was wrong."""
        self.metrics.corrections.inc()
        if self.watch:
            self.watch.corrected()

    @cached_property
    def store(self) -> Store:
        return Store(self.settings.data or data_folder())

    @cached_property
    def keys(self) -> Keys:
        return Keys(self.store)

    @cached_property
    def sessions(self) -> Sessions:
        return Sessions(self.store)

    @cached_property
    def corrections(self) -> Corrections:
        return Corrections(self.store, self.recognizer.classifier.labels)

    @cached_property
    def smoother(self) -> Callable[[], Any]:
        made: Callable[[], Any] = SMOOTHERS[self.settings.smooth]
        return made

    def stream(self) -> Stream:
        """For one camera."""
        return Stream(self.recognizer, self.smoother(), every=self.settings.every)


def _warm(classifier: Classifier) -> None:
    """Open it in both ways in which the engine runs nets."""
    side = classifier.card.preprocessing.size
    for how in (nullcontext, alone):
        with how():
            classifier(np.zeros((1, side, side, 3), np.uint8))


def _told(done: Future[Any]) -> None:
    error = None if done.cancelled() else done.exception()
    if error and not isinstance(error, LookupError):  # who asks for what is not there is told so
        log.error("the store: %s", error)
