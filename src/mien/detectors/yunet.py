"""YuNet (Wu et al. 2023) by OpenCV's own runner: image in, Faces out. Its weights come by path or `mien models pull`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import Any, ClassVar

import numpy as np

from mien.boxes import clipped
from mien.faces import Faces
from mien.image import bgr, fit
from mien.weights import cached, readable

ONE_AT_A_TIME = Lock()
"""The runner is told the size before each call."""


@dataclass(eq=False)
class YuNet:
    """Reads `face_detection_yunet_2023mar.onnx` from `path`, or from the cache, on the first call."""

    path: str | None = None
    longest_side: int = 320
    score: float = 0.6
    overlap: float = 0.3
    name: ClassVar[str] = "yunet"

    @cached_property
    def _net(self) -> Any:
        import cv2

        weights = cached("yunet.onnx", self.path, "get them with: mien models pull yunet; or name a file: yunet:FILE")
        with readable(weights):
            return cv2.FaceDetectorYN.create(str(weights), "", (320, 320), self.score, self.overlap)

    def __call__(self, image: np.ndarray) -> Faces:
        small, shrunk = fit(image, self.longest_side)
        with ONE_AT_A_TIME:
            self._net.setInputSize((small.shape[1], small.shape[0]))
            _, found = self._net.detect(bgr(small))
        if found is None:
            return Faces.none()
        found = found[np.argsort(-found[:, 14], kind="stable")]
        corners = np.concatenate([found[:, :2], found[:, :2] + found[:, 2:4]], axis=1) / shrunk
        return Faces(
            clipped(corners, image.shape[1], image.shape[0]).astype(np.float32),
            np.clip(found[:, 14], 0, 1).astype(np.float32),
            (found[:, 4:14].reshape(-1, 5, 2) / shrunk).astype(np.float32),
        )
