"""How much each may ask for: a name and a number of pictures in, the seconds to wait out (a token bucket each)."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

NAMES = 100_000
"""Whom it remembers at most; beyond, who was not heard of for longest is forgotten."""


class Rates:
    """`rates.wait(name)` -> 0.0 when it may go on, else how long to wait. `per_minute` 0: nobody is held back.

    A minute's worth may come at once; then it is refilled evenly."""

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_minute, self.clock = per_minute, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def wait(self, name: str, amount: int = 1) -> float:
        if not self.per_minute:
            return 0.0
        with self._lock:
            now, speed = self.clock(), self.per_minute / 60
            left, seen = self._left.pop(name, (self.per_minute, now))
            left = min(left + (now - seen) * speed, self.per_minute)
            short = min(amount, self.per_minute) - left
            self._left[name] = (left if short > 0 else left - amount, now)
            if len(self._left) > NAMES:
                self._left.popitem(last=False)
        return max(short / speed, 0.0)
