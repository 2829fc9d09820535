"""Exchange labels on purpose: samples in, the same with some of their labels wrong out, to learn what such samples look like."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from mien.training.config import Noise, TrainConfig
from mien.training.tensors import Tensors


def noisy(config: TrainConfig, fitted: Tensors) -> Tensors:
    """With `config.noise` in the labels; what was there before is `given`. The same samples at every call.

    Raises ValueError where the noise is to be like a run that has no such classes."""
    n = config.noise
    if not (n.uniform or n.confusion):
        return fitted
    draw = np.random.default_rng([config.seed, 2])
    k, wrong = len(fitted.labels), draw.random(len(fitted))
    even = (np.ones((k, k)) - np.eye(k)) / max(k - 1, 1)
    alike = confusions(n, fitted) if n.confusion else even
    targets = fitted.targets.copy()
    for chosen, table in ((wrong < n.uniform, even), ((wrong >= n.uniform) & (wrong < n.uniform + n.confusion), alike)):
        rows = np.flatnonzero(chosen)
        reached = draw.random((len(rows), 1)) < table[targets[rows]].cumsum(1)
        targets[rows] = reached.argmax(1)
    return replace(fitted, targets=targets, given=fitted.targets)


def confusions(noise: Noise, fitted: Tensors) -> np.ndarray:
    """(k, k): how a class that is mistaken is shared among the others, by a run's report on PublicTest."""
    path = Path(noise.like) / "report.json"
    if not path.is_file():
        raise ValueError(f"noise.like is {noise.like!r}; wanted a run folder with a report.json, whose confusions are copied")
    split = json.loads(path.read_text(encoding="utf-8"))["splits"].get("PublicTest", {})
    if list(split.get("classes", ())) != list(fitted.labels):
        raise ValueError(f"{path} has no PublicTest with the classes {', '.join(fitted.labels)}")
    table = np.array(split["confusion"], float)
    np.fill_diagonal(table, 0)
    table += 1e-6 * (1 - np.eye(len(table)))
    return np.asarray(table / table.sum(1, keepdims=True))
