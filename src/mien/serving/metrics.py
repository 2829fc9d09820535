"""What the server counts: events in, Prometheus text and the dashboard's figures out."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from mien.faces import Faces
from mien.feedback.monitor.stream import Said

SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)
SHARES = tuple(i / 10 for i in range(1, 11))
WINDOW = 60.0
"""Seconds that the dashboard's figures are of."""
PERCENTILES = ("p50_ms", "p95_ms", "p99_ms")
MOST = 20_000
"""Answers that are held for them."""


class Metrics:
    """One server's counters. Names follow Prometheus: base units, `_total` for what only grows."""

    def __init__(
        self,
        waiting: Callable[[], int] = lambda: 0,
        cameras: Callable[[], int] = lambda: 0,
        said: Callable[[], Said | None] = lambda: None,
    ) -> None:
        """`said`: what the monitor of the live stream says; NaN and 0 in the figures until it says something."""
        self.registry = CollectorRegistry()
        own: dict[str, Any] = {"registry": self.registry}
        self.requests = Counter("mien_requests_total", "Requests answered", ["path", "method", "status"], **own)
        self.request_seconds = Histogram("mien_request_seconds", "Time of a request", ["path"], buckets=SECONDS, **own)
        self.frame_seconds = Histogram("mien_frame_seconds", "From a live frame's arrival to its answer", buckets=SECONDS, **own)
        self.frames = Counter("mien_frames_total", "Live frames", ["outcome"], **own)
        self.wait_seconds = Histogram("mien_wait_seconds", "Wait of a picture for its turn", buckets=SECONDS, **own)
        self.batch = Histogram("mien_batch_pictures", "Pictures worked on together", buckets=(1, 2, 4, 8, 16, 32), **own)
        self.faces = Counter("mien_faces_total", "Faces found", **own)
        self.confidence = Histogram("mien_confidence", "Probability of the name given", buckets=SHARES, **own)
        self.unsure = Counter("mien_unsure_total", "Faces whose answer is unsure", **own)
        self.corrections = Counter("mien_corrections_total", "Answers that people corrected", **own)
        Gauge("mien_queue_pictures", "Pictures that wait", **own).set_function(waiting)
        Gauge("mien_cameras", "Live connections", **own).set_function(cameras)
        likely = Gauge("mien_accuracy_forecast", "Share of right answers that is likely now", **own)
        likely.set_function(lambda: now.accuracy if (now := said()) else float("nan"))
        changed = Gauge("mien_changed", "Whether what is seen has changed", **own)
        changed.set_function(lambda: float(now.changed) if (now := said()) else 0.0)
        self._recent: deque[tuple[float, float, int]] = deque(maxlen=MOST)
        """Moment, latency and frames dropped of each live answer."""
        self._sure: deque[tuple[float, float, int, int]] = deque(maxlen=MOST)
        """Moment, sum of confidences, faces, unsure ones of each picture with faces."""

    def worked(self, waits: list[float]) -> None:
        """An engine's batch is done, of pictures that waited so many seconds."""
        self.batch.observe(len(waits))
        for wait in waits:
            self.wait_seconds.observe(wait)

    def saw(self, faces: Faces) -> None:
        """An answer was given, of classified faces."""
        if not len(faces) or faces.unsure is None:
            return
        unsure, sure = int(faces.unsure.sum()), faces.confidence
        self.faces.inc(len(faces))
        self.unsure.inc(unsure)
        for confidence in sure:
            self.confidence.observe(float(confidence))
        self._sure.append((time.monotonic(), float(sure.sum()), len(faces), unsure))

    def framed(self, latency: float | None, dropped: int) -> None:
        """A live frame was answered, after `latency` seconds, or, as None, by an error; `dropped` were not, since the last."""
        self.frames.labels("dropped").inc(dropped)
        self.frames.labels("refused" if latency is None else "answered").inc()
        if latency is None:
            return
        self.frame_seconds.observe(latency)
        self._recent.append((time.monotonic(), latency, dropped))

    def lately(self) -> Mapping[str, float | None]:
        """Of the last WINDOW seconds: frames a second, latencies, the share dropped; mean confidence, the share unsure."""
        now = time.monotonic()
        rows = [row for row in list(self._recent) if now - row[0] <= WINDOW]
        sure = [row for row in list(self._sure) if now - row[0] <= WINDOW]
        faces, lost = sum(row[2] for row in sure), sum(row[2] for row in rows)
        ms = 1e3 * np.percentile([row[1] for row in rows], (50, 95, 99)) if rows else ()
        return {
            "frames_per_second": round(len(rows) / max(now - rows[0][0], 1.0), 2) if rows else 0.0,
            **dict.fromkeys(PERCENTILES),
            **dict(zip(PERCENTILES, (round(float(v), 2) for v in ms), strict=False)),
            "dropped": lost / (len(rows) + lost) if rows else 0.0,
            "confidence": round(sum(row[1] for row in sure) / faces, 4) if faces else None,
            "unsure": round(sum(row[3] for row in sure) / faces, 4) if faces else None,
        }

    def total(self, name: str) -> float:
        """Of a counter without labels, by its short name."""
        return self.registry.get_sample_value(f"mien_{name}_total") or 0.0

    def text(self) -> bytes:
        return generate_latest(self.registry)
