"""One typed record is a detector's training run."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mien.errors import config_in, insist
from mien.training.detection.scenes import SceneConfig


@dataclass(frozen=True)
class DetectConfig:
    """Everything that decides a run's result; saved in the run folder and read back by `--resume`."""

    options: dict[str, Any] = field(default_factory=dict)
    """Keyword arguments of the network, such as widths."""
    scenes: SceneConfig = field(default_factory=SceneConfig)
    epochs: int = 90
    scenes_an_epoch: int = 4096
    batch_size: int = 16
    side: int = 192
    """Pixels of a scene ..."""
    last_side: int = 320
    """... and in the last quarter of the epochs."""
    learning_rate: float = 5e-3
    warmup: float = 1.0
    weight_decay: float = 1e-2
    ema: float = 0.998
    mine: float = 0.5
    """Share of the epochs after which the net's own false alarms are collected, and shown from then on; 1: never."""
    hold_out: tuple[str, ...] = ()
    """Sources of photos that are not fitted on."""
    choose: tuple[str, ...] = ()
    """Those of them that are scored along the way, for choices."""
    evaluate_every: int = 10
    seed: int = 0
    start: str = ""
    """Run folder whose averaged weights are begun with; empty: from nothing."""

    def __post_init__(self) -> None:
        insist(
            self,
            ("epochs", self.epochs >= 1, "at least 1"),
            ("batch_size", self.batch_size >= 2, "at least 2"),
            ("scenes_an_epoch", self.scenes_an_epoch >= self.batch_size, "at least a batch"),
            ("side", self.side > 0 and self.side % 64 == 0, "a multiple of 64"),
            ("last_side", self.last_side > 0 and self.last_side % 64 == 0, "a multiple of 64"),
            ("learning_rate", self.learning_rate > 0, "more than 0"),
            ("ema", 0 <= self.ema < 1, "0 to less than 1"),
            ("mine", 0 < self.mine <= 1, "more than 0, up to 1"),
            ("evaluate_every", self.evaluate_every >= 1, "at least 1"),
        )

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> DetectConfig:
        with config_in(path, "detector"):
            raw = json.loads(path.read_text(encoding="utf-8"))
            lists: dict[str, Any] = {name: tuple(raw.pop(name)) for name in ("hold_out", "choose")}
            return cls(scenes=SceneConfig(**raw.pop("scenes")), **lists, **raw)
