"""How the monitor of a live stream is fitted: labelled faces in, a monitor out (mien.feedback.monitor.stream).

It learns in streams whose drifts are simulated (mien.feedback.monitor.drifts), or are shifts of what is measured in random
directions, so that it knows more than the kinds that somebody thought of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from mien.classifiers import load_classifier
from mien.datasets import open_dataset
from mien.datasets.look import gray_levels
from mien.feedback.holdout import faces_of, probabilities
from mien.feedback.monitor.drifts import KINDS, STRENGTHS, Drift, Pool, Stream, drawn, pooled, stream
from mien.feedback.monitor.stream import ACCURACY, ALARM, StreamCard, StreamMonitor, write_card
from mien.feedback.monitor.windows import FAR, NAMES, REFERENCE, Usual, measured, sequences
from mien.image import resize
from mien.preprocess.changes import CHANGES
from mien.weights import sha256

LENGTH = 44
"""Windows of a simulated stream behind those that say what is usual."""
SIDE = 48
"""Pixels of the faces that streams are made of."""
ENDS = 5
"""Moments at which a stream is looked at."""
STILL, SHIFTED = 0.6, 0.45
"""Share of the streams whose faces do not change, and of these, the share that is shifted at random."""
RARE = 0.05
"""Share of the streams in which nothing changes that raise an alarm within LENGTH windows."""


def pool_of(data: Path, split: str, model: str, seed: int = 0, say: Callable[[str], None] = lambda text: None) -> Pool:
    """What a model says of the faces of a split, each once, as they are and changed. Raises ValueError as `faces_of` does."""
    faces = faces_of(open_dataset(data), split)
    chips = [gray_levels(chip) for chip in faces.chips]
    square = np.stack([chip if chip.shape == (SIDE, SIDE) else resize(chip, SIDE, SIDE) for chip in chips])
    classifier = load_classifier(model)
    say(f"{len(square):,} faces, each seen in {1 + len(CHANGES) * len(STRENGTHS)} ways")
    return pooled(square, faces.targets, lambda chips: probabilities(classifier, list(chips), faces.labels), seed)


def seen(of: Stream) -> tuple[np.ndarray, np.ndarray]:
    """Windows behind the reference: how far from usual (w, 8), and their mean confidences (w,)."""
    values, mixes = measured(of.answers)
    usual = Usual.of(values[:REFERENCE], mixes[:REFERENCE])
    return usual.beside(values, mixes)[REFERENCE:], values[REFERENCE:, NAMES.index("confidence")]


def shifted(beside: np.ndarray, draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A stream in which some of what is measured moves in a random direction, and in which windows it does."""
    onset, within = int(draw.integers(0, len(beside) - 3)), int(draw.choice((1, 1, 6, 12)))
    way = draw.normal(0, 1, beside.shape[1]) * (draw.random(beside.shape[1]) < draw.choice((0.15, 0.3, 0.6)))
    way[draw.integers(len(way))] += draw.choice((-1, 1))
    size = np.exp(draw.uniform(np.log(0.7), np.log(FAR))) / np.abs(way).max()
    share = np.clip((np.arange(len(beside)) - onset + 1) / within, 0, 1)
    return np.clip(beside + share[:, None] * size * way, -FAR, FAR).astype(np.float32), share > 0


def examples(pool: Pool, kinds: tuple[str, ...], streams: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sequences, whether a drift is on, and the share of right answers; NaN of a stream that was shifted, where nobody knows."""
    draw = np.random.default_rng(seed)
    x, on, right = [], [], []
    for _ in range(streams):
        drift = drawn(kinds, REFERENCE + LENGTH, draw, STILL)
        made = stream(pool, REFERENCE + LENGTH, drift, draw)
        beside, confidence = seen(made)
        accuracy, changed = made.right[REFERENCE:], drift.shares(REFERENCE + LENGTH)[REFERENCE:] > 0
        if not drift.kind and draw.random() < SHIFTED:
            beside, changed = shifted(beside, draw)
            accuracy = np.full(LENGTH, np.nan)
        ends = draw.integers(2, LENGTH + 1, ENDS)
        x.append(sequences(beside, confidence, ends))
        on.append(changed[ends - 1])
        right.append(accuracy[ends - 1])
    return np.concatenate(x), np.concatenate(on).astype(np.float32), np.concatenate(right).astype(np.float32)


def fit_stream_monitor(
    pool: Pool, folder: Path, command: str = "", kinds: tuple[str, ...] = KINDS, streams: int = 5000, **settings: Any
) -> StreamCard:
    """Fit a monitor to streams drawn from nine tenths of the pool, choose and calibrate on the others, write it to the folder."""
    from mien.feedback.monitor.lstm import Settings, fit

    chosen = Settings(**{"epochs": 8, **settings})
    held = np.arange(len(pool.targets)) % 10 == 0
    x, on, right = examples(pool[~held], kinds, streams, chosen.seed)
    x_held, on_held, right_held = examples(pool[held], kinds, streams // 8, chosen.seed + 1)
    known, known_held = ~np.isnan(right), ~np.isnan(right_held)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ALARM).write_bytes(fit(x, on, x_held, on_held, chosen))
    (folder / ACCURACY).write_bytes(fit(x[known], right[known], x_held[known_held], right_held[known_held], chosen))
    data = {"kinds": list(kinds), "streams": streams, "faces": len(pool.targets), "settings": asdict(chosen)}
    hashes = {name: sha256(folder / name) for name in (ACCURACY, ALARM)}
    write_card(StreamCard(1.0, hashes, data, command), folder)
    still = highest_when_still(StreamMonitor(folder), stills(pool[held], 400, chosen.seed + 2))
    card = StreamCard(float(np.quantile(still, 1 - RARE)), hashes, data, command)
    write_card(card, folder)
    return card


def stills(pool: Pool, streams: int, seed: int) -> list[Stream]:
    """Streams in which nothing changes."""
    draw = np.random.default_rng(seed)
    return [stream(pool, REFERENCE + LENGTH, Drift(), draw) for _ in range(streams)]


def highest_when_still(monitor: StreamMonitor, streams: Iterable[Stream]) -> np.ndarray:
    """Of each stream the highest alarm."""
    return np.array([monitor(*seen(one), np.arange(1, LENGTH + 1))[1].max() for one in streams])
