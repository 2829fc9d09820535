"""What is done about labels that are likely wrong: scores in, actions for `mien data clean` out, or weights for training.

Rare classes are where wrong labels and few samples meet, so no class loses more than a share of its samples, nor falls below
a number of them: the most suspicious ones go first."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mien.datasets.audit import LOOK, RELABEL, REMOVE, Action
from mien.errors import insist
from mien.feedback.scores import P, Scores

HOW = (REMOVE, RELABEL, LOOK)


@dataclass(frozen=True)
class Policy:
    """What is done, and to how many at most."""

    how: str = REMOVE
    """`remove`; `relabel`, to what the net says, where that is clear, and remove the rest; `look`: a person decides."""
    threshold: float = 0.5
    """From this P(mislabelled) on."""
    by: str = P
    """Another column of the scores, a baseline's: then `share` alone says how many."""
    share: float = 0.2
    """Of each class, at most."""
    floor: int = 200
    """Samples that each class keeps, if it has so many."""
    clear: float = 0.9
    """P(mislabelled) from which on a sample is relabelled rather than removed."""

    def __post_init__(self) -> None:
        insist(
            self,
            ("how", self.how in HOW, " or ".join(HOW)),
            ("threshold", 0 <= self.threshold <= 1, "0 to 1"),
            ("share", 0 <= self.share <= 1, "0 to 1"),
            ("floor", self.floor >= 0, "0 or more"),
            ("clear", 0 <= self.clear <= 1, "0 to 1"),
        )


def suspects(scores: Scores, policy: Policy) -> np.ndarray:
    """Rows of the scores, the most suspicious first: those beyond the threshold, within each class's limits.

    Raises ValueError for a column that is not there."""
    if policy.by not in scores.suspicion:
        raise ValueError(f"no column {policy.by!r} in the scores; there are: {', '.join(scores.suspicion)}")
    worst = scores.suspicion[policy.by]
    order = np.argsort(-worst, kind="stable")
    if policy.by == P:
        order = order[worst[order] >= policy.threshold]
    names, label = np.unique(scores.label, return_inverse=True)
    there = np.bincount(label, minlength=len(names))
    allowed = np.minimum((policy.share * there).astype(int), np.maximum(there - policy.floor, 0))
    taken, kept = np.zeros(len(names), int), []
    for row in order:
        if taken[label[row]] < allowed[label[row]]:
            taken[label[row]] += 1
            kept.append(row)
    return np.array(kept, int)


def actions(scores: Scores, policy: Policy, split: str = "Training") -> list[Action]:
    """A line a suspect, with its score as the reason."""
    return [_action(scores, policy, int(row), split) for row in suspects(scores, policy)]


def _action(scores: Scores, policy: Policy, row: int, split: str) -> Action:
    key, label, answer = (str(column[row]) for column in (scores.keys, scores.label, scores.answer))
    score = float(scores.suspicion[policy.by][row])
    reason = f"{policy.by} {score:.3f}" + (f", rather {answer}" if answer != label else "")
    how, other = policy.how, answer if answer != label else ""
    if how == RELABEL and not (other and policy.by == P and score >= policy.clear):
        how, other = REMOVE, ""
    return Action(key, split, label, how, reason, other if how != REMOVE else "")


def write_weights(scores: Scores, path: Path, least: float = 0.0) -> None:
    """A csv of keys and weights, 1 - P(mislabelled) but at least `least`, for the config's `sample_weights`."""
    weights = np.maximum(1 - scores.suspicion[P], least)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["key", "weight"])
        writer.writerows(zip(scores.keys.tolist(), (f"{w:.4f}" for w in weights), strict=True))


def told(done: Sequence[Action], labels: Mapping[str, int]) -> list[str]:
    """Of each class with its number of samples, a line of what is done."""
    lines = []
    for name, number in labels.items():
        mine = [action.action for action in done if action.label == name]
        if mine:
            what = ", ".join(f"{mine.count(how):,} to {how}" for how in dict.fromkeys(mine))
            lines.append(f"{name}: {what}, of {number:,}")
    return lines
