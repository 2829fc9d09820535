"""Viola-Jones (2001): boosted Haar features, OpenCV's frontal cascade. Image in, Faces out; here because the papers use it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import Any, ClassVar

import numpy as np

from mien.faces import Faces
from mien.image import fit, gray

ONE_AT_A_TIME = Lock()
"""A cascade keeps its scales between calls: two threads at once break it."""
CERTAIN = 8.0
"""Level weight of the cascade's last stage that counts as score 1; weights seen on photos run from 0 to about 10."""


@dataclass(eq=False)
class Haar:
    """Opens OpenCV's bundled cascade on the first call. It has no probability: the score is the last stage's weight."""

    scale: float = 1.1
    neighbours: int = 5
    smallest_face: int = 30
    """Pixels of the shrunk picture."""
    longest_side: int = 640
    name: ClassVar[str] = "haar"

    @cached_property
    def _cascade(self) -> Any:
        import cv2

        return cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")  # type: ignore[attr-defined]

    def __call__(self, image: np.ndarray) -> Faces:
        small, shrunk = fit(image, self.longest_side)
        with ONE_AT_A_TIME:
            found, _, weights = self._cascade.detectMultiScale3(
                gray(small), self.scale, self.neighbours, minSize=(self.smallest_face,) * 2, outputRejectLevels=True
            )
        if not len(found):
            return Faces.none().having(landmarks=None)
        order = np.argsort(-np.ravel(weights), kind="stable")
        boxes = np.array(found, np.float32)[order]
        boxes[:, 2:] += boxes[:, :2]
        scores = np.clip(np.ravel(weights)[order] / CERTAIN, 0, 1)
        return Faces((boxes / shrunk).astype(np.float32), scores.astype(np.float32))
