"""Which cells answer for which face: predictions and faces in, an owner a cell out (SimOTA, Ge et al. 2021)."""

from __future__ import annotations

from typing import Any

from keras import ops

NEAR = 2.5
"""Cells from a face's centre, within which a cell is preferred."""
MOST = 10
"""Cells a face gets at most."""
FAR = 1e5
"""Cost of a cell that is not near the centre, or not in the box."""


def iou(a: Any, b: Any) -> Any:
    """Boxes (..., 4) of left, top, right, bottom, broadcast against each other -> (...)."""
    low, high = ops.maximum(a[..., :2], b[..., :2]), ops.minimum(a[..., 2:], b[..., 2:])
    side = ops.maximum(high - low, 0.0)
    both = side[..., 0] * side[..., 1]
    return both / ops.maximum(_area(a) + _area(b) - both, 1e-6)


def _area(boxes: Any) -> Any:
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def assign(cells: Any, logits: Any, boxes: Any, faces: Any, real: Any) -> tuple[Any, Any, Any]:
    """Cells (b, n, 3) of x, y, stride with their logits (b, n) and boxes (b, n, 4); faces (b, g, 4), `real` (b, g).

    Returns positive (b, n), the index of each cell's face (b, n) and its IoU with that face (b, n).
    A face gets as many cells as the ten best overlaps sum to; a cell wanted twice goes to the cheaper face."""
    overlap = iou(boxes[:, None], faces[:, :, None])  # (b, g, n)
    inside, near = _places(cells, faces)
    candidate = ops.logical_and(ops.logical_or(inside, near), real[..., None])
    overlap = ops.where(candidate, overlap, 0.0)
    cost = ops.softplus(-logits)[:, None] - 3.0 * ops.log(overlap + 1e-7)
    cost = cost + ops.where(ops.logical_and(inside, near), 0.0, FAR) + ops.where(candidate, 0.0, 10 * FAR)
    count = ops.cast(ops.clip(ops.sum(ops.top_k(overlap, MOST)[0], axis=-1), 1, MOST), "int32")  # (b, g)
    cheapest = -ops.top_k(-cost, MOST)[0]  # (b, g, MOST), rising
    limit = ops.take_along_axis(cheapest, count[..., None] - 1, axis=-1)
    chosen = ops.logical_and(cost <= limit, candidate)
    owner = ops.argmin(ops.where(chosen, cost, 100 * FAR), axis=1)  # (b, n)
    positive = ops.any(chosen, axis=1)
    return positive, owner, ops.take_along_axis(overlap, owner[:, None], axis=1)[:, 0]


def _places(cells: Any, faces: Any) -> tuple[Any, Any]:
    """Whether each cell's centre lies in each face's box, and near its centre: (b, g, n) twice."""
    x, y, stride = (cells[:, None, :, i] for i in range(3))
    left, top, right, bottom = (faces[..., i, None] for i in range(4))
    inside = (x > left) & (x < right) & (y > top) & (y < bottom)
    far = ops.maximum(ops.abs(x - (left + right) / 2), ops.abs(y - (top + bottom) / 2))
    return inside, far < NEAR * stride
