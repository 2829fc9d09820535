"""Turn a face to the front: chips and the landmarks in them in; chips as seen from ahead, and whether it could be done, out.

Hassner et al. 2015, "Effective face frontalization in unconstrained images", with five landmarks instead of 49: the
landmarks say how a generic face is turned (scaled orthography, DeMenthon and Davis 1995); every pixel of the frontal
view is a point of that face and is read from where the point lies in the picture; where the picture shows too little of
a side, its mirror image fades in ("soft symmetry").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

GENERIC = np.array([(-32, -34, 0), (32, -34, 0), (0, 0, 34), (-25, 30, 10), (25, 30, 10)], np.float64)
"""Right eye, left eye, tip of the nose, right and left corner of the mouth of a grown face: millimetres right in the
picture, down, and towards the camera, from the base of the nose."""
STEEPEST = 60.0
"""Degrees of yaw beyond which half of the face is not to be seen."""
LARGEST_ERROR = 0.2
"""Of the fit, as a share of the distance of eyes to mouth: beyond it these are not the landmarks of a face."""


@dataclass(frozen=True)
class Pose:
    """How n generic faces stand: `matrix` (n, 2, 3) takes millimetres to pixels from `centre` (n, 2)."""

    matrix: np.ndarray
    centre: np.ndarray
    error: np.ndarray
    """(n,): root mean square of what the fit leaves, as a share of the distance of eyes to mouth."""

    @property
    def scale(self) -> np.ndarray:
        """(n,): pixels a millimetre."""
        return np.linalg.norm(self.matrix, axis=2).mean(1)

    @property
    def toward(self) -> np.ndarray:
        """(n, 3): the direction to the camera, in the face's own axes."""
        right, down = (self.matrix / np.maximum(self.scale, 1e-9)[:, None, None]).transpose(1, 0, 2)
        return np.cross(right, down)

    @property
    def yaw(self) -> np.ndarray:
        """(n,): degrees that the face is turned towards the picture's right; 0 is the front."""
        x, _, z = self.toward.T
        return np.rad2deg(np.arctan2(-x, z))


def estimate(landmarks: np.ndarray) -> Pose:
    """Landmarks (n, 5, 2) in pixels -> the poses that fit them best."""
    points = np.asarray(landmarks, np.float64)
    centre, middle = points.mean(1, keepdims=True), GENERIC.mean(0)
    shape = GENERIC - middle
    affine = np.swapaxes(points - centre, 1, 2) @ np.linalg.pinv(shape).T  # (n, 2, 3)
    u, s, v = np.linalg.svd(affine, full_matrices=False)
    matrix = (u @ v) * s.mean(1)[:, None, None]
    left = points - centre - shape @ np.swapaxes(matrix, 1, 2)
    height = np.linalg.norm(points[:, :2].mean(1) - points[:, 3:].mean(1), axis=1)
    error = np.sqrt((left**2).sum(2).mean(1)) / np.maximum(height, 1e-6)
    return Pose(matrix, centre[:, 0] - matrix @ middle, error)


def frontal(chips: np.ndarray, landmarks: np.ndarray, symmetry: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """uint8 chips (n, h, w) or (n, h, w, 3) and landmarks (n, 5, 2) in their pixels -> the chips turned to the front, of
    the same shape, and which were, bool (n,); a face turned too far, or landmarks that are no face's, stay as they are."""
    out = chips.copy()
    if not chips.size:
        return out, np.zeros(len(chips), bool)
    known = np.isfinite(landmarks).all(axis=(1, 2))
    pose = estimate(np.where(known[:, None, None], landmarks, 0))
    accepted = known & (np.abs(pose.yaw) <= STEEPEST) & (pose.error <= LARGEST_ERROR) & (pose.toward[:, 2] > 0)
    for i in np.flatnonzero(accepted):
        out[i] = _frontal(chips[i], pose.matrix[i], pose.centre[i], pose.toward[i], symmetry)
    return out, accepted


def frontalised(chips: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """`frontal`, where only the chips are asked for."""
    return frontal(chips, landmarks)[0]


def depth(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Millimetres towards the camera of the generic face's surface: a cylinder of a head, and a nose on it.

    Beyond the head's rim it falls on in a straight line."""
    head = 13 - 75 * (1 - np.sqrt(1 - np.clip(np.abs(x) / 85, 0, 0.95) ** 2)) - 0.0025 * (y - 14) ** 2
    ridge = np.clip((y + 38) / 38, 0, 1) * np.where(y > 0, np.exp(-((y / 7) ** 2)), 1)
    return head + 21.5 * ridge * np.exp(-((x / 9) ** 2))


def _frontal(chip: np.ndarray, matrix: np.ndarray, centre: np.ndarray, toward: np.ndarray, symmetry: bool) -> np.ndarray:
    import cv2

    h, w = chip.shape[:2]
    scale, middle = np.linalg.norm(matrix, axis=1).mean(), GENERIC.mean(0)
    base = centre + matrix @ middle - scale * middle[:2]  # the middle of the landmarks stays where it is
    column, row = np.meshgrid(np.arange(w, dtype=np.float64), np.arange(h, dtype=np.float64))
    x, y = (column - base[0]) / scale, (row - base[1]) / scale
    place = np.tensordot(matrix, np.stack([x, y, depth(x, y)]), 1) + centre[:, None, None]
    at = place.astype(np.float32)
    view = cv2.remap(chip, at[0], at[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if not symmetry:
        return np.asarray(view)
    off = np.abs(place - np.array([w - 1, h - 1]).reshape(2, 1, 1) / 2) > np.array([w, h]).reshape(2, 1, 1) / 2
    hidden = np.maximum(_hidden(x, y, toward), off.any(0))
    return _filled(view, hidden, ((2 * base[0] - column).astype(np.float32), row.astype(np.float32)))


def _filled(view: np.ndarray, hidden: np.ndarray, mirror: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """What is hidden gives way to its mirror image, as far as that was seen; `mirror`: column and row of each one's twin."""
    import cv2

    twin, seen = (cv2.remap(a, *mirror, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for a in (view, 1 - hidden))
    share = (hidden * seen).reshape(*hidden.shape, *[1] * (view.ndim - 2))
    return np.rint(view * (1 - share) + twin * share).astype(np.uint8)


def _hidden(x: np.ndarray, y: np.ndarray, toward: np.ndarray) -> np.ndarray:
    """0 for points of the surface that the camera sees, 1 for those that are turned away from it, less at the edge."""
    down, across = np.gradient(depth(x, y), y[:, 0], x[0])
    cosine = (toward[2] - across * toward[0] - down * toward[1]) / np.sqrt(1 + across**2 + down**2)
    return np.clip(1 - cosine / 0.3, 0, 1)
