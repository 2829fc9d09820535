"""How soon a change of a live stream is told, by the monitor's LSTM and without it, each with as many false alarms.

Streams are made of half of PublicTest's faces, monitors are fitted to the other half; a monitor is asked about a kind of drift
that it was not fitted to. Each threshold is set on streams in which nothing changes, so that one in twenty raises an alarm.
Delay: windows (64 answers) from the change until the alarm, HORIZON where there is none; intervals by the bootstrap over streams.

KERAS_BACKEND=torch python benchmarks/drift.py --data fer2013.npz --work FOLDER [--seeds 3]     (half an hour a seed on one core)
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from river.drift import ADWIN, PageHinkley

from mien.feedback.monitor.drifts import CROWD, KINDS, STRENGTHS, Drift, Pool, Stream, stream
from mien.feedback.monitor.stream import StreamMonitor
from mien.feedback.monitor.stream_fit import LENGTH, RARE, fit_stream_monitor, pool_of, seen, stills
from mien.feedback.monitor.windows import FORGET, NAMES, REFERENCE, USUAL_SPREAD, WINDOW, forgetting, measured, with_mix
from results import write

TOLD = ("blur", "darkness", "compression", CROWD, "rotation")
HORIZON = 24
STREAMS, STILL = 240, 600
ONSETS = 10, 18
"""Windows behind the reference."""
BY_ANSWERS: dict[str, tuple[Callable[[float], object], np.ndarray]] = {
    "ADWIN": (lambda delta: ADWIN(delta=delta), np.geomspace(0.5, 1e-12, 25)),
    "Page-Hinkley": (lambda threshold: PageHinkley(threshold=threshold, mode="down"), np.geomspace(1, 400, 40)),
}
"""River's, with settings from the most eager on."""


def cusum(beside: np.ndarray, slack: float) -> np.ndarray:
    """The largest of the two-sided sums over what is measured (Page 1954)."""
    up, down, out = np.zeros(beside.shape[1]), np.zeros(beside.shape[1]), []
    for row in beside:
        up, down = np.maximum(0, up + row - slack), np.maximum(0, down - row - slack)
        out.append(max(up.max(), down.max()))
    return np.array(out)


def mcusum(beside: np.ndarray, slack: float) -> np.ndarray:
    """Of all that is measured at once (Crosier 1988)."""
    whole, out = np.zeros(beside.shape[1]), []
    for row in beside:
        moved = whole + row
        size = np.linalg.norm(moved)
        whole = moved * (1 - slack / size) if size > slack else np.zeros_like(whole)
        out.append(np.linalg.norm(whole))
    return np.array(out)


BY_WINDOWS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "mean confidence": lambda beside, confidence: -beside[:, 0],
    "CUSUM": lambda beside, confidence: cusum(beside, 0.5),
    "CUSUM of all at once": lambda beside, confidence: mcusum(beside, 1.0),
    "EWMA": lambda beside, confidence: np.abs(forgetting(beside, FORGET[0])).max(1),
}


def by_windows(
    statistic: Callable[[np.ndarray, np.ndarray], np.ndarray], still: list[Stream], changed: list[Stream]
) -> np.ndarray:
    """Delays, with the threshold at which one still stream in twenty raises an alarm."""
    limit = np.quantile([statistic(*seen(one)).max() for one in still], 1 - RARE)
    return np.array([_delay(np.flatnonzero(statistic(*seen(one)) > limit) + REFERENCE, one) for one in changed])


def _delay(alarms: np.ndarray, of: Stream) -> int:
    """Windows until the first alarm that is not before the change."""
    later = alarms[alarms >= of.drift.onset] - of.drift.onset + 1
    return int(min(later[0], HORIZON)) if len(later) else HORIZON


def tuned(make: Callable[[float], object], settings: np.ndarray, still: list[Stream]) -> float:
    """Of a detector that reads confidences one by one: the first of the settings that is as rarely wrong."""
    for setting in settings:
        if np.mean([bool(len(_alarms(make(setting), one))) for one in still]) <= RARE:
            return float(setting)
    raise ValueError("no setting is as rarely wrong")


