"""Follow faces along a video: the faces of one frame after another in, the same with a `track_id` out.

As ByteTrack (Zhang et al. 2022): sure faces are matched first with where the tracks should be by now, then what is left
of the tracks with the doubtful ones; only a sure face starts a track. Overlap is that of boxes with a margin
(Yang et al. 2023), so that a quick face in a slow video is not lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mien.boxes import iou
from mien.faces import Faces

FRAME = 0.04
"""Seconds between two frames where nobody says when they were taken."""


def later(before: float, time: float | None) -> float:
    """The time of the next frame: never before the last, FRAME after it where nobody says."""
    return max(before, before + FRAME if time is None else time)


@dataclass(eq=False)
class Track:
    """One face along the video."""

    id: int
    state: np.ndarray
    """(4,): x and y of the centre, log of width and height, when last seen."""
    speed: np.ndarray
    """(4,): the same, a second."""
    seen: float
    """Seconds."""
    hits: int = 1
    missed: int = 0
    """Looks in which it was not found, since it was."""

    def at(self, time: float) -> np.ndarray:
        """Where it should be: on along its way, ever slower, as nobody knows where a hidden face goes; size as it was."""
        ahead = COAST * (1 - np.exp(-max(time - self.seen, 0) / COAST))
        return self.state + self.speed * ahead * (1, 1, 0, 0)

    def met(self, state: np.ndarray, time: float) -> None:
        """Seen again. A track's speed is the mean of its last few steps."""
        passed = max(time - self.seen, 1e-3)
        share = max(1 / self.hits, 1 - np.exp(-passed / MEMORY))
        self.speed += share * ((state - self.state) / passed - self.speed)
        self.state, self.seen, self.hits, self.missed = state, time, self.hits + 1, 0


COAST = 0.4
"""Seconds after which an unseen face is taken to stand still."""
MEMORY = 0.15
"""Seconds over which speed is averaged."""


@dataclass(eq=False)
class Tracker:
    """`tracker(faces, time)` -> the faces that are followed. One tracker a video, its frames in order."""

    start: float = 0.5
    """Score from which on a face starts a track; less sure ones only go on with one."""
    overlap: float = 0.2
    """IoU, with a margin, from which on a face may be a track's."""
    margin: float = 0.3
    """Added to each side of a box for that, as a share of the side."""
    patience: float = 1.0
    """Seconds after which a face is forgotten that was looked for in vain ..."""
    longest: float = 5.0
    """... and one that was not looked for, as between two frames of a slow camera."""
    tracks: list[Track] = field(default_factory=list, repr=False)
    _next: int = field(default=1, repr=False)
    _time: float = field(default=-FRAME, repr=False)

    def __call__(self, faces: Faces, time: float | None = None) -> Faces:
        """`time`: seconds of the video, never falling; None: FRAME after the last. Doubtful faces without a track are dropped."""
        self._pass(time)
        states, ids = _states(faces.box), np.full(len(faces), -1)
        sure = faces.score >= self.start
        free = self._match(np.nonzero(sure)[0], states, ids, self.tracks)
        for unseen in self._match(np.nonzero(~sure)[0], states, ids, free):
            unseen.missed += 1
        for i in np.nonzero(sure & (ids < 0))[0]:
            ids[i] = self._next
            self.tracks.append(Track(self._next, states[i], np.zeros(4), self._time))
            self._next += 1
        return faces.having(track_id=ids)[ids >= 0]

    def _pass(self, time: float | None) -> None:
        """It is later, and what nobody saw for long is forgotten."""
        self._time = later(self._time, time)
        self.tracks = [t for t in self.tracks if self._time - t.seen <= (self.patience if t.missed else self.longest)]

    def _match(self, rows: np.ndarray, states: np.ndarray, ids: np.ndarray, tracks: Sequence[Track]) -> list[Track]:
        """Give `ids` to the rows that fit a track, the best fit first; the tracks that are left."""
        ahead = np.array([t.at(self._time) for t in tracks]).reshape(-1, 4)
        fit = iou(_boxes(states[rows], self.margin), _boxes(ahead, self.margin))  # (rows, tracks)
        taken = set()
        for flat in np.argsort(-fit, axis=None, kind="stable"):
            row, track = divmod(int(flat), len(tracks))
            if fit[row, track] < self.overlap:
                break
            if ids[rows[row]] < 0 and track not in taken:
                taken.add(track)
                ids[rows[row]] = tracks[track].id
                tracks[track].met(states[rows[row]], self._time)
        return [t for i, t in enumerate(tracks) if i not in taken]

    def between(self, faces: Faces, time: float | None = None) -> Faces:
        """What was found in an earlier frame, moved to where it should be by now: for a frame that nobody looked at."""
        self._pass(time)
        known = {t.id: t for t in self.tracks}
        ids = faces.track_id if faces.track_id is not None else np.zeros(0, int)
        faces = faces[np.array([int(i) in known for i in ids], bool)]
        ahead = np.array([known[int(i)].at(self._time) for i in ids if int(i) in known]).reshape(-1, 4)
        box = _boxes(ahead).astype(np.float32)
        moved = (box[:, :2] + box[:, 2:] - faces.box[:, :2] - faces.box[:, 2:]) / 2
        points = None if faces.landmarks is None else faces.landmarks + moved[:, None]
        return faces.having(box=box, landmarks=points)


def _states(boxes: np.ndarray) -> np.ndarray:
    """(n, 4) boxes -> (n, 4): x and y of the centre, log of width and height."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-3)
    return np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, np.log(sides)], axis=1).astype(np.float64)


def _boxes(states: np.ndarray, margin: float = 0.0) -> np.ndarray:
    """(n, 4) states -> (n, 4) boxes, each side moved out by a share of the box's."""
    half = np.exp(states[:, 2:]) * (0.5 + margin)
    return np.concatenate([states[:, :2] - half, states[:, :2] + half], axis=1)
