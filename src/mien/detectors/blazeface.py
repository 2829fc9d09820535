"""BlazeFace, full range (Bazarevsky et al. 2019): image in, Faces out. Its weights come by path or `mien models pull`.

Reads MediaPipe's `face_detection_full_range.tflite` turned into ONNX:
`python -m tf2onnx.convert --tflite face_detection_full_range.tflite --output blazeface.onnx`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from mien.boxes import clipped, suppress
from mien.faces import Faces
from mien.image import fit
from mien.runtime import Graph
from mien.weights import cached, readable

SIDE, CELLS = 192, 48
"""Pixels of the square input; one anchor in each of CELLS x CELLS cells."""


@dataclass(eq=False)
class BlazeFace:
    """Gives eyes, nose, the middle of the mouth and ears, so none of our five landmarks: `landmarks` is None."""

    path: str | None = None
    score: float = 0.6
    overlap: float = 0.3
    name: ClassVar[str] = "blazeface"

    @cached_property
    def _net(self) -> Graph:
        how = "get them with: mien models pull blazeface --from FILE; or name a file: blazeface:FILE"
        weights = cached("blazeface.onnx", self.path, how)
        with readable(weights):
            return Graph(weights)

    def __call__(self, image: np.ndarray) -> Faces:
        small, shrunk = fit(image, SIDE)
        square = np.zeros((SIDE, SIDE, 3), np.float32)
        square[: small.shape[0], : small.shape[1]] = small / 127.5 - 1
        out = self._net.run(square[None])
        raw, logits = sorted((o.reshape(CELLS * CELLS, -1) for o in out), key=lambda o: -o.shape[1])
        scores = 1 / (1 + np.exp(-np.clip(logits[:, 0], -100, 100)))
        keep = np.nonzero(scores >= self.score)[0]
        row, column = np.divmod(keep, CELLS)
        anchor = (np.stack([column, row], axis=1) + 0.5) * SIDE / CELLS
        centre, half = anchor + raw[keep, :2], raw[keep, 2:4] / 2
        boxes = np.concatenate([centre - half, centre + half], axis=1) / shrunk
        best = suppress(boxes, scores[keep], self.overlap)
        inside = clipped(boxes[best], image.shape[1], image.shape[0])
        return Faces(inside.astype(np.float32), scores[keep][best].astype(np.float32))
