"""What a recording keeps: frames and their faces in; crops that are due out, one a face now and then."""

from __future__ import annotations

import numpy as np

from mien.faces import Faces
from mien.feedback.sessions import UNTRACKED
from mien.image import encode
from mien.preprocess.crop import Crop

SIDE = 112
"""Pixels of a kept crop."""


class Recorder:
    """`recorder(image, faces, moment)` -> (track, PNG) of each face that was not kept for `every` seconds."""

    def __init__(self, crop: Crop, every: float) -> None:
        self.crop, self.every = crop, every
        self._last: dict[int, float] = {}

    def __call__(self, image: np.ndarray, faces: Faces, moment: float) -> list[tuple[int, bytes]]:
        tracks = np.full(len(faces), UNTRACKED) if faces.track_id is None else faces.track_id
        due = np.array([moment - self._last.get(int(track), -np.inf) >= self.every for track in tracks], bool)
        self._last |= {int(track): moment for track in tracks[due]}
        return [(int(track), encode(crop)) for track, crop in zip(tracks[due], self.crop(image, faces[due], SIDE), strict=True)]
