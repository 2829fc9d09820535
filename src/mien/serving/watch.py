"""The monitor of the live stream in a server: answers in, as they are given; what accuracy is likely now, and alarms, out.

Of a track one answer a second is looked at, of pictures every face. What is usual is learnt from the first windows that a
model answers, and kept in the data folder; it begins anew with another model, or when somebody says so."""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import asdict, replace
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from mien.faces import Faces
from mien.feedback.monitor.stream import Said, StreamMonitor
from mien.feedback.monitor.windows import NAMES, REFERENCE, STEPS, WINDOW, Answers, Usual, look, measured
from mien.image import gray, resize

log = logging.getLogger("mien.serve")
FILE = "usual.json"
EVERY = 1.0
"""Seconds between two answers of one track that are looked at."""
SIDE = 48
"""Pixels at which a face is looked at."""
TRACKS = 4096
"""Tracks that are remembered."""
OVER = 0.5
"""Share of the threshold below which an alarm is over."""
TOLD = 3
"""Things that differ most, in an alarm."""


class Watch:
    """`saw(...)` in any thread. `alarm(text)` is called when one is raised, once for each time."""

    def __init__(
        self, monitor: StreamMonitor, folder: Path | None, model: str, alarm: Callable[[str], None] = lambda text: None
    ) -> None:
        """`folder`: where what is usual is kept; None: nowhere. `model`: version of the one that answers."""
        self.monitor, self.file, self.alarm = monitor, folder and folder / FILE, alarm
        self._lock = Lock()
        self._begin(model)

    def _begin(self, model: str) -> None:
        self.model = model
        self.said: Said | None = None
        self.usual = self._kept()
        self.windows = 0
        """That were seen since."""
        self._rows: list[tuple[np.ndarray, np.ndarray, float, float]] = []
        """Of each answer of the window that is not full yet: probabilities, looks, whether it turned, corrections."""
        self._reference: list[tuple[np.ndarray, np.ndarray]] = []
        self._recent: deque[tuple[np.ndarray, np.ndarray]] = deque(maxlen=8 * STEPS)
        self._tracks: dict[Hashable, tuple[float, int]] = {}
        self._corrections = 0

    def begin(self, model: str) -> None:
        """Another model answers."""
        with self._lock:
            self._begin(model)

    def forget(self) -> None:
        """What is usual is learnt anew."""
        with self._lock:
            if self.file:
                self.file.unlink(missing_ok=True)
            self._begin(self.model)

    def corrected(self) -> None:
        """Somebody corrected an answer."""
        with self._lock:
            self._corrections += 1

    def saw(self, image: np.ndarray, faces: Faces, who: Hashable = None, moment: float = 0.0) -> None:
        """An answer was given. `who`, `moment`: of a live stream, whose tracks are followed; None: it is a picture."""
        p = faces.raw if faces.raw is not None else faces.probability
        if p is None or not len(faces):
            return
        for i in range(len(faces)):
            top = int(p[i].argmax())
            with self._lock:
                turned = self._turned(who, faces, i, top, moment)
            if turned is None:
                continue
            seen = _look(image, faces.box[i])
            with self._lock:
                corrections, self._corrections = self._corrections, 0
                self._rows.append((p[i].astype(np.float32), seen, turned, float(corrections)))
                if len(self._rows) >= WINDOW:
                    self._closed()

    def _turned(self, who: Hashable, faces: Faces, i: int, top: int, moment: float) -> float | None:
        """Whether the track shows something else than a second ago, NaN where nothing was before; None: it is not due."""
        if who is None or faces.track_id is None:
            return float("nan")
        key = who, int(faces.track_id[i])
        before = self._tracks.pop(key, None)
        if before and moment - before[0] < EVERY:
            self._tracks[key] = before
            return None
        while len(self._tracks) >= TRACKS:
            self._tracks.pop(next(iter(self._tracks)))
        self._tracks[key] = moment, top
        return float(top != before[1]) if before else float("nan")

    def _closed(self) -> None:
        """A window is full."""
        p, looks, turned, corrected = (np.array(column) for column in zip(*self._rows, strict=True))
        self._rows.clear()
        values, mixes = measured(Answers(p, looks, turned, corrected))
        self.windows += 1
        if self.usual is None:
            self._reference.append((values[0], mixes[0]))
            if len(self._reference) == REFERENCE:
                self.usual = Usual.of(*(np.array(column) for column in zip(*self._reference, strict=True)))
                self._keep()
            return
        self._recent.append((self.usual.beside(values, mixes)[0], values[0, NAMES.index("confidence")]))
        beside, confidence = (np.array(column) for column in zip(*self._recent, strict=True))
        before, said = bool(self.said and self.said.changed), self.monitor.now(beside, confidence)
        self.said = replace(said, changed=said.changed or (before and said.alarm >= OVER * self.monitor.card.threshold))
        if self.said.changed and not before:
            self.alarm(f"accuracy is likely {self.said.accuracy:.0%} now; {'; '.join(self.why())}")

    def why(self) -> list[str]:
        """What differs most from what is usual, over the last windows."""
        if not self._recent or self.usual is None:
            return []
        last = np.array([beside for beside, _ in list(self._recent)[-4:]]).mean(0)
        order = np.argsort(-np.abs(last))[:TOLD]
        return [
            f"{NAMES[i]} {abs(last[i]):.1f} deviations {'above' if last[i] > 0 else 'below'} usual"
            for i in order
            if abs(last[i]) >= 1
        ]

    def summary(self) -> dict[str, Any]:
        """For a dashboard. `accuracy`, `alarm` and `changed` are None until what is usual is known; `known`: how far that is."""
        with self._lock:
            told: dict[str, Any] = dict.fromkeys(("accuracy", "alarm", "changed")) if self.said is None else asdict(self.said)
            known = 1.0 if self.usual else (len(self._reference) + len(self._rows) / WINDOW) / REFERENCE
            return {**told, "known": round(known, 3), "why": self.why() if self.said and self.said.changed else []}

    def _kept(self) -> Usual | None:
        """What was usual when this model answered before."""
        if not self.file or not self.file.exists():
            return None
        try:
            told = json.loads(self.file.read_text(encoding="utf-8"))
            if told["model"] != self.model:
                return None
            return Usual(*(np.array(told[name], float) for name in ("mean", "spread", "mix")))
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.error("%s cannot be read (%s); what is usual is learnt anew", self.file, error)
            return None

    def _keep(self) -> None:
        if self.file and self.usual:
            told = {"model": self.model, **{name: array.tolist() for name, array in vars(self.usual).items()}}
            new = self.file.with_suffix(".new")
            new.write_text(json.dumps(told) + "\n", encoding="utf-8")
            new.replace(self.file)


def _look(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Sharpness, mean and deviation of the gray levels of the face in an RGB picture (3,)."""
    height, width = image.shape[:2]
    left, top, right, bottom = (round(float(v)) for v in np.clip(box, 0, (width, height, width, height)))
    part = image[top : max(bottom, top + 1), left : max(right, left + 1)]
    small = resize(part, SIDE, SIDE) if part.size else np.zeros((SIDE, SIDE, 3), np.uint8)
    return look(gray(small)[None])[0]
