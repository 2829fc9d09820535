"""Does a confidence of .7 mean right seven times in ten: probabilities and labels in, error and a calibrated card out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mien.card import ModelCard

BINS = 15
"""As in Guo et al. 2017."""
COLDEST, HOTTEST = 0.2, 8.0
BENDS = tuple(round(0.05 * i, 2) for i in range(1, 41))


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


def fit_calibration(card: ModelCard, logits: np.ndarray, shares: np.ndarray) -> ModelCard:
    """The card with the temperature and the bend under which its probabilities of these logits are most likely.

    Temperature alone (Guo et al. 2017) cannot mend a net that is too sure where it half knows and not sure enough where
    it knows, as nets are that were trained with label smoothing. A bend must be worth its parameter (Schwarz 1978)."""
    straight = with_temperature(card, logits, shares, bend=0.0)
    bent = min((with_temperature(card, logits, shares, bend=bend) for bend in BENDS), key=lambda fit: fit[0])
    worth = np.log(max(len(logits), 2)) / 2 / max(len(logits), 1)
    return bent[1] if bent[0] + worth < straight[0] else straight[1]


def with_temperature(card: ModelCard, logits: np.ndarray, shares: np.ndarray, bend: float) -> tuple[float, ModelCard]:
    """Loss and card at the best temperature with this bend, by golden section."""

    def at(log_t: float) -> tuple[float, ModelCard]:
        hot = replace(card, temperature=float(np.exp(log_t)), bend=bend)
        return negative_log_likelihood(hot.probabilities(logits), shares), hot

    low, high = np.log(COLDEST), np.log(HOTTEST)
    golden = (np.sqrt(5) - 1) / 2
    for _ in range(30):
        a, b = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, b) if at(a)[0] < at(b)[0] else (a, high)
    return at((low + high) / 2)


def confidence_for(probability: np.ndarray, targets: np.ndarray, error: float) -> float:
    """The lowest confidence from which on at most this share of the answers is wrong; 1 where there is none."""
    confidence, wrong = probability.max(1), probability.argmax(1) != targets
    order = np.argsort(-confidence, kind="stable")
    rate = np.cumsum(wrong[order]) / np.arange(1, len(order) + 1)
    good = np.nonzero(rate <= error)[0]
    return float(confidence[order][good[-1]]) if len(good) else 1.0
