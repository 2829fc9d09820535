"""Losses over logits: labels or votes and logits in, one number a sample out."""

from __future__ import annotations

from typing import Any

from keras import ops


def smoothed_cross_entropy(targets: Any, logits: Any, smoothing: float) -> Any:
    """Integer labels (n,), logits (n, k) -> (n,); `smoothing` of the mass is spread evenly (Szegedy et al. 2016)."""
    k = logits.shape[-1]
    soft = ops.one_hot(targets, k) * (1 - smoothing) + smoothing / k
    return soft_cross_entropy(soft, logits)


def soft_cross_entropy(shares: Any, logits: Any) -> Any:
    """Shares of votes (n, k), which need not sum to one, and logits (n, k) -> (n,); no votes, no loss."""
    return -ops.sum(shares * ops.log_softmax(logits, axis=-1), axis=-1)
