"""Does a confidence of .7 mean right seven times in ten: probabilities and labels in, error and a calibrated card out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from mien.card import ModelCard

BINS = 15
"""As in Guo et al. 2017."""
COLDEST, HOTTEST = 0.2, 8.0
MOST_BENT = 2.0


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
    at = _lowest(lambda bend: with_temperature(card, logits, shares, bend)[0], 0.0, MOST_BENT, steps=12)
    bent = with_temperature(card, logits, shares, bend=round(at, 2))
    worth = np.log(max(len(logits), 2)) / 2 / max(len(logits), 1)
    return bent[1] if bent[0] + worth < straight[0] else straight[1]


def with_temperature(card: ModelCard, logits: np.ndarray, shares: np.ndarray, bend: float) -> tuple[float, ModelCard]:
    """Loss and card at the best temperature with this bend."""

    def hot(log_t: float) -> ModelCard:
        return replace(card, temperature=float(np.exp(log_t)), bend=bend)

    def loss(log_t: float) -> float:
        return negative_log_likelihood(hot(log_t).probabilities(logits), shares)

    best = _lowest(loss, np.log(COLDEST), np.log(HOTTEST), steps=20)
    return loss(best), hot(best)


def _lowest(loss: Callable[[float], float], low: float, high: float, steps: int) -> float:
    """Where a function with one valley is lowest, by golden section."""
    golden = (np.sqrt(5) - 1) / 2
    a, b = high - golden * (high - low), low + golden * (high - low)
    at_a, at_b = loss(a), loss(b)
    for _ in range(steps):
        if at_a < at_b:
            high, b, at_b = b, a, at_a
            a = high - golden * (high - low)
            at_a = loss(a)
        else:
            low, a, at_a = a, b, at_b
            b = low + golden * (high - low)
            at_b = loss(b)
    return (low + high) / 2


def confidence_for(probability: np.ndarray, targets: np.ndarray, error: float) -> float:
    """The lowest confidence from which on at most this share of the answers is wrong; 1 where there is none."""
    confidence, wrong = probability.max(1), probability.argmax(1) != targets
    order = np.argsort(-confidence, kind="stable")
    rate = np.cumsum(wrong[order]) / np.arange(1, len(order) + 1)
    good = np.nonzero(rate <= error)[0]
    return float(confidence[order][good[-1]]) if len(good) else 1.0


def calibrated_p(probability: np.ndarray, targets: np.ndarray, draws: int = 500, seed: int = 0) -> float:
    """How often a model that is calibrated, with just these probabilities, has an expected calibration error at least as large
    by chance: below .05 it is told from a calibrated one (consistency resampling, Broecker and Smith 2007)."""
    if not len(targets):
        return 1.0
    observed, draw = expected_calibration_error(probability, targets), np.random.default_rng(seed)
    bounds = np.cumsum(probability / probability.sum(1, keepdims=True), axis=1)
    larger = 0
    for _ in range(draws):
        labels = (draw.random((len(bounds), 1)) > bounds[:, :-1]).sum(1)
        larger += expected_calibration_error(probability, labels) >= observed
    return (larger + 1) / (draws + 1)
