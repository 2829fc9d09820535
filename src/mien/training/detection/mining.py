"""Find what a half-trained detector takes for a face: net and photos in, its false alarms out, to be shown more often."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np

from mien.boxes import overlap_of_smaller
from mien.datasets.photos import Photos
from mien.detectors.mien_face import MienFace
from mien.models.on_torch import applied

SURE, CLEAR = 0.3, 0.2
"""A false alarm has at least this score, and shares at most this part of the smaller box with anything annotated."""
SIDE = 448


def serving(net: keras.Model) -> Callable[[np.ndarray], list[np.ndarray]]:
    """A net in training as MienFace wants it: planes (n, 3, h, w) in, its maps out, fine to coarse."""

    whole = applied(net)

    def maps(planes: np.ndarray) -> list[np.ndarray]:
        found = whole(np.ascontiguousarray(planes.transpose(0, 2, 3, 1)))
        return [found[name] for name in sorted(found)]

    return maps


def false_alarms(net: keras.Model, photos: Photos) -> list[tuple[int, list[float]]]:
    """Number of the photo and box of left, top, right, bottom, the surest first within a photo."""
    detector = MienFace(longest_side=SIDE, score=SURE, net=serving(net))
    numbers = {photo.path: number for number, photo in enumerate(photos)}
    found = []
    for image, photo in photos.pictures():
        boxes = detector(image).box
        clear = overlap_of_smaller(boxes, photo.box).max(axis=1, initial=0) < CLEAR
        found += [(numbers[photo.path], [float(v) for v in box]) for box in boxes[clear]]
    return found
