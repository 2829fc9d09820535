"""Does a confidence of .7 mean right seven times in ten: probabilities and labels in, error and temperature out."""

from __future__ import annotations

import numpy as np

from mien.card import ModelCard

BINS = 15
"""As in Guo et al. 2017."""
COLDEST, HOTTEST = 0.2, 5.0


def expected_calibration_error(probability: np.ndarray, targets: np.ndarray, bins: int = BINS) -> float:
    """Probabilities (n, k), labels (n,) -> mean gap of confidence and accuracy over equal bins (Guo et al. 2017)."""
    confidence, right = probability.max(1), probability.argmax(1) == targets
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    count = np.bincount(place, minlength=bins)
    gap = np.abs(np.bincount(place, right, bins) - np.bincount(place, confidence, bins))
    return float(gap.sum() / max(count.sum(), 1))


def negative_log_likelihood(probability: np.ndarray, shares: np.ndarray) -> float:
    """Probabilities (n, k) and shares of votes (n, k), or one-hot labels -> mean."""
    return float(-(shares * np.log(np.maximum(probability, 1e-12))).sum() / max(shares.sum(), 1e-12))


def fit_temperature(card: ModelCard, logits: np.ndarray, shares: np.ndarray) -> float:
    """The temperature under which the card's probabilities of these logits are most likely, by golden section."""
    from dataclasses import replace

    def loss(log_t: float) -> float:
        return negative_log_likelihood(replace(card, temperature=float(np.exp(log_t))).probabilities(logits), shares)

    low, high = np.log(COLDEST), np.log(HOTTEST)
    golden = (np.sqrt(5) - 1) / 2
    for _ in range(40):
        a, b = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, b) if loss(a) < loss(b) else (a, high)
    return float(np.exp((low + high) / 2))


def confidence_for(probability: np.ndarray, targets: np.ndarray, error: float) -> float:
    """The lowest confidence from which on at most this share of the answers is wrong; 1 where there is none."""
    confidence, wrong = probability.max(1), probability.argmax(1) != targets
    order = np.argsort(-confidence, kind="stable")
    rate = np.cumsum(wrong[order]) / np.arange(1, len(order) + 1)
    good = np.nonzero(rate <= error)[0]
    return float(confidence[order][good[-1]]) if len(good) else 1.0
