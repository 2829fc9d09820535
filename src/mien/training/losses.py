"""Losses over logits: labels or votes and logits in, one number a sample out."""

from __future__ import annotations

from typing import Any

from keras import ops


def soft_cross_entropy(shares: Any, logits: Any) -> Any:
    """Shares of votes (n, k), which need not sum to one, and logits (n, k) -> (n,); no votes, no loss."""
    return -ops.sum(shares * ops.log_softmax(logits, axis=-1), axis=-1)
