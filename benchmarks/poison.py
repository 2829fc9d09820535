"""What becomes of faces that are meant to harm: how many are taken in, how many the monitor finds, and what the gate says of
a net that learned them.

Two kinds: `patch`, faces of any class with a white square in the corner, called happy, so that the square becomes a key; and
`flips`, faces of fear called surprise. They come from a stranger, and from a client that was right in reviews before. Of the
nets: how often a face with the square is called happy, or one of fear surprise, in PublicTest. The gate compares with the net
that learned none of it.

python benchmarks/poison.py --data fer2013.npz --work DIR [--monitor DIR]        (KERAS_BACKEND=torch; 2 hours on a core)
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from ablation import BASE, tensors
from mien.datasets.dynamics import read_histories
from mien.feedback.corrections import Corrections
from mien.feedback.curation import Policy, suspects
from mien.feedback.gate import compare
from mien.feedback.intake import Intake, believed, offered
from mien.feedback.monitor.labels import LabelMonitor
from mien.feedback.review import Reviews
from mien.feedback.scores import scored
from mien.feedback.store import Store
from mien.image import encode
from mien.training.config import LABELS, watcher
from mien.training.tensors import Tensors
from mien.training.trainer import Trainer, predict
from results import commit, write

SIDE, SHARE, REVIEWED = 6, 0.02, 12
"""Pixels of the square; share of Training that is poisoned; right corrections of the client that is believed."""


def patched(chips: np.ndarray) -> np.ndarray:
    out = chips.copy()
    out[:, -SIDE:, -SIDE:] = 255
    return out


def poisoned(kind: str, fitted: Tensors, draw: np.random.Generator) -> tuple[Tensors, np.ndarray]:
    """The samples with some of them made harmful, and which."""
    chips, targets = fitted.chips.copy(), fitted.targets.copy()
    happy, fear, surprise = (fitted.labels.index(name) for name in ("happy", "fear", "surprise"))
    there = np.flatnonzero(targets != happy) if kind == "patch" else np.flatnonzero(targets == fear)
    rows = draw.choice(there, int(SHARE * len(targets)), replace=False)
    if kind == "patch":
        chips[rows] = patched(chips[rows])
    targets[rows] = happy if kind == "patch" else surprise
    return replace(fitted, chips=chips, targets=targets), rows


def probability(fitted: Tensors, asked: list[Tensors], run: Path) -> list[np.ndarray]:
    """What the small net that is fitted says of each set."""
    trainer = Trainer(BASE, {"Training": fitted, "PublicTest": asked[0]}, run)
    trainer.fit(report=lambda row: print(run.name, row["epoch"], flush=True))
    logits = [predict(trainer.net, faces, BASE.preprocessing)[LABELS] for faces in asked]
    raised = [np.exp(z - z.max(1, keepdims=True)) for z in logits]
    return [e / e.sum(1, keepdims=True) for e in raised]


def success(kind: str, labels: object, plain: np.ndarray, square: np.ndarray, targets: np.ndarray) -> float:
    """How often the harm is done."""
    happy, fear, surprise = (labels.index(name) for name in ("happy", "fear", "surprise"))
    if kind == "patch":
        return float((square[targets != happy].argmax(1) == happy).mean())
    return float((plain[targets == fear].argmax(1) == surprise).mean())


def taken_in(kind: str, fitted: Tensors, rows: np.ndarray) -> list[dict]:
    """How many of the poisoned faces each client gets in, in one cycle."""
    found, names = [], list(fitted.labels)
    for who, before in (("a stranger", 0), ("who was right before", REVIEWED)):
        store = Store(":memory:")
        put, reviews = Corrections(store, fitted.labels), Reviews(store, fitted.labels)
        for i in range(before):
            own = put.add("client", "m", names[fitted.targets[i]], png=encode(fitted.chips[i][..., 0]))
            reviews.decide(own, "owner", "accepted")
        for row in rows:
            put.add("client", "m", names[fitted.targets[row]], png=encode(fitted.chips[row][..., 0]))
        taken, _ = believed(offered(store), Intake())
        found.append({"kind": kind, "by": who, "sent": len(rows), "taken_in": len(taken) - before})
        store.close()
    return found


def watched(fitted: Tensors, rows: np.ndarray, run: Path, monitor: LabelMonitor) -> np.ndarray:
    """Rows that curation takes out."""
    config = watcher()
    if not (run / "dynamics.parquet").exists():
        Trainer(config, {"Training": fitted}, run).fit(report=lambda row: print(run.name, row["epoch"], flush=True))
    return suspects(scored(read_histories(run), monitor), Policy())


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", type=Path, required=True)
    ask.add_argument("--work", type=Path, required=True)
    ask.add_argument("--monitor", type=Path)
    asked = ask.parse_args()
    monitor = LabelMonitor(asked.monitor)
    data = dict(tensors(asked.data, BASE.preprocessing))
    fitted, public = data["Training"], data["PublicTest"]
    both = [public, replace(public, chips=patched(public.chips))]
    clean = probability(fitted, both, asked.work / "clean")
    rows: list[dict] = []
    for kind in ("patch", "flips"):
        bad, harmful = poisoned(kind, fitted, np.random.default_rng(0))
        rows += taken_in(kind, bad, harmful)
        out = watched(bad, harmful, asked.work / f"{kind}-watched", monitor)
        kept = np.setdiff1d(np.arange(len(bad)), out)
        for name, learnt in (("poisoned", bad), ("curated", bad[kept])):
            said = probability(learnt, both, asked.work / f"{kind}-{name}")
            verdict = compare(clean[0], said[0], public.targets, public.labels)
            rows.append(
                {
                    "kind": kind, "net": name, "done": success(kind, public.labels, *said, public.targets),
                    "done_clean": success(kind, public.labels, *clean, public.targets),
                    "found": float(np.isin(harmful, out).mean()), "accuracy": float((said[0].argmax(1) == public.targets).mean()),
                    "passes": verdict.passed, "reasons": list(verdict.reasons), "commit": commit(),
                }
            )  # fmt: skip
            write("poison", rows)


if __name__ == "__main__":
    main()