def _alarms(detector: object, of: Stream) -> np.ndarray:
    """Windows behind the reference in which it told a change."""
    found = []
    for i, confidence in enumerate(of.answers.p.max(1).tolist()):
        detector.update(confidence)
        if detector.drift_detected and i >= REFERENCE * WINDOW:
            found.append(i // WINDOW)
    return np.unique(found).astype(int)


def drifting(pool: Pool, kind: str, seed: int) -> list[Stream]:
    draw = np.random.default_rng(seed)
    drifts = [
        Drift(kind, int(draw.integers(len(STRENGTHS))), REFERENCE + int(draw.integers(*ONSETS)), int(draw.choice((0, 6))))
        for _ in range(STREAMS)
    ]
    return [stream(pool, REFERENCE + LENGTH, drift, draw) for drift in drifts]


def interval(values: np.ndarray, draws: int = 2000) -> tuple[float, float]:
    draw = np.random.default_rng(0)
    means = values[draw.integers(0, len(values), (draws, len(values)))].mean(1)
    return tuple(np.round(np.quantile(means, (0.025, 0.975)), 2).tolist())


def forecasts(monitor: StreamMonitor, streams: list[Stream]) -> dict[str, float]:
    """Mean absolute error of the accuracy that is forecast, and of the mean confidence taken for it."""
    own, plain = [], []
    for one in streams:
        beside, confidence = seen(one)
        right = one.right[REFERENCE:]
        own.append(np.abs(monitor(beside, confidence, np.arange(1, LENGTH + 1))[0] - right).mean())
        plain.append(np.abs(confidence - right).mean())
    return {"forecast_error": round(float(np.mean(own)), 4), "confidence_error": round(float(np.mean(plain)), 4)}


def compared(
    kind: str, fitted: Pool, asked: Pool, work: Path, seed: int, still: list[Stream], settings: dict[str, float]
) -> dict[str, object]:
    """One kind of drift: mean delays, and how much sooner the monitor is than each of the others."""
    folder = work / f"without-{kind}-{seed}"
    if not (folder / "monitor.json").exists():
        fit_stream_monitor(fitted, folder, kinds=tuple(k for k in KINDS if k != kind), seed=seed)
    monitor, changed = StreamMonitor(folder), drifting(asked, kind, 100 + seed)
    every = np.arange(1, LENGTH + 1)
    delays = {"LSTM": by_windows(lambda beside, confidence: monitor(beside, confidence, every)[1], still, changed)}
    delays |= {name: by_windows(statistic, still, changed) for name, statistic in BY_WINDOWS.items()}
    for name, (make, _) in BY_ANSWERS.items():
        delays[name] = np.array([_delay(_alarms(make(settings[name]), one), one) for one in changed])
    row: dict[str, object] = {"kind": kind, "seed": seed, **forecasts(monitor, changed)}
    for name, found in delays.items():
        row |= {f"{name} delay": round(float(found.mean()), 2), f"{name} found": round(float((found < HORIZON).mean()), 3)}
        if name != "LSTM":
            row[f"LSTM sooner than {name}"] = interval(found - delays["LSTM"])
    return row


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", type=Path, required=True)
    ask.add_argument("--work", type=Path, required=True, help="Pools and monitors are kept here.")
    ask.add_argument("--model", default="fer2013")
    ask.add_argument("--seeds", type=int, default=3)
    asked = ask.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    kept = asked.work / "pool.npz"
    if not kept.exists():
        pool = pool_of(asked.data, "PublicTest", asked.model, say=print)
        np.savez(kept, targets=pool.targets, p=pool.p, looks=pool.looks)
    with np.load(kept) as stored:
        pool = Pool(stored["targets"], stored["p"], stored["looks"])
    shuffled, half = np.random.default_rng(0).permutation(len(pool.targets)), len(pool.targets) // 2
    fitted, other = pool[shuffled[:half]], pool[shuffled[half:]]
    still = stills(other, STILL, 1)
    values = [measured(one.answers) for one in still[:100]]
    spread = np.mean([with_mix(v, m, m.mean(0)).std(0) for v, m in values], axis=0)
    print("deviations:", dict(zip(NAMES, spread.round(4).tolist(), strict=True)), "as written down:", USUAL_SPREAD.tolist())
    settings = {name: tuned(make, found, still) for name, (make, found) in BY_ANSWERS.items()}
    print("settings:", settings, flush=True)
    rows = []
    for seed in range(asked.seeds):
        for kind in TOLD:
            rows.append(compared(kind, fitted, other, asked.work, seed, still, settings))
            print(rows[-1], flush=True)
        write("drift", rows)


if __name__ == "__main__":
    main()
