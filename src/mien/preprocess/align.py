"""Level the eyes: chips and the landmarks in them in, chips turned about their centre out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mien.errors import needs


def eye_angles(landmarks: np.ndarray) -> np.ndarray:
    """Landmarks (n, 5, 2), eyes first, subject's right before left -> degrees (n,) by which the picture must be turned
    counter-clockwise for the eyes to be level; 0 where both eyes are in one place."""
    across, down = (landmarks[:, 1] - landmarks[:, 0]).astype(np.float64).T
    return np.rad2deg(np.arctan2(down, across))


def level(chips: np.ndarray, degrees: np.ndarray) -> np.ndarray:
    """uint8 chips (n, h, w) or (n, h, w, 3), each turned counter-clockwise about its centre; the border goes on.

    By an angle that is no number it is not turned."""
    import cv2

    out = np.empty_like(chips)
    centre = ((chips.shape[2] - 1) / 2, (chips.shape[1] - 1) / 2)
    for chip, angle, turned in zip(chips, np.nan_to_num(degrees), out, strict=True):
        matrix = cv2.getRotationMatrix2D(centre, float(angle), 1.0)
        turned[...] = cv2.warpAffine(chip, matrix, chip.shape[1::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return out


def align(chips: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Chips (n, h, w[, 3]) with level eyes, by landmarks (n, 5, 2) in their pixels."""
    return level(chips, eye_angles(landmarks))


def five_of_68(points: np.ndarray) -> np.ndarray:
    """The 68 landmarks of iBUG's scheme, which dlib gives, (n, 68, 2) -> mien's five (n, 5, 2)."""
    p = np.asarray(points, np.float32)
    return np.stack([p[:, 36:42].mean(1), p[:, 42:48].mean(1), p[:, 30], p[:, 48], p[:, 54]], axis=1)


class Dlib68:
    """dlib's shape predictor (Kazemi and Sullivan 2014): RGB picture and boxes in, 68 landmarks a face out.

    `path` is the file `shape_predictor_68_face_landmarks.dat`, which no package may carry: its training set, iBUG 300-W,
    is for research only. Raises MissingExtra without dlib, FileNotFoundError without the file."""

    def __init__(self, path: str | Path) -> None:
        try:
            import dlib
        except ImportError:
            raise needs("dlib", "dlib's 68 landmarks") from None
        if not Path(path).is_file():
            raise FileNotFoundError(f"no file {path}; wanted dlib's shape_predictor_68_face_landmarks.dat")
        self._dlib, self._predict = dlib, dlib.shape_predictor(str(path))

    def __call__(self, image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """uint8 (h, w, 3) and boxes (n, 4) -> float32 (n, 68, 2) in pixels of the picture."""
        found = [self._predict(image, self._dlib.rectangle(*np.rint(box).astype(int).tolist())) for box in boxes]
        points = [[(point.x, point.y) for point in shape.parts()] for shape in found]
        return np.array(points, np.float32).reshape(-1, 68, 2)
