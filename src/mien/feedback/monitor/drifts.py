"""Streams in which something changes, made of labelled faces: pictures in; answers, and which of them are right, out.

A kind of drift is a change of the picture (blur, darkness, compression, a camera that is turned, and others), by its strength,
or of who is seen (`crowd`). It comes at once or within some windows. For fitting and comparing monitors, not for serving."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mien.feedback.monitor.windows import REFERENCE, WINDOW, Answers, look
from mien.preprocess.changes import CHANGES, Change, moved

STRENGTHS = (0.35, 0.6, 1.0)
CROWD = "crowd"
"""Other people, of other classes."""
VARIANTS, JITTER = 2, 0.8
"""Of each face as a tracker sees it, and how far they are apart, in pixels."""
MIXED, CROWDED = 4.0, 0.7
"""How even the classes are in a crowd, and in the one that takes its place (Dirichlet)."""
STAY = 6.0
"""Answers of one face, on the mean."""
ATTENTIVE = (0.0, 0.01, 0.04)
"""Shares of the wrong answers that people correct, of one stream or another."""
KINDS = (*CHANGES, CROWD)


@dataclass(frozen=True)
class Pool:
    """What a model says of each face as it is and changed: answers are looked up, not computed, when streams are drawn."""

    targets: np.ndarray
    """int (n,)."""
    p: np.ndarray
    """float16 (1 + kinds x strengths, variants, n, k): of the face as it is, then of each kind and strength."""
    looks: np.ndarray
    """float16 (the same, 3): sharpness, mean and deviation of the gray levels."""

    def __getitem__(self, rows: np.ndarray) -> Pool:
        return Pool(self.targets[rows], self.p[:, :, rows], self.looks[:, :, rows])

    def condition(self, kind: str, strength: int) -> int:
        """0 where pictures do not change."""
        return 0 if kind == CROWD else 1 + list(CHANGES).index(kind) * len(STRENGTHS) + strength


def pooled(chips: np.ndarray, targets: np.ndarray, answer: Callable[[np.ndarray], np.ndarray], seed: int = 0) -> Pool:
    """Gray uint8 chips (n, h, w); `answer`: chips -> probabilities (n, k). Two variants of each, as a tracker's boxes differ."""
    draw = np.random.default_rng(seed)
    p, looks = [], []
    for change in (None, *((change, strength) for change in CHANGES.values() for strength in STRENGTHS)):
        made = [np.stack([_seen(chip, change, draw) for chip in chips]) for _ in range(VARIANTS)]
        p.append([answer(variant).astype(np.float16) for variant in made])
        looks.append([look(variant).astype(np.float16) for variant in made])
    return Pool(targets, np.array(p), np.array(looks))


def _seen(chip: np.ndarray, change: tuple[Change, float] | None, draw: np.random.Generator) -> np.ndarray:
    dx, dy = draw.normal(0, JITTER, 2)
    face = moved(chip, angle=draw.normal(0, 2 * JITTER), dx=dx, dy=dy)
    return change[0](face, change[1], draw) if change else face


@dataclass(frozen=True)
class Drift:
    """What changes in a stream, and when."""

    kind: str = ""
    """Empty: nothing."""
    strength: int = 0
    """Number of STRENGTHS."""
    onset: int = 0
    """The first window that is not as before."""
    within: int = 0
    """Windows until it is whole; 0: at once."""

    def shares(self, windows: int) -> np.ndarray:
        """Of each window's faces that are changed (windows,)."""
        if not self.kind:
            return np.zeros(windows)
        return np.clip((np.arange(windows) - self.onset + 1) / max(self.within, 1), 0, 1)


@dataclass(frozen=True)
class Stream:
    """Answers in turn, and what is not known of a real one."""

    answers: Answers
    right: np.ndarray
    """float (windows,): share of right answers."""
    drift: Drift


def stream(pool: Pool, windows: int, drift: Drift, draw: np.random.Generator) -> Stream:
    """A crowd of its own mix, seen for some answers each; some of the wrong answers are corrected."""
    k, n = pool.p.shape[3], windows * WINDOW
    mix = draw.dirichlet(np.full(k, MIXED))
    other = draw.dirichlet(np.full(k, CROWDED)) if drift.kind == CROWD else mix
    hit = draw.random(n) < np.repeat(drift.shares(windows), WINDOW)
    first = draw.random(n) < 1 / STAY
    first[0] = True
    begins = np.flatnonzero(first)
    whose = np.cumsum(first) - 1
    hit = hit[begins]
    weight = (STRENGTHS[drift.strength] if drift.kind == CROWD else 1.0) * hit[:, None]
    shares = (1 - weight) * mix + weight * other
    face = _faces(pool.targets, (shares.cumsum(1) > draw.random(len(begins))[:, None]).argmax(1), draw)
    condition = np.where(hit, pool.condition(drift.kind, drift.strength) if drift.kind else 0, 0)
    at = condition[whose], draw.integers(0, VARIANTS, n), face[whose]
    p, top = pool.p[at].astype(np.float32), pool.p[at].argmax(1)
    turned_ = np.where(first, np.nan, np.append(np.nan, top[1:] != top[:-1]))
    right = top == pool.targets[face[whose]]
    asked = draw.choice(ATTENTIVE)
    corrected = draw.random(n) < asked * np.where(right, 0.05, 1.0)
    answers = Answers(p, pool.looks[at].astype(np.float32), turned_, corrected.astype(float))
    return Stream(answers, right.reshape(windows, WINDOW).mean(1), drift)


def _faces(targets: np.ndarray, wanted: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Of each wanted class a face, drawn."""
    out = np.zeros(len(wanted), int)
    for name in np.unique(wanted):
        rows = wanted == name
        there = np.flatnonzero(targets == name)
        out[rows] = draw.choice(there if len(there) else len(targets), rows.sum())
    return out


def drawn(kinds: tuple[str, ...], windows: int, draw: np.random.Generator, still: float = 0.4) -> Drift:
    """One of the kinds at a random time, in a share `still` of the cases nothing."""
    if draw.random() < still:
        return Drift()
    strength, onset = int(draw.integers(len(STRENGTHS))), int(draw.integers(REFERENCE + 2, windows - 4))
    return Drift(str(draw.choice(kinds)), strength, onset, int(draw.choice((0, 0, 6, 12))))
