"""Arithmetic on boxes: float arrays (n, 4) of left, top, right, bottom in pixels in, arrays out."""

from __future__ import annotations

import numpy as np


def area(boxes: np.ndarray) -> np.ndarray:
    """(n, 4) -> (n,); a box turned inside out has none."""
    return np.maximum(boxes[:, 2] - boxes[:, 0], 0) * np.maximum(boxes[:, 3] - boxes[:, 1], 0)


def intersection(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n, 4) and (m, 4) -> the shared area of each pair (n, m)."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    return np.prod(np.maximum(high - low, 0), axis=2)


def iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n, 4) and (m, 4) -> intersection over union of each pair (n, m), 0..1."""
    both = intersection(a, b)
    union = area(a)[:, None] + area(b)[None] - both
    return np.divide(both, union, out=np.zeros_like(both), where=union > 0)


def overlap_of_smaller(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Like `iou`, over the smaller of the two areas: 1 for a box inside another."""
    both = intersection(a, b)
    least = np.minimum(area(a)[:, None], area(b)[None])
    return np.divide(both, least, out=np.zeros_like(both), where=least > 0)


def suppress(boxes: np.ndarray, scores: np.ndarray, threshold: float, overlap=iou) -> np.ndarray:  # type: ignore[no-untyped-def]
    """Non-maximum suppression: indices kept, best score first; none overlaps a better one by more than `threshold`."""
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        order = order[overlap(boxes[best : best + 1], boxes[order])[0] <= threshold]  # a row at a time: crowds have thousands
    return np.array(kept, int)


def longer_side(boxes: np.ndarray) -> np.ndarray:
    """(n, 4) -> (n,)."""
    return np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])


def mapped(boxes: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Boxes (n, 4) of faces through an affine map (2, 3): a face is an ellipse, and the hull of it turns with it."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 @ matrix[:, :2].T + matrix[:, 2]
    half = np.sqrt(((boxes[:, 2:] - boxes[:, :2]) / 2) ** 2 @ (matrix[:, :2].T ** 2))
    return np.concatenate([centre - half, centre + half], axis=1)


def squared(boxes: np.ndarray) -> np.ndarray:
    """Squares of the longer side, about the same centres (n, 4)."""
    side = longer_side(boxes)[:, None]
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    return np.concatenate([centre - side / 2, centre + side / 2], axis=1)


def clipped(boxes: np.ndarray, width: float, height: float) -> np.ndarray:
    """The part of each box inside a picture of this size (n, 4)."""
    return np.clip(boxes, 0, np.array([width, height, width, height], boxes.dtype))
