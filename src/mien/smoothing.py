"""Steady the answers along a track: classified Faces with track ids in, the same with steadier probabilities out.

What the classifier said of the single frame stays in `raw`. A face without a track, or new, is as the frame has it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from mien.catalog import Catalog
from mien.faces import Faces
from mien.tracking import FRAME, later


class Smoother(Protocol):
    """Faces of one frame after another, with their time in seconds -> Faces with `raw` and, steadied, `probability`."""

    def __call__(self, faces: Faces, time: float | None = None) -> Faces: ...


@dataclass(eq=False)
class _Memory:
    """What is kept of each track, until nobody has seen it for `patience` seconds."""

    new: Callable[[], Any]
    patience: float = 2.0
    time: float = -FRAME
    kept: dict[int, tuple[Any, float]] = field(default_factory=dict)

    def at(self, time: float | None) -> float:
        """The frame's time, and forget what is past."""
        self.time = later(self.time, time)
        self.kept = {i: (m, seen) for i, (m, seen) in self.kept.items() if self.time - seen <= self.patience}
        return self.time

    def of(self, track: int) -> tuple[Any, float]:
        """The track's memory and when it was last asked for."""
        memory, seen = self.kept.get(track, (None, self.time))
        memory = self.new() if memory is None else memory
        self.kept[track] = memory, self.time
        return memory, seen


def _tracked(faces: Faces) -> list[tuple[int, int]]:
    """Row and track of each face that has one."""
    return [] if faces.track_id is None else [(row, int(i)) for row, i in enumerate(faces.track_id)]


class Unsmoothed:
    """Each frame for itself."""

    def __call__(self, faces: Faces, time: float | None = None) -> Faces:
        return faces.having(raw=faces.probability)


@dataclass(eq=False)
class Ema:
    """Exponential moving average: what is `halflife` seconds old weighs half as much as what is new."""

    halflife: float = 0.2

    def __post_init__(self) -> None:
        self._memory = _Memory(list)

    def __call__(self, faces: Faces, time: float | None = None) -> Faces:
        if faces.probability is None:
            return faces
        now, out = self._memory.at(time), faces.probability.copy()
        for row, track in _tracked(faces):
            memory, seen = self._memory.of(track)
            if memory:
                share = 1 - 0.5 ** ((now - seen) / self.halflife)
                out[row] = memory[0] + share * (out[row] - memory[0])
            memory[:] = [out[row]]
        return faces.having(raw=faces.probability, probability=out)


@dataclass(eq=False)
class Majority:
    """Mean over the last `window` seconds; the name changes once another leads it by `lead` there (hysteresis).

    Until then the name that is held and the one that leads change places, so that the probabilities say what is shown."""

    window: float = 0.6
    lead: float = 0.1

    def __post_init__(self) -> None:
        self._memory = _Memory(lambda: {"past": deque(), "held": None})

    def __call__(self, faces: Faces, time: float | None = None) -> Faces:
        if faces.probability is None:
            return faces
        now, out = self._memory.at(time), faces.probability.copy()
        for row, track in _tracked(faces):
            memory, _ = self._memory.of(track)
            out[row] = self._held(memory, now, faces.probability[row])
        return faces.having(raw=faces.probability, probability=out)

    def _held(self, memory: dict[str, Any], now: float, probability: np.ndarray) -> np.ndarray:
        past = memory["past"]
        past.append((now, probability))
        while now - past[0][0] > self.window:
            past.popleft()
        mean = np.mean([p for _, p in past], axis=0)
        best, held = int(mean.argmax()), memory["held"]
        if held is None or mean[best] - mean[held] >= self.lead:
            memory["held"] = held = best
        mean[[best, held]] = mean[[held, best]]
        return mean


SMOOTHERS = Catalog(
    "smoother",
    {"none": "mien.smoothing:Unsmoothed", "ema": "mien.smoothing:Ema", "majority": "mien.smoothing:Majority"},
    group="mien.smoothers",
)
