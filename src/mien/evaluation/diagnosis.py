"""What a run's history tells: rows in, sentences out that name over- and underfitting and fluctuation, and what to try.

The names and remedies are those of the tutorial paper (figures 28 and 29), with limits of our own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

GAP = 0.15
"""Accuracy on what was fitted on less that on what was not, from which on it is called overfitting."""
RISING = 0.002
"""Gain an epoch over the last quarter, from which on a run is called unfinished."""
POOR = 0.45
"""Accuracy on the training samples below which a net is called too small, or its rate wrong, once it has stopped rising."""
JUMPS = 0.015
"""Typical change of the accuracy from epoch to epoch beside its trend, in the last third, from which on it is called
fluctuating; a sample of 3,589 alone makes it change by about .004."""
FEWEST = 6
"""Epochs that can be judged."""


def diagnose(history: Sequence[Mapping[str, Any]]) -> list[str]:
    """A sentence for each thing that is amiss; none where nothing is, or where the run is too short to say."""
    rows = [row for row in history if row.get("accuracy") is not None and row.get("accuracy_training") is not None]
    if len(rows) < FEWEST:
        return []
    seen, unseen = (np.array([row[name] for row in rows]) for name in ("accuracy_training", "accuracy"))
    return [*(_overfitting(rows, seen, unseen) or _underfitting(seen)), *_fluctuation(unseen)]


def _overfitting(rows: Sequence[Mapping[str, Any]], seen: np.ndarray, unseen: np.ndarray) -> list[str]:
    gap, best = seen[-1] - unseen[-1], int(unseen.argmax())
    if gap < GAP:
        return []
    when = f"; PublicTest was best in epoch {rows[best]['epoch']}" if best < len(rows) - FEWEST // 2 else ""
    return [
        f"overfitting: {seen[-1]:.3f} of the training samples are right, {unseen[-1]:.3f} of PublicTest{when}. Try more "
        "augmentation, dropout, weight decay, a smaller net, fewer epochs (schedule.stop_after)."
    ]


def _underfitting(seen: np.ndarray) -> list[str]:
    last = max(len(seen) // 4, 2)
    gain = (seen[-1] - seen[-last]) / (last - 1)
    if gain > RISING:
        return [f"underfitting: the accuracy on the training samples still rises by {gain:.3f} an epoch. Try more epochs."]
    if seen[-1] < POOR:
        return [
            f"underfitting: only {seen[-1]:.3f} of the training samples are right, and it rises no more. Try another learning "
            "rate, a larger net, less augmentation."
        ]
    return []


def _fluctuation(unseen: np.ndarray) -> list[str]:
    last = unseen[-max(len(unseen) // 3, 4) :]
    steps = np.diff(last)
    jump = float(np.median(np.abs(steps - steps.mean())))
    if jump < JUMPS:
        return []
    return [
        f"fluctuation: PublicTest's accuracy changes by {jump:.3f} from epoch to epoch. Try a lower learning rate, a larger "
        "batch, an average of the weights (ema)."
    ]
