"""How well a face can be read: Faces and their chips in, one number a face out.

quality = (size x sharpness x pose) ^ (1/3), each 0..1:
  size       shorter side of the box over 48 pixels, at most 1: what the classifier sees before anything is made up;
  sharpness  deviation of the Laplacian of the chip over the chip's own deviation, against that of a sharp face;
  pose       1 facing the camera, 0 in profile: the nose's place between the eyes, across (left out without landmarks).
The Laplacian measure is Pech-Pacheco et al. 2000, over the variance so that a dark face is not called blurred.
"""

from __future__ import annotations

import numpy as np

from mien.faces import Faces

READABLE = 48.0
"""Pixels."""
SHARP = 0.55
"""Deviation of the Laplacian over deviation; 95 % of FER2013's PublicTest chips exceed it. Blurred by a sigma of 1 pixel
their median is 0.25, by 2 pixels 0.098."""


def quality(faces: Faces, chips: np.ndarray) -> np.ndarray:
    """Faces (n) and gray uint8 chips (n, h, w) -> float32 (n,), 0..1."""
    size = np.minimum(np.minimum(*(faces.box[:, 2:] - faces.box[:, :2]).T) / READABLE, 1)
    return np.cbrt(np.clip(size, 0, 1) * sharpness(chips) * pose(faces)).astype(np.float32)


def sharpness(chips: np.ndarray) -> np.ndarray:
    """Gray uint8 chips (n, h, w) -> (n,), 0 for a blank or blurred one, 1 for a sharp one."""
    x = chips.astype(np.float32)
    edges = x[:, :-2, 1:-1] + x[:, 2:, 1:-1] + x[:, 1:-1, :-2] + x[:, 1:-1, 2:] - 4 * x[:, 1:-1, 1:-1]
    spread = x.var(axis=(1, 2))
    return np.minimum(np.sqrt(edges.var(axis=(1, 2)) / np.maximum(spread, 1)) / SHARP, 1)


def pose(faces: Faces) -> np.ndarray:
    """(n,): how near the middle of the eyes the nose stands, measured along the line between them."""
    if faces.landmarks is None or not len(faces):
        return np.ones(len(faces))
    right, left, nose = (faces.landmarks[:, i].astype(np.float64) for i in range(3))
    line = left - right
    length = np.maximum((line**2).sum(1), 1e-6)
    along = ((nose - right) * line).sum(1) / length  # 0 at the right eye, 1 at the left
    return np.clip(1 - 2 * np.abs(along - 0.5), 0, 1)
