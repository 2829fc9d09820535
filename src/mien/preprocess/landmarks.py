"""Landmarks of faces that are cut already: chips in, the five points that the detector finds in them out."""

from __future__ import annotations

from functools import cache

import numpy as np

from mien.card import ALIGNMENT
from mien.detectors import Detector, load_detector
from mien.faces import Faces
from mien.image import resize

SIDE, MARGIN, GRAY = 192, 64, 128
"""Pixels that a chip is enlarged to, and of border around it, since detectors want to see where a head ends; its gray level."""
MIRRORED = [1, 0, 2, 4, 3]
"""Which landmark each is in the mirror image."""


def framed(chip: np.ndarray) -> np.ndarray:
    """A chip (h, w) or (h, w, 3), enlarged, in the middle of an RGB picture (320, 320, 3)."""
    large = resize(chip, SIDE, SIDE).reshape(SIDE, SIDE, -1)
    around = ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0))
    return np.pad(np.broadcast_to(large, (SIDE, SIDE, 3)), around, constant_values=GRAY)


def landmarks_in(chips: np.ndarray, detector: Detector | None = None) -> tuple[np.ndarray, np.ndarray]:
    """uint8 chips (n, h, w) or (n, h, w, 3) -> landmarks (n, 5, 2) in their pixels, and where a face was found, bool (n,).

    Each is the mean of what is found in the chip and in its mirror image, so that it leans to neither side."""
    find = detector or _default()
    points, found = np.zeros((len(chips), 5, 2)), np.zeros(len(chips), bool)
    to_chip = np.array(chips.shape[2:0:-1]) / SIDE
    for i, chip in enumerate(chips):
        straight, mirror = _points(find(framed(chip))), _points(find(framed(chip[:, ::-1])))
        if straight is not None and mirror is not None:
            turned = (mirror * [-1, 1] + [2 * MARGIN + SIDE - 1, 0])[MIRRORED]
            points[i], found[i] = ((straight + turned) / 2 - MARGIN) * to_chip, True
    return points, found


@cache
def _default() -> Detector:
    return load_detector()


def _points(faces: Faces) -> np.ndarray | None:
    """Landmarks (5, 2) of the surest face."""
    return faces.landmarks[0] if len(faces) and faces.landmarks is not None else None


def aligned(chips: np.ndarray, align: str, detector: Detector | None = None) -> np.ndarray:
    """Chips of a labelled set turned as a card's `align` says; those in which no face is found stay as they are.

    Serving turns them by the landmarks of the face that was found in the picture; here they are looked for in the chip."""
    if not align or not len(chips):
        return chips
    points, found = landmarks_in(chips, detector)
    out = chips.copy()
    out[found] = ALIGNMENT[align](chips[found], points[found])
    return out
