"""dlib's frontal detector: histograms of oriented gradients and a linear SVM (Dalal & Triggs 2005). Image in, Faces out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import Any, ClassVar

import numpy as np

from mien.boxes import clipped
from mien.errors import needs
from mien.faces import Faces
from mien.image import fit, gray

ONE_AT_A_TIME = Lock()
"""The detector keeps its pyramid between calls: two threads at once crash the interpreter."""
CERTAIN = 2.0
"""SVM distance that counts as score 1; 0 is the detector's own threshold."""


@dataclass(eq=False)
class DlibHog:
    """Needs `pip install 'mien[dlib]'`. The smallest face it knows is 80 pixels, halved with each `upsample`."""

    longest_side: int = 640
    upsample: int = 0
    name: ClassVar[str] = "dlib_hog"

    @cached_property
    def _detector(self) -> Any:
        try:
            import dlib
        except ImportError:
            raise needs("dlib", "the detector dlib_hog") from None
        return dlib.get_frontal_face_detector()

    def __call__(self, image: np.ndarray) -> Faces:
        small, shrunk = fit(image, self.longest_side)
        with ONE_AT_A_TIME:
            found, distances, _ = self._detector.run(gray(small), self.upsample, 0.0)
        boxes = np.array([(r.left(), r.top(), r.right() + 1, r.bottom() + 1) for r in found], np.float32).reshape(-1, 4)
        order = np.argsort(-np.array(distances), kind="stable").astype(int)
        scores = np.clip(0.5 + np.array(distances) / (2 * CERTAIN), 0, 1)[order]
        inside = clipped(boxes[order] / shrunk, image.shape[1], image.shape[0])
        return Faces(inside.astype(np.float32), scores.astype(np.float32))
