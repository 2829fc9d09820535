"""Gray faces as worse cameras, light and boxes would show them: a face and a strength in, the changed face out.

For streams in which something changes (mien.feedback.monitor.drifts)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

Change = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]
"""A gray face uint8 (h, w), a strength 0 to 1: the face as it would be seen then."""


def blurred(face: np.ndarray, strength: float, draw: np.random.Generator) -> np.ndarray:
    import cv2

    return cv2.GaussianBlur(face, (0, 0), 0.4 + 2.2 * strength)


def darkened(face: np.ndarray, strength: float, draw: np.random.Generator) -> np.ndarray:
    """Less light, and the noise of a sensor that has little of it."""
    level = face * (1 - 0.88 * strength)
    return _bytes(level + draw.normal(0, 1 + 4 * strength, face.shape))


def compressed(face: np.ndarray, strength: float, draw: np.random.Generator) -> np.ndarray:
    import cv2

    _, data = cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, int(32 - 28 * strength)])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE))


def turned(face: np.ndarray, strength: float, draw: np.random.Generator) -> np.ndarray:
    """The camera hangs at an angle."""
    return moved(face, angle=10 + 35 * strength)


def noisy(face: np.ndarray, strength: float, draw: np.random.Generator) -> np.ndarray:
    return _bytes(face + draw.normal(0, 8 + 34 * strength, face.shape))


def hazy(face: np.ndarray, strength: float, draw: np.random.Generator) -> np.ndarray:
    """A dirty or misted lens: little contrast."""
    return _bytes(190 + (face - 190.0) * (1 - 0.85 * strength))


def glaring(face: np.ndarray, strength: float, draw: np.random.Generator) -> np.ndarray:
    return _bytes(face * (1 + 2.2 * strength) + 40 * strength)


def coarse(face: np.ndarray, strength: float, draw: np.random.Generator) -> np.ndarray:
    """Faces far away: few pixels."""
    import cv2

    side = max(6, int(24 - 16 * strength))
    small = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, face.shape[::-1], interpolation=cv2.INTER_LINEAR)


def covered(face: np.ndarray, strength: float, draw: np.random.Generator) -> np.ndarray:
    """Masks: the lower part of a face cannot be seen."""
    out = face.copy()
    if draw.random() < 0.3 + 0.7 * strength:
        out[int(face.shape[0] * 0.58) :] = 225
    return out


def displaced(face: np.ndarray, strength: float, draw: np.random.Generator) -> np.ndarray:
    """Boxes that no longer fit."""
    dx, dy = draw.normal(0, 2 + 7 * strength, 2)
    return moved(face, dx=dx, dy=dy)


CHANGES: Mapping[str, Change] = {
    "blur": blurred, "darkness": darkened, "compression": compressed, "rotation": turned, "noise": noisy, "haze": hazy,
    "glare": glaring, "distance": coarse, "masks": covered, "misplaced boxes": displaced,
}  # fmt: skip


def moved(face: np.ndarray, angle: float = 0.0, dx: float = 0.0, dy: float = 0.0) -> np.ndarray:
    import cv2

    height, width = face.shape
    matrix = cv2.getRotationMatrix2D((width / 2 - 0.5, height / 2 - 0.5), angle, 1.0)
    matrix[:, 2] += dx, dy
    return cv2.warpAffine(face, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def _bytes(levels: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)
