"""Wrong labels by one number a sample: histories in, for each baseline how suspicious a sample is, (n,), out; more is worse."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from mien.datasets.dynamics import Histories
from mien.feedback.monitor.histories import LEAST, margins, seen_mean

LAST = 3
"""Epochs of `last_epochs`."""


def baselines(h: Histories, predictions: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """By name. `predictions`: out-of-fold probabilities (n, k), for `self_confidence`."""
    found = {name: baseline(h) for name, baseline in BASELINES.items()}
    if predictions is not None:
        found["self_confidence"] = self_confidence(predictions, h.label)
    return found


def random(h: Histories) -> np.ndarray:
    """By lot."""
    return np.random.default_rng(0).random(len(h))


def last_loss(h: Histories) -> np.ndarray:
    """Cross-entropy in the last epoch in which the sample came."""
    loss = -np.log(_p(h))
    came = ~np.isnan(loss)
    at = loss.shape[1] - 1 - came[:, ::-1].argmax(1)
    return _filled(loss[np.arange(len(h)), at])


def last_epochs(h: Histories) -> np.ndarray:
    """1 - p(label), mean of the last three epochs."""
    return _filled(1 - seen_mean(_p(h)[:, -LAST:]))


def mean_probability(h: Histories) -> np.ndarray:
    """1 - p(label), mean of all epochs (the confidence of Swayamdipta et al. 2020)."""
    return _filled(1 - seen_mean(_p(h)))


def mean_loss(h: Histories) -> np.ndarray:
    """AUL, the area under the loss (Jia et al. 2023): its mean over all epochs."""
    return _filled(seen_mean(-np.log(_p(h))))


def aum(h: Histories) -> np.ndarray:
    """Area under the margin (Pleiss et al. 2020), negative: mean of the best other class's logit less the label's."""
    own, other = margins(_seen(h), h.label)
    return _filled(seen_mean(np.log(other) - np.log(own)))


def wrong_events(h: Histories) -> np.ndarray:
    """Share of the epochs in which the answer is another."""
    return _filled(1 - seen_mean(_right(h)))


def forgetting(h: Histories) -> np.ndarray:
    """How often it was right and then wrong (Toneva et al. 2019); what was never right, more often than any."""
    right = _right(h)
    known = np.where(np.isnan(right), 0, right)
    lost = ((known[:, :-1] == 1) & (right[:, 1:] == 0)).sum(1).astype(float)
    return np.where(known.any(1), lost, right.shape[1] + 1.0)


def self_confidence(predictions: np.ndarray, label: np.ndarray) -> np.ndarray:
    """1 - p(label) of nets that were fitted without the sample (Northcutt et al. 2021)."""
    return 1 - predictions[np.arange(len(label)), label]


BASELINES: Mapping[str, Callable[[Histories], np.ndarray]] = {
    f.__name__: f for f in (random, last_loss, last_epochs, mean_probability, mean_loss, aum, wrong_events, forgetting)
}


def _seen(h: Histories) -> np.ndarray:
    return np.clip(h.p.astype(np.float32), LEAST, 1)


def _p(h: Histories) -> np.ndarray:
    """Of the label (n, T)."""
    return _seen(h)[np.arange(len(h)), :, h.label]


def _right(h: Histories) -> np.ndarray:
    """1 where the label is the answer, 0 where another is, NaN where the sample did not come: (n, T)."""
    own, other = margins(_seen(h), h.label)
    return np.where(np.isnan(own), np.nan, own > other)


def _filled(values: np.ndarray) -> np.ndarray:
    """A sample that never came is as suspicious as the middle one."""
    return np.where(np.isnan(values), np.nanmedian(values) if not np.isnan(values).all() else 0.0, values)
