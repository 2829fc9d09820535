"""Collect labelled faces from a camera: frames and the expression that was asked for in; samples with their person out.

Nothing is asked or kept here but of a person who agreed: `Session` wants the words of it. One face must be in view, large
enough; otherwise the frame gives nothing and says why."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from mien.boxes import longer_side
from mien.datasets.base import SPLITS, Sample
from mien.detectors import Detector, crop_of, load_detector
from mien.labels import LabelSet
from mien.sources import Frame

SIDE = 96
"""Pixels of a collected chip: twice what FER2013 has, for models to come."""
SMALLEST = 48.0
"""Pixels, longer side of a face that is taken."""
PAUSE = 0.3
"""Seconds between two samples: sooner, they are the same."""


@dataclass
class Session:
    """One sitting of one person. Raises ValueError without a person or without consent."""

    subject: str
    consent: str
    """The words that the person agreed to."""
    labels: LabelSet
    id: str = field(default_factory=lambda: time.strftime("%Y%m%d-%H%M%S"))
    detector: Detector = field(default_factory=load_detector)

    def __post_init__(self) -> None:
        if not self.subject.strip():
            raise ValueError("whose faces are they? give a subject, such as a number or a made-up name")
        if not self.consent.strip():
            raise ValueError("nothing is collected without the person's consent")

    def taken(
        self, frames: Iterable[Frame], label: str, number: int, told: Callable[[str], None] = lambda why: None
    ) -> Iterator[Sample]:
        """At most so many samples of one expression; `told` hears why a frame was passed over.

        Raises ValueError for an expression that is not among the labels, MienError for a camera that cannot be read."""
        index, count, due = self.labels.index(label), 0, 0.0
        for frame in frames:
            if count >= number:
                return
            if frame.error is not None:
                raise frame.error
            if frame.image is None or frame.time_s < due:
                continue
            chip, why = self._chip(frame.image)
            if chip is None:
                told(why)
                continue
            count, due = count + 1, frame.time_s + PAUSE
            key = f"{self.subject}/{self.id}/{self.labels[index]}/{count:03d}"
            yield Sample(chip, index, SPLITS[0], key, None, self.subject)

    def _chip(self, image: np.ndarray) -> tuple[np.ndarray | None, str]:
        """The only face of the picture, or why there is none to take."""
        faces = self.detector(image)
        if len(faces) != 1:
            return None, "no face in view" if not len(faces) else f"{len(faces)} faces in view, one is wanted"
        if longer_side(faces.box)[0] < SMALLEST:
            return None, "the face is too far away"
        return crop_of(self.detector)(image, faces, SIDE)[0], ""
