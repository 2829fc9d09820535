"""The monitor of labels: histories of training samples in, P(the label is wrong) of each out; and how it is fitted.

After Jia et al., "Learning from training dynamics" (AAAI 2023): an LSTM learns from runs in which labels were exchanged on
purpose what a wrong one looks like, and is shown a run in which nobody knows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mien.datasets.dynamics import Histories
from mien.feedback.monitor.histories import sequences
from mien.labels import LabelSet
from mien.runtime import Graph
from mien.weights import PACKAGED, sha256

CARD, GRAPH = "monitor.json", "monitor.onnx"
DEFAULT = PACKAGED / "monitors" / "labels"
HELD = 10
"""One in so many samples is not fitted on, in any run."""
ROWS = 4096
"""Sequences at once."""
ROUNDS, SETTLED = 200, 1e-6


@dataclass(frozen=True)
class MonitorCard:
    """What a monitor is of."""

    labels: LabelSet
    prior: float
    """Share of wrong labels among the samples that it was fitted on."""
    sha256: str
    data: dict[str, Any] = field(default_factory=dict)
    command: str = ""


class LabelMonitor:
    """`monitor(histories)` -> P(mislabelled), float64 (n,). Reads its card at once, the graph at the first call."""

    def __init__(self, folder: Path | None = None) -> None:
        """Raises FileNotFoundError and ValueError where there is none in the folder; None: the packaged one."""
        self.folder = folder or DEFAULT
        self.card = _read(self.folder)

    def __call__(self, h: Histories) -> np.ndarray:
        """Raises ValueError for histories of other classes."""
        if h.labels != self.card.labels:
            raise ValueError(
                f"the monitor knows {', '.join(self.card.labels)}; this run has {', '.join(h.labels)}: fit one for them with "
                "mien feedback monitor"
            )
        graph = Graph(self.folder / GRAPH)
        parts = [graph.run(sequences(h[i : i + ROWS], shares(h)))[0] for i in range(0, len(h), ROWS)]
        return as_frequent(np.concatenate(parts).astype(float), self.card.prior)


def shares(h: Histories) -> np.ndarray:
    """Of each label among the samples (k,)."""
    return np.bincount(h.label, minlength=len(h.labels)) / len(h)


def as_frequent(p: np.ndarray, prior: float) -> np.ndarray:
    """The same odds where what is looked for is as frequent as they themselves say, instead of `prior` (Saerens et al. 2002)."""
    share, odds = prior, p / np.maximum(1 - p, 1e-12)
    now = p
    for _ in range(ROUNDS):
        ratio = odds * (share / (1 - share)) / (prior / (1 - prior))
        now = ratio / (1 + ratio)
        new = float(np.clip(now.mean(), 1e-4, 1 - 1e-4))
        if abs(new - share) < SETTLED:
            break
        share = new
    return now


def fit_monitor(runs: Sequence[Histories], folder: Path, command: str = "", **settings: Any) -> MonitorCard:
    """Fit a monitor to runs in which labels were exchanged on purpose, and write it to the folder.

    One in HELD samples is kept out of all of them, to choose the epoch and to calibrate. Raises ValueError for runs of
    different classes, and where no label was exchanged."""
    from mien.feedback.monitor.lstm import Settings, fit

    if len({run.labels for run in runs}) != 1:
        raise ValueError("the runs have different classes; a monitor is of one set of classes")
    for number, run in enumerate(runs, 1):
        if not run.exchanged.any():
            raise ValueError(f"in run {number} no label was exchanged; train it with --set noise.uniform=0.2")
    parts: dict[bool, list[tuple[np.ndarray, np.ndarray]]] = {True: [], False: []}
    for run in runs:
        held = np.arange(len(run)) % HELD == 0
        for kept, rows in ((True, held), (False, ~held)):
            parts[kept].append((sequences(run[rows], shares(run)), run.exchanged[rows].astype(np.float32)))
    (x, y), (x_held, y_held) = (_joined(parts[kept]) for kept in (False, True))
    chosen = Settings(**settings)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / GRAPH).write_bytes(fit(x, y, x_held, y_held, chosen))
    data = {"runs": len(runs), "sequences": len(x), "epochs": [run.p.shape[1] for run in runs], "settings": asdict(chosen)}
    card = MonitorCard(runs[0].labels, float(y_held.mean()), sha256(folder / GRAPH), data, command)
    (folder / CARD).write_text(json.dumps({**asdict(card), "labels": list(card.labels)}, indent=2) + "\n", encoding="utf-8")
    return card


def _joined(parts: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Sequences of several runs as one array, the shorter ones with zeros behind them."""
    steps = max(x.shape[1] for x, _ in parts)
    longer = [np.pad(x, ((0, 0), (0, steps - x.shape[1]), (0, 0))) for x, _ in parts]
    return np.concatenate(longer), np.concatenate([y for _, y in parts])


def _read(folder: Path) -> MonitorCard:
    file = folder / CARD
    if not file.is_file():
        raise FileNotFoundError(f"no {CARD} in {folder}; mien feedback monitor fits one")
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
        card = MonitorCard(**{**raw, "labels": LabelSet(tuple(raw["labels"]))})
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{file} is not the card of a monitor: {error!r}") from error
    if sha256(folder / GRAPH) != card.sha256:
        raise ValueError(f"{folder / GRAPH} is not the file that {CARD} describes (sha256 differs)")
    return card
