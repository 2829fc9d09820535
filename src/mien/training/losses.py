"""Losses over logits: labels or votes and logits in, one number a sample out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import ops


def soft_cross_entropy(shares: Any, logits: Any) -> Any:
    """Shares of votes (n, k), which need not sum to one, and logits (n, k) -> (n,); no votes, no loss."""
    return -ops.sum(shares * ops.log_softmax(whole(logits), axis=-1), axis=-1)


def focal(gamma: float) -> Callable[[Any, Any], Any]:
    """The same, each class's part times (1 - p) ** gamma of its probability p: what is right already hardly counts (Lin et
    al. 2017)."""

    def loss(shares: Any, logits: Any) -> Any:
        log_p = ops.log_softmax(whole(logits), axis=-1)
        return -ops.sum(shares * (1 - ops.exp(log_p)) ** gamma * log_p, axis=-1)

    return loss


def distilled(temperature: float) -> Callable[[Any, Any], Any]:
    """Teachers' probabilities (n, k) at the temperature and logits (n, k) -> (n,); times its square, so that gradients stay
    as large as the labels' (Hinton et al. 2015)."""
    return lambda said, logits: temperature**2 * soft_cross_entropy(said, logits / temperature)


def whole(x: Any) -> Any:
    """Losses are computed in 32 bits at least, whatever the net computes in."""
    return ops.cast(x, "float32") if ops.dtype(x) in ("float16", "bfloat16") else x
