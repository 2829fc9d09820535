"""The monitor of a live stream: windows of answers in; what accuracy is likely now, and whether something has changed, out.

Two LSTMs read how the last windows differ from what is usual in this stream (mien.feedback.monitor.windows): one says the share
of right answers, the other whether something has changed. How they are fitted: mien.feedback.monitor.stream_fit."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mien.feedback.monitor.windows import sequences
from mien.runtime import Graph
from mien.weights import PACKAGED, sha256

CARD, ACCURACY, ALARM = "monitor.json", "accuracy.onnx", "alarm.onnx"
DEFAULT = PACKAGED / "monitors" / "stream"


@dataclass(frozen=True)
class StreamCard:
    """What a monitor is of."""

    threshold: float
    """Of the alarm, from which on it is raised."""
    sha256: dict[str, str]
    """Of its graphs."""
    data: dict[str, Any] = field(default_factory=dict)
    command: str = ""


@dataclass(frozen=True)
class Said:
    """What a monitor says of a window."""

    accuracy: float
    """The share of right answers that is likely, 0 to 1."""
    alarm: float
    """0 to 1: that something has changed."""
    changed: bool
    """Whether that is an alarm."""


class StreamMonitor:
    """Reads its card at once, the graphs at the first call."""

    def __init__(self, folder: Path | None = None) -> None:
        """Raises FileNotFoundError and ValueError where there is none in the folder; None: the packaged one."""
        self.folder = folder or DEFAULT
        self.card = _read(self.folder)
        self._graphs: dict[str, Graph] = {}

    def __call__(self, beside: np.ndarray, confidence: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Accuracy and alarm (n,) at these ends, of all windows behind the reference."""
        x = sequences(beside, confidence, ends)
        accuracy, alarm = (self._graph(name).run(x)[0].astype(float) for name in (ACCURACY, ALARM))
        return accuracy, alarm

    def now(self, beside: np.ndarray, confidence: np.ndarray) -> Said:
        """Of the newest window."""
        accuracy, alarm = self(beside, confidence, np.array([len(beside)]))
        return Said(float(accuracy[0]), float(alarm[0]), bool(alarm[0] >= self.card.threshold))

    def _graph(self, name: str) -> Graph:
        if name not in self._graphs:
            self._graphs[name] = Graph(self.folder / name)
        return self._graphs[name]


def write_card(card: StreamCard, folder: Path) -> None:
    (folder / CARD).write_text(json.dumps(asdict(card), indent=2) + "\n", encoding="utf-8")


def _read(folder: Path) -> StreamCard:
    file = folder / CARD
    if not file.is_file():
        raise FileNotFoundError(f"no {CARD} in {folder}; mien feedback drift fits one")
    try:
        card = StreamCard(**json.loads(file.read_text(encoding="utf-8")))
        damaged = [name for name, wanted in card.sha256.items() if sha256(folder / name) != wanted]
    except (OSError, TypeError, ValueError) as error:
        raise ValueError(f"{file} is not the card of a monitor of streams: {error!r}") from error
    if damaged:
        raise ValueError(f"{folder / damaged[0]} is not the file that {CARD} describes (sha256 differs)")
    return card
