"""What a monitor sees of a training sample: histories in; a sequence of features each, epoch after epoch, out."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from mien.datasets.dynamics import Histories

STEPS = 64
"""Longer runs are read in so many steps, each the mean of some epochs."""
LEAST = 1e-4
"""Probabilities below it are alike: float16 keeps little of them, and a net's confidence there means nothing."""


def sequences(h: Histories, shares: np.ndarray) -> np.ndarray:
    """float32 (n, T, d): the epochs in which a sample came, one behind another, then zeros. Of each epoch: 1, that it is one;
    its time in the run, 0 to 1; all probabilities and their logarithms; of the label: probability's logarithm, margin to the
    best other, whether it is the answer; entropy; agreement with the mirror image. In all of them: the logarithm of the
    label's share of the run's samples, `shares` (k,), and the label itself, one column a class."""
    k, (p, agrees, time) = len(h.labels), _in_steps(h)
    came = ~np.isnan(p[..., 0])
    p = np.clip(np.nan_to_num(p, nan=1 / k), LEAST, 1)
    own, other = margins(p, h.label)
    log = np.log(p)
    share = np.log(np.maximum(shares, 1e-6))[h.label]
    each = [
        np.ones_like(own), np.broadcast_to(time, own.shape), *np.moveaxis(p, 2, 0), *np.moveaxis(log, 2, 0), np.log(own),
        np.log(own) - np.log(other), own > other, -(p * log).sum(2), np.nan_to_num(agrees, nan=0.5),
        np.broadcast_to(share[:, None], own.shape), *(np.broadcast_to((h.label == c)[:, None], own.shape) for c in range(k)),
    ]  # fmt: skip
    return _together(np.stack(each, axis=2).astype(np.float32), came)


def margins(p: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (n, T, k) and labels (n,) -> those of the label and of the best other class, (n, T) each."""
    rows = np.arange(len(label))
    own, others = p[rows, :, label], p.copy()
    others[rows, :, label] = -np.inf
    return own, others.max(2)


def _in_steps(h: Histories) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities (n, T, k), agreement (n, T) and time (T,) in at most STEPS steps; NaN where a sample did not come."""
    epochs = h.p.shape[1]
    p, time = h.p.astype(np.float32), (np.arange(epochs) + 1) / epochs
    if epochs <= STEPS:
        return p, h.agrees, time
    ends = np.linspace(0, epochs, STEPS + 1).round().astype(int)
    parts = [slice(a, b) for a, b in pairwise(ends)]
    mean = [np.stack([seen_mean(array[:, part]) for part in parts], axis=1) for array in (p, h.agrees)]
    return mean[0], mean[1], np.array([time[part].mean() for part in parts])


def seen_mean(values: np.ndarray) -> np.ndarray:
    """Mean over the second axis of what is a number; NaN where nothing is."""
    there = ~np.isnan(values)
    count = there.sum(1)
    total = np.where(there, values, 0).sum(1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _together(x: np.ndarray, came: np.ndarray) -> np.ndarray:
    """The steps (n, T, d) that came first, in their order, zeros after them."""
    order = np.argsort(~came, axis=1, kind="stable")
    x = np.take_along_axis(x * came[..., None], order[..., None], axis=1)
    return np.ascontiguousarray(x)
