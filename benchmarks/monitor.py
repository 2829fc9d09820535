"""How well wrong labels are told by a net's training dynamics: the monitor's LSTM beside each baseline.

Reference: what FER+'s people saw. A label is wrong where one of the ten answers won alone and is another; strictly, where
at least six in ten gave another. What has no single winner is left out. Where labels were exchanged on purpose it is that.
Areas under the ROC curve are within each class, averaged over classes: classes differ in how often they are wrong, and whoever
knows the class alone scores high over all. Intervals: bootstrap over samples within classes, means over the runs.

python benchmarks/monitor.py --data fer2013.npz --run RUN ... [--noisy RUN ...] [--monitor DIR] [--predictions FILE.npy]
"""

import argparse
from pathlib import Path

import numpy as np

from mien.datasets import open_dataset
from mien.datasets.base import SPLITS
from mien.datasets.dynamics import Histories, read_histories
from mien.feedback.monitor.labels import LabelMonitor
from mien.feedback.scores import P, scored
from results import write

DRAWS = 200
SHARES = 0.01, 0.02, 0.05
STRICT = 0.6
"""Share of the votes that another answer must have."""


def voted(data: Path) -> dict[str, tuple[str, float]]:
    """Key of each training sample -> the answer that won alone (empty: none), and its share."""
    dataset = open_dataset(data)
    names = tuple(dataset.vote_labels or ())
    found = {}
    for sample in dataset:
        if sample.split == SPLITS[0] and sample.votes is not None and sample.votes.sum():
            share = sample.votes / sample.votes.sum()
            alone = (share == share.max()).sum() == 1
            found[sample.key] = (names[int(share.argmax())] if alone else "", float(share.max()))
    return found


def area(score: np.ndarray, wrong: np.ndarray) -> float:
    """Under the ROC curve, ties halved; NaN where all or none are wrong."""
    n = int(wrong.sum())
    if not 0 < n < len(wrong):
        return float("nan")
    _, place, many = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(many) - (many - 1) / 2)[place]
    return float((rank[wrong].sum() - n * (n + 1) / 2) / (n * (len(wrong) - n)))


def within(score: np.ndarray, wrong: np.ndarray, rows: list[np.ndarray]) -> float:
    return float(np.nanmean([area(score[r], wrong[r]) for r in rows]))


def average_precision(score: np.ndarray, wrong: np.ndarray) -> float:
    hit = wrong[np.argsort(-score, kind="stable")]
    return float((np.cumsum(hit) / np.arange(1, len(hit) + 1))[hit].mean())


def precision(score: np.ndarray, wrong: np.ndarray, share: float) -> float:
    return float(wrong[np.argsort(-score, kind="stable")[: max(1, int(share * len(score)))]].mean())


def run_rows(h: Histories, suspicion: dict[str, np.ndarray], wrong: np.ndarray, known: np.ndarray) -> dict[str, dict[str, float]]:
    """Scorer -> its figures."""
    rows = [np.flatnonzero(h.label[known] == k) for k in range(len(h.labels))]
    out = {}
    for name, score in suspicion.items():
        s, w = score[known], wrong[known]
        out[name] = {
            "within": within(s, w, rows), "overall": area(s, w), "average_precision": average_precision(s, w),
            **{f"precision_{share:g}": precision(s, w, share) for share in SHARES},
        }  # fmt: skip
    return out


def gains(h: Histories, suspicion: dict[str, np.ndarray], wrong: np.ndarray, known: np.ndarray) -> dict[str, np.ndarray]:
    """Baseline -> draws of how much larger the monitor's area within classes is."""
    draw, label, w = np.random.default_rng(0), h.label[known], wrong[known]
    classes = [np.flatnonzero(label == k) for k in range(len(h.labels))]
    found: dict[str, list[float]] = {name: [] for name in suspicion if name != P}
    for _ in range(DRAWS):
        rows = [draw.choice(r, len(r)) for r in classes if len(r)]
        own = within(suspicion[P][known], w, rows)
        for name, gain in found.items():
            gain.append(own - within(suspicion[name][known], w, rows))
    return {name: np.array(gain) for name, gain in found.items()}


def references(h: Histories, votes: dict[str, tuple[str, float]]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Name -> which labels are wrong, and of which samples that is known."""
    names = np.array(list(h.labels))[h.label]
    said = [votes.get(key, ("", 0.0)) for key in h.keys.tolist()]
    winner, share = np.array([s[0] for s in said]), np.array([s[1] for s in said])
    known = winner != ""
    other = known & (winner != names)
    return {"plurality": (other, known), "strict": (other & (share >= STRICT), known)}


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", type=Path, required=True)
    ask.add_argument("--run", type=Path, action="append", required=True, help="Of mien train --dynamics; one a seed.")
    ask.add_argument(
        "--noisy", type=Path, action="append", default=[], help="With exchanged labels, not one that the monitor learned."
    )
    ask.add_argument("--monitor", type=Path)
    ask.add_argument("--predictions", type=Path)
    asked = ask.parse_args()
    monitor, votes = LabelMonitor(asked.monitor), voted(asked.data)
    folds = np.load(asked.predictions) if asked.predictions else None
    rows: list[dict] = []
    drawn: dict[str, list[dict[str, np.ndarray]]] = {}
    for kind, runs in (("real", asked.run), ("exchanged", asked.noisy)):
        for path in runs:
            h = read_histories(path)
            suspicion = dict(scored(h, monitor, folds if kind == "real" else None).suspicion)
            told = references(h, votes) if kind == "real" else {"exchanged": (h.exchanged, np.ones(len(h), bool))}
            for name, (wrong, known) in told.items():
                figures = run_rows(h, suspicion, wrong, known)
                share = float(wrong[known].mean())
                rows += [{"reference": name, "run": path.name, "wrong": share, "scorer": s, **f} for s, f in figures.items()]
                drawn.setdefault(name, []).append(gains(h, suspicion, wrong, known))
    gained = [
        {"reference": name, "over": other, "interval": np.quantile(np.mean([g[other] for g in of], 0), (0.025, 0.975)).tolist()}
        for name, of in drawn.items()
        for other in of[0]
    ]
    write("monitor", {"runs": rows, "gains": gained})


if __name__ == "__main__":
    main()
