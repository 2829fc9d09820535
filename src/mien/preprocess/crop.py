"""Cut chips as the training set was cut: image, Faces and the detector's geometry in, square chips out.

FER2013's faces were cut by another detector than the one that runs now. How its squares lie relative to this
detector's boxes is measured once per detector (benchmarks/geometry.py) and undone here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mien.card import ALIGNMENT
from mien.faces import Faces
from mien.image import cut

MARGIN = 0.25
"""Of the chip's side, on each side: what may turn into sight when a chip is turned."""


@dataclass(frozen=True)
class Crop:
    """The square to cut, relative to a detected box of width w and height h."""

    side: float = 1.0
    """Side of the square over the box's size, sqrt(w h)."""
    across: float = 0.0
    """Its centre right of the box's, over the box's size."""
    down: float = 0.0
    """Its centre below the box's, over the box's size."""

    def squares(self, boxes: np.ndarray) -> np.ndarray:
        """(n, 4) boxes -> (n, 4) squares; they may leave the picture."""
        size = np.sqrt(np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 1), axis=1, keepdims=True))
        centre = (boxes[:, :2] + boxes[:, 2:]) / 2 + size * np.array([self.across, self.down])
        half = size * self.side / 2
        return np.concatenate([centre - half, centre + half], axis=1)

    def __call__(self, image: np.ndarray, faces: Faces, size: int, align: str = "") -> np.ndarray:
        """RGB (h, w, 3) and n faces -> uint8 chips (n, size, size, 3), turned as `align` says where landmarks are known."""
        squares = self.squares(faces.box)
        if not align or faces.landmarks is None:
            return cut(image, squares, size)
        margin = round(size * MARGIN)
        wide, whole = 1 + 2 * margin / size, size + 2 * margin
        squares = np.rint(_grown(squares, wide))
        corner, scale = squares[:, None, :2], whole / np.maximum(squares[:, 2:] - squares[:, :2], 1)[:, None]
        turned = ALIGNMENT[align](cut(image, squares, whole), (faces.landmarks - corner) * scale)
        return np.ascontiguousarray(turned[:, margin : margin + size, margin : margin + size])


def _grown(squares: np.ndarray, by: float) -> np.ndarray:
    """(n, 4) squares about the same centres, `by` times as wide."""
    centre, half = (squares[:, :2] + squares[:, 2:]) / 2, (squares[:, 2:] - squares[:, :2]) / 2 * by
    return np.concatenate([centre - half, centre + half], axis=1)
