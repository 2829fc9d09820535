"""Count a set: a Dataset in; samples by class and split, mean faces, sizes, light and people out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mien.datasets.balance import WEIGHTS, class_weights
from mien.datasets.base import SPLITS, Dataset, by_split
from mien.datasets.look import gray_levels
from mien.datasets.split import shared_people
from mien.image import resize
from mien.labels import LabelSet
from mien.page import drawn, pyplot

SIDE = 48
"""Pixels of a mean face."""


@dataclass
class Stats:
    """Sums over all samples; however many there are, this is all that is held."""

    labels: LabelSet
    number: Counter[tuple[str, int]] = field(default_factory=Counter)
    """Samples of each split and label."""
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    """Of each width and height."""
    people: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    """Of each subject, split and label, where the subject is known."""
    total: dict[int, np.ndarray] = field(default_factory=dict)
    """Sum of the faces of each label, gray, float64 (SIDE, SIDE)."""
    light: dict[int, tuple[int, float, float]] = field(default_factory=dict)
    """Of each label: samples, sums of brightness and of contrast."""
    coloured: int = 0

    def __len__(self) -> int:
        return sum(self.number.values())

    def counts(self) -> dict[str, dict[str, int]]:
        return by_split(self.number, self.labels)

    def mean_faces(self) -> dict[str, np.ndarray]:
        """uint8 (SIDE, SIDE) of each label that has samples."""
        return {self.labels[i]: np.rint(total / self.light[i][0]).astype(np.uint8) for i, total in sorted(self.total.items())}

    def to_dict(self) -> dict[str, Any]:
        by_label = np.array([sum(row[name] for row in self.counts().values()) for name in self.labels])
        training = np.array([self.number[SPLITS[0], i] for i in range(len(self.labels))])
        return {
            "samples": len(self),
            "counts": self.counts(),
            "empty_classes": [name for name, n in zip(self.labels, by_label, strict=True) if not n],
            "imbalance": float(by_label.max() / max(by_label[by_label > 0].min(), 1)) if by_label.any() else None,
            "class_weights": {
                how: dict(zip(self.labels, class_weights(training, how).round(4).tolist(), strict=True)) for how in WEIGHTS
            },
            "sizes": {f"{w}x{h}": n for (w, h), n in self.sizes.most_common(20)},
            "coloured": self.coloured,
            "light": {
                self.labels[i]: {"brightness": round(mean / n, 2), "contrast": round(spread / n, 2)}
                for i, (n, mean, spread) in sorted(self.light.items())
            },
            "subjects": self._subjects(),
        }

    def _subjects(self) -> dict[str, Any]:
        """How many people there are, how many samples each has, and who is in several splits."""
        each: Counter[str] = Counter()
        for (subject, _, _), n in self.people.items():
            each[subject] += n
        have = sorted(each.values())
        if not have:
            return {"known": 0}
        expressions = Counter(subject for subject, _ in {(subject, label) for subject, _, label in self.people})
        return {
            "known": len(have), "samples": sum(have), "fewest": have[0], "median": float(np.median(have)), "most": have[-1],
            "expressions_each": round(float(np.mean(list(expressions.values()))), 2),
            "in_several_splits": len(shared_people((subject, split) for subject, split, _ in self.people)),
        }  # fmt: skip


def stats(dataset: Dataset, step: Callable[[int], None] = lambda done: None) -> Stats:
    """Read the set once; `step` is told how many samples are read."""
    found = Stats(dataset.labels)
    for number, sample in enumerate(dataset, 1):
        levels = gray_levels(sample.image)
        found.number[sample.split, sample.label] += 1
        found.sizes[levels.shape[1], levels.shape[0]] += 1
        found.coloured += sample.image.ndim == 3
        if sample.subject:
            found.people[sample.subject, sample.split, sample.label] += 1
        small = resize(levels, SIDE, SIDE).reshape(SIDE, SIDE).astype(np.float64)
        found.total[sample.label] = found.total.get(sample.label, 0.0) + small
        n, mean, spread = found.light.get(sample.label, (0, 0.0, 0.0))
        found.light[sample.label] = n + 1, mean + float(levels.mean()), spread + float(levels.std())
        step(number)
    return found


def counts_png(found: Stats) -> bytes:
    """A bar a class, a colour a split, as in the dissertation."""
    plt = pyplot()
    counts = found.counts()
    figure, axes = plt.subplots(figsize=(max(6.4, 0.9 * len(found.labels)), 4), layout="constrained")
    width, at = 0.8 / max(len(counts), 1), np.arange(len(found.labels))
    for i, (split, row) in enumerate(counts.items()):
        bars = axes.bar(at + (i - (len(counts) - 1) / 2) * width, list(row.values()), width, label=split)
        axes.bar_label(bars, fmt="{:,.0f}", fontsize=7, padding=1)
    axes.set_xticks(at, list(found.labels))
    axes.set(ylabel="samples", title=f"{len(found):,} samples")
    axes.spines[["top", "right"]].set_visible(False)
    if counts:
        axes.legend(frameon=False)
    return drawn(figure)


def faces_png(found: Stats) -> bytes:
    """The mean face of each class, side by side."""
    plt = pyplot()
    faces = found.mean_faces()
    figure, row = plt.subplots(
        1, max(len(faces), 1), figsize=(1.5 * max(len(faces), 1), 1.9), layout="constrained", squeeze=False
    )
    for axes, (name, face) in zip(row[0], faces.items(), strict=False):
        axes.imshow(face, cmap="gray", vmin=0, vmax=255)
        axes.set_title(name, fontsize=9)
        axes.set_axis_off()
    return drawn(figure)
