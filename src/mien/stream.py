"""One camera or video: its frames in order in, Faces that are followed, classified and steadied out.

detect -> track -> crop -> classify -> smooth. Detection is most of a frame's time, so it is spared where little is lost:
between two looks faces are moved on as they moved before, and while all faces are large a smaller picture is enough.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from mien.boxes import longer_side
from mien.detectors import Detector
from mien.detectors.mien_face import MienFace
from mien.faces import Faces
from mien.image import load
from mien.recognizer import Recognizer
from mien.smoothing import Smoother, Unsmoothed
from mien.tracking import Tracker


@dataclass(eq=False)
class Looks:
    """Which detector looks at a frame, if any. `whole` sees all that is there; `small` only large faces, at less cost."""

    whole: Detector
    small: Detector | None = None
    every: int = 1
    """Only each n-th frame is looked at while there are faces."""
    large: float = 0.35
    """Longer side of a face over the picture's, from which on `small` sees it as well."""
    rest: float = 0.4
    """Seconds after a look in which the next may be spared, where there is no time for more."""
    longest: float = 1.0
    """Seconds after a look in which another one comes, however few frames there were."""
    newcomers: int = 15
    """After so many looks at the small picture comes one at the whole: faces that came may be smaller."""
    _skipped: int = field(default=0, repr=False)
    _looks: int = field(default=0, repr=False)
    _looked: float | None = field(default=None, repr=False)

    def __call__(self, shape: tuple[int, ...], last: Faces, time: float | None = None, hurry: bool = False) -> Detector | None:
        """`last`: the faces of the frame before. `hurry`: whether others wait."""
        since = np.inf if time is None or self._looked is None else time - self._looked
        rests = hurry and since < self.rest
        if rests or (len(last) and self._skipped + 1 < self.every and (time is None or since < self.longest)):
            self._skipped += 1
            return None
        self._skipped, self._looked = 0, time
        enough = len(last) > 0 and longer_side(last.box).min() >= self.large * max(shape[:2])
        self._looks = self._looks + 1 if enough else 0
        return self.small if self.small and enough and self._looks % self.newcomers else self.whole


class Stream:
    """`Stream(recognizer)(frame, seconds)` -> Faces. `spare`: look at small pictures where that is enough."""

    def __init__(self, recognizer: Recognizer, smoother: Smoother | None = None, *, every: int = 1, spare: bool = True) -> None:
        self.recognizer, self.smoother = recognizer, smoother or Unsmoothed()
        self.every, self.spare = every, spare
        self.last = Faces.none()

    @cached_property
    def _parts(self) -> tuple[Looks, Tracker]:
        return _set_up(self.recognizer.detector, self.every, self.spare)

    def __call__(self, image: Any, time: float | None = None) -> Faces:
        """Any picture and, if known, the seconds at which it was taken. Raises what `mien.image.load` raises."""
        return self.classified(*self.found(image, time), time)

    def found(self, image: Any, time: float | None = None, hurry: bool = False) -> tuple[np.ndarray, Faces]:
        """The picture as an array, and the faces followed in it. `hurry`: others wait, so look no oftener than needed."""
        rgb = load(image, self.recognizer.limits)
        look, track = self._parts
        detector = look(rgb.shape, self.last, time, hurry)
        self.last = track(detector(rgb), time) if detector else track.between(self.last, time)
        return rgb, self.last

    def classified(self, image: np.ndarray, faces: Faces, time: float | None = None) -> Faces:
        return self.steadied(self.recognizer.classify(image, faces), time)

    def steadied(self, faces: Faces, time: float | None = None) -> Faces:
        """Classified faces, smoothed along their tracks; what is still unsure then is said to be."""
        return self.recognizer.doubt(self.smoother(faces, time))


SMALL = 0.6
"""Of the detector's longer side: a third of the work. There faces of a third of the picture are named as well as in the whole
one, to a point; smaller ones are not (benchmarks/tracking.py)."""
DOUBT = 0.5
"""Of the detector's threshold: a face that scores so little goes on with a track, and starts none."""


def _set_up(detector: Detector, every: int, spare: bool) -> tuple[Looks, Tracker]:
    if not isinstance(detector, MienFace):
        return Looks(detector, every=every), Tracker(start=0.0)
    whole = detector.seeing(score=DOUBT * detector.least)
    small = whole.seeing(longest_side=round(SMALL * detector.side), smooth=False) if spare else None
    return Looks(whole, small, every), Tracker(start=detector.least)
