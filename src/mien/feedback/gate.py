"""Whether a new model may take the place of the old one: what both say of the same faces in, a verdict with its reasons out.

Both are compared on the same bootstrap samples (Efron 1979; paired, since they see the same faces), so what is easy or hard
for both cancels out."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from mien.evaluation.calibration import BINS
from mien.labels import LabelSet

DRAWS = 2000
MIDDLE = 0.95
"""Share of the draws that an interval holds."""


@dataclass(frozen=True)
class Rules:
    """What a challenger has to show."""

    sure: float = 0.9
    """Share of the draws in which it is right about more faces."""
    class_loss: float = 0.02
    """No class may have its interval of recall wholly below a loss of so much."""
    draws: int = DRAWS
    seed: int = 0


USUAL = Rules()


@dataclass(frozen=True)
class Interval:
    """A difference, challenger less champion, and between which two values it lies in 95 % of the draws."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Verdict:
    """What came of the comparison."""

    passed: bool
    reasons: tuple[str, ...]
    """Why not; empty where it passed."""
    faces: int
    accuracy: Interval
    better: float
    """Share of the draws in which the challenger is right about more faces."""
    ece: Interval
    recall: dict[str, Interval] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def told(self) -> list[str]:
        """Lines for people."""
        a = self.accuracy
        whole = f"accuracy {100 * a.mean:+.2f} points on {self.faces:,} faces, 95 % of the draws from {100 * a.low:+.2f} to"
        return [f"{whole} {100 * a.high:+.2f}", *(self.reasons or ("it may take the other's place",))]


def compare(champion: np.ndarray, challenger: np.ndarray, targets: np.ndarray, labels: LabelSet, rules: Rules = USUAL) -> Verdict:
    """Probabilities (n, k) of both and labels (n,) of the same faces, none of which either was fitted to.

    Raises ValueError where they are not of the same faces."""
    if champion.shape != challenger.shape or champion.shape != (len(targets), len(labels)) or not len(targets):
        raise ValueError(
            f"probabilities {champion.shape} and {challenger.shape} for {len(targets)} faces of {len(labels)} classes"
        )
    n, draw = len(targets), np.random.default_rng(rules.seed)
    times = draw.multinomial(n, np.full(n, 1 / n), rules.draws).astype(np.float32)  # how often each face is drawn
    ahead = (challenger.argmax(1) == targets).astype(np.float32) - (champion.argmax(1) == targets)
    whole = times @ ahead / n
    own = (targets[:, None] == np.arange(len(labels))).astype(np.float32)  # (n, k)
    recall = (times @ (own * ahead[:, None])) / np.maximum(times @ own, 1)
    once = np.ones((1, n), np.float32)
    gap = [_gaps(times, p, targets) for p in (champion, challenger)]
    middle = [_gaps(once, p, targets)[0] for p in (champion, challenger)]
    verdict = Verdict(
        passed=False, reasons=(), faces=n, accuracy=_interval(float(ahead.mean()), whole),
        better=float((whole > 0).mean() + (whole == 0).mean() / 2),
        ece=_interval(float(middle[1] - middle[0]), gap[1] - gap[0]),
        recall={
            name: _interval(float(ahead[targets == i].mean()), recall[:, i])
            for i, name in enumerate(labels) if (targets == i).any()
        },
    )  # fmt: skip
    reasons = tuple(_against(verdict, rules))
    return Verdict(**{**vars(verdict), "passed": not reasons, "reasons": reasons})


def _against(v: Verdict, rules: Rules) -> list[str]:
    found = []
    if v.better < rules.sure:
        found.append(
            f"it is right about {100 * v.accuracy.mean:+.2f} points more of {v.faces:,} faces, better in {v.better:.0%} of the "
            f"draws; {rules.sure:.0%} were wanted"
        )
    found += [
        f"{name}: recall {100 * r.mean:+.1f} points, 95 % of the draws from {100 * r.low:+.1f} to {100 * r.high:+.1f}; a loss of "
        f"{100 * rules.class_loss:.0f} is the most"
        for name, r in v.recall.items() if r.high < -rules.class_loss
    ]  # fmt: skip
    if v.ece.low > 0:
        found.append(
            f"it is calibrated worse: ECE {v.ece.mean:+.3f}, 95 % of the draws from {v.ece.low:+.3f} to {v.ece.high:+.3f}"
        )
    return found


def _interval(mean: float, draws: np.ndarray) -> Interval:
    low, high = np.quantile(draws, [(1 - MIDDLE) / 2, (1 + MIDDLE) / 2])
    return Interval(mean, float(low), float(high))


def _gaps(times: np.ndarray, probability: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Expected calibration error (Naeini et al. 2015) of each draw."""
    confidence, right = probability.max(1), probability.argmax(1) == targets
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gap = np.zeros((len(targets), BINS), np.float32)
    gap[np.arange(len(targets)), place] = right - confidence
    return np.asarray(np.abs(times @ gap).sum(1) / len(targets))
