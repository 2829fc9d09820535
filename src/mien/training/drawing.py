"""Which samples an epoch is made of: a config and rows in, row numbers in their order out, from seed and epoch alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mien.datasets.balance import oversampled
from mien.datasets.ease import read_ease
from mien.training.config import OVERSAMPLE, TrainConfig
from mien.training.tensors import Tensors


def order(config: TrainConfig, rows: Tensors, epoch: int, n: int, ranks: np.ndarray | None = None) -> np.ndarray:
    """The rows (n,) of an epoch: each once; or as often as its set's weight says; or, oversampling, so that all classes come
    equally often; or the easiest part of each class by `ranks`, as often as fills the epoch."""
    draw = np.random.default_rng([config.seed, epoch])
    if ranks is not None:
        allowed = np.flatnonzero(ranks < config.curriculum.share(epoch, config.epochs))
        rounds = [draw.permutation(allowed) for _ in range(-(-n // len(allowed)))]
        return np.concatenate(rounds)[:n]
    if config.sampling == OVERSAMPLE:
        return draw.permutation(oversampled(rows.targets, draw))[:n]
    if not config.data_weights:
        return draw.permutation(len(rows))[:n]
    source = np.zeros(len(rows), int) if rows.source is None else rows.source
    parts = [_times(draw.permutation(np.flatnonzero(source == i)), w) for i, w in enumerate(config.data_weights)]
    return draw.permutation(np.concatenate(parts))[:n]


def drawn_in_an_epoch(config: TrainConfig, fitted: Tensors) -> int:
    """How many samples come in an epoch."""
    if not config.data_weights:
        return len(fitted)
    sizes = np.bincount(np.zeros(len(fitted), int) if fitted.source is None else fitted.source)
    if len(sizes) != len(config.data_weights):
        raise ValueError(f"data_weights has {len(config.data_weights)} numbers for {len(sizes)} sets of data")
    return sum(len(_times(np.arange(size), w)) for size, w in zip(sizes, config.data_weights, strict=True))


def _times(rows: np.ndarray, weight: float) -> np.ndarray:
    """So many times each of the rows, of a fraction the first ones."""
    return np.resize(rows, round(len(rows) * weight))


def ranks(config: TrainConfig, fitted: Tensors) -> np.ndarray | None:
    """Where each sample stands in its class (n,), from 0, the easiest, to less than 1; None without a curriculum.

    Raises ValueError where the file does not know all samples, or knows them by another label."""
    if not config.curriculum.ease:
        return None
    if fitted.keys is None:
        raise ValueError("curriculum wants samples with keys, by which their ease is found")
    targets = fitted.targets if fitted.given is None else fitted.given
    names = [fitted.labels[target] for target in targets]
    ease = read_ease(Path(config.curriculum.ease), fitted.keys.tolist(), names)
    ease = ease + np.random.default_rng(config.seed).random(len(ease)) * 1e-6  # as easy ones in no particular order
    out = np.zeros(len(ease))
    for target in np.unique(fitted.targets):
        mine = np.flatnonzero(fitted.targets == target)
        out[mine[np.argsort(-ease[mine])]] = np.arange(len(mine)) / len(mine)
    return out
