"""A live stream as a monitor sees it: answers in; windows of them, each a few numbers beside what was usual here, out.

Usual is what the first REFERENCE windows were: a monitor asks how a stream differs from itself, so that it serves any camera,
any crowd and any set of classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mien.quality import sharpness

WINDOW = 64
"""Answers of one window."""
REFERENCE = 12
"""Windows that say what is usual."""
STEPS = 32
"""Windows back that a monitor looks at."""
NAMES = ("confidence", "entropy", "flicker", "sharpness", "brightness", "contrast", "mix", "corrected")
"""What is measured of a window. `mix`: how far the shares of the classes are from what was usual, 0 to 1."""
USUAL_SPREAD = np.array([0.08, 0.086, 0.063, 0.036, 12.5, 5.3, 0.085, 0.009])
"""Deviations of these from window to window in streams where nothing changes; a reference's own are drawn half-way to them,
since a dozen windows do not tell them well (benchmarks/drift.py prints them)."""
FORGET = 0.2, 0.4
FAR = 8.0
"""Deviations beyond which more says nothing."""


@dataclass(frozen=True)
class Answers:
    """What was said of n faces in turn."""

    p: np.ndarray
    """float (n, k): probabilities."""
    looks: np.ndarray
    """float (n, 3): sharpness 0 to 1, mean and deviation of the gray levels."""
    turned: np.ndarray
    """float (n,): 1 where a track shows something else than just before, 0 where the same, NaN where nothing was before."""
    corrected: np.ndarray
    """float (n,): corrections that came with or since it."""

    def __len__(self) -> int:
        return len(self.p)

    def __getitem__(self, rows: slice | np.ndarray) -> Answers:
        return Answers(self.p[rows], self.looks[rows], self.turned[rows], self.corrected[rows])


def look(chips: np.ndarray) -> np.ndarray:
    """Gray uint8 (n, h, w) -> float32 (n, 3): sharpness, mean and deviation of the gray levels."""
    levels = chips.reshape(len(chips), -1)
    return np.column_stack([sharpness(chips), levels.mean(1), levels.std(1)]).astype(np.float32)


def measured(answers: Answers) -> tuple[np.ndarray, np.ndarray]:
    """Of each whole window: NAMES without `mix` (w, 7), and the shares of the classes (w, k)."""
    whole = len(answers) // WINDOW
    cut = answers[: whole * WINDOW]
    p = cut.p.reshape(whole, WINDOW, cut.p.shape[1])
    entropy = -(p * np.log(np.maximum(p, 1e-9))).sum(2) / np.log(p.shape[2])
    turned = cut.turned.reshape(whole, WINDOW)
    seen = ~np.isnan(turned)
    flicker = np.nansum(turned, axis=1) / np.maximum(seen.sum(1), 1)
    looks = cut.looks.reshape(whole, WINDOW, 3).mean(1)
    corrected = cut.corrected.reshape(whole, WINDOW).mean(1)
    return np.column_stack([p.max(2).mean(1), entropy.mean(1), flicker, looks, corrected]), p.mean(1)


@dataclass(frozen=True)
class Usual:
    """What is usual in a stream."""

    mean: np.ndarray
    """(8,): of NAMES."""
    spread: np.ndarray
    """(8,)."""
    mix: np.ndarray
    """(k,): shares of the classes."""

    @classmethod
    def of(cls, values: np.ndarray, mixes: np.ndarray) -> Usual:
        """Of the first windows, as `measured` has them."""
        mix = mixes.mean(0)
        whole = with_mix(values, mixes, mix)
        spread = np.sqrt((whole.var(0) + USUAL_SPREAD**2) / 2)
        return cls(whole.mean(0), spread, mix)

    def beside(self, values: np.ndarray, mixes: np.ndarray) -> np.ndarray:
        """float32 (w, 8): how many deviations each window is from what is usual."""
        far = (with_mix(values, mixes, self.mix) - self.mean) / self.spread
        return np.clip(far, -FAR, FAR).astype(np.float32)


def with_mix(values: np.ndarray, mixes: np.ndarray, mix: np.ndarray) -> np.ndarray:
    """(w, 8): with the total variation between each window's shares and what was usual."""
    return np.insert(values, NAMES.index("mix"), np.abs(mixes - mix).sum(1) / 2, axis=1)


def sequences(beside: np.ndarray, confidence: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """float32 (n, STEPS, 21): of each end (a number of windows, from 1 on) the last windows up to it, then zeros. Of each window
    1, that it is one; its mean confidence; how far it is from what is usual; how far the windows up to it are, by a mean that
    forgets (EWMA, Roberts 1959), in deviations of such a mean; and the largest of the window's, of this and of a shorter mean."""
    slow, quick = (forgetting(beside, share) for share in FORGET)
    most = [np.abs(of).max(1, initial=0) for of in (beside, slow, quick)]
    rows = np.column_stack([np.ones(len(beside)), confidence, beside, slow, *most]).astype(np.float32)
    out = np.zeros((len(ends), STEPS, rows.shape[1]), np.float32)
    for place, end in zip(out, ends, strict=True):
        part = rows[max(0, end - STEPS) : end]
        place[: len(part)] = part
    return out


def forgetting(rows: np.ndarray, share: float) -> np.ndarray:
    """(w, d): the mean that forgets `share` of what it was with each row, from 0 on, in deviations of it where rows have 1."""
    out, mean = np.empty_like(rows), np.zeros(rows.shape[1])
    for i, row in enumerate(rows):
        mean = (1 - share) * mean + share * row
        out[i] = mean
    return out / np.sqrt(share / (2 - share))
