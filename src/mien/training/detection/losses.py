"""How wrong a detector is: annotations and raw maps in, one number out.

Cross-entropy on the score, whose target is the root of the IoU (as in YOLOX, Ge et al. 2021, a quality instead of one); losses
that spare easy cells learned far more slowly here (docs/decisions). EIoU on the box (Zhang et al. 2022); smooth L1 on the points,
over the face's size.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from mien.training.detection.assign import assign, iou

FACES, DOUBTFUL = 24, 128
"""Rows of the annotations of one picture: faces first, then what counts neither as a face nor as none."""
COLUMNS = 4 + 10 + 2
"""Of a row: box, points, whether there is a face, whether it has points."""
BOX, POINTS = 2.0, 3.0
"""Weights of the losses beside the score's."""


def boxes_of(raw: Any) -> Any:
    """Raw cells (b, n, 18) -> boxes (b, n, 4); the last three columns are the cell's x, y and stride."""
    centre = raw[..., 15:17] + raw[..., 1:3] * raw[..., 17:]
    half = ops.exp(ops.clip(raw[..., 3:5], -4.0, 5.0)) * raw[..., 17:] / 2
    return ops.concatenate([centre - half, centre + half], axis=-1)


def points_of(raw: Any) -> Any:
    """Raw cells (b, n, 18) -> points (b, n, 5, 2)."""
    points = ops.reshape(raw[..., 5:15], (*ops.shape(raw)[:2], 5, 2))
    return raw[..., None, 15:17] + points * raw[..., None, 17:]


def detection_loss(rows: Any, raw: Any) -> Any:
    """Annotations (b, FACES + DOUBTFUL, COLUMNS) and raw cells (b, n, 18) -> the loss of the batch."""
    faces, doubtful = rows[:, :FACES], rows[:, FACES:]
    logits, boxes = raw[..., 0], boxes_of(raw)
    fixed = ops.stop_gradient
    positive, owner, overlap = assign(raw[..., 15:], fixed(logits), fixed(boxes), faces[..., :4], faces[..., 14] > 0)
    positive = ops.cast(positive, "float32")
    target = ops.take_along_axis(faces, owner[..., None], axis=1)  # (b, n, COLUMNS)
    quality = fixed(ops.sqrt(ops.maximum(overlap, 0.0)) * positive)
    counted = ops.maximum(positive, 1.0 - ops.cast(_in_any(raw[..., 15:], doubtful), "float32"))
    total = ops.maximum(ops.sum(quality), 1.0)
    score = ops.sum((ops.softplus(logits) - quality * logits) * counted)
    box = ops.sum(_eiou(boxes, target[..., :4]) * quality)
    points = ops.sum(_points(points_of(raw), target) * quality * target[..., 15])
    return (score + BOX * box + POINTS * points) / total


def _in_any(cells: Any, rows: Any) -> Any:
    """Whether a cell lies in one of the doubtful boxes (b, n)."""
    x, y = cells[:, None, :, 0], cells[:, None, :, 1]
    left, top, right, bottom = (rows[..., i, None] for i in range(4))
    inside = (x > left) & (x < right) & (y > top) & (y < bottom) & (rows[..., 14, None] > 0)
    return ops.any(inside, axis=1)


def _eiou(a: Any, b: Any) -> Any:
    """1 - IoU, plus the squared distances of centres, widths and heights over those of the hull (..., 4) -> (...)."""
    hull = ops.maximum(a[..., 2:], b[..., 2:]) - ops.minimum(a[..., :2], b[..., :2])
    hull = ops.square(ops.maximum(hull, 1e-3))
    centre = ops.square((a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]) / 2)
    side = ops.square((a[..., 2:] - a[..., :2]) - (b[..., 2:] - b[..., :2]))
    return 1 - iou(a, b) + ops.sum(centre, -1) / ops.sum(hull, -1) + ops.sum(side / hull, -1)


def _points(points: Any, target: Any) -> Any:
    """Smooth L1 (b, n), mean of the ten numbers, in units of the face's size; bends at a fiftieth of it."""
    wanted = ops.reshape(target[..., 4:14], ops.shape(points))
    size = ops.sqrt(ops.maximum((target[..., 2] - target[..., 0]) * (target[..., 3] - target[..., 1]), 1.0))
    gap = ops.abs(points - wanted) / size[..., None, None]
    bend = 0.02
    return ops.mean(ops.where(gap < bend, ops.square(gap) / (2 * bend), gap - bend / 2), axis=(-1, -2))
