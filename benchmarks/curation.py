"""What it is worth to leave out the labels that the monitor doubts: one small net and budget, one choice of what goes an arm.

The monitor says how many of each class go; every other arm leaves out as many of each class: by chance, by a baseline, or by what
FER+'s people saw (oracle). Fitted on what is left of Training; scored on PublicTest by FER's labels, without copies, and by what
most people saw. Rows are kept in benchmarks/results, each with the net's answers; a row that is there is not made again.

python benchmarks/curation.py --data fer2013.npz --watched RUN --runs DIR [--seed 0 --seed 1]   (KERAS_BACKEND=torch)
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from ablation import BASE, known, tensors
from mien.datasets.dynamics import read_histories
from mien.evaluation.scores import first_of_each
from mien.feedback.curation import Policy, suspects
from mien.feedback.monitor.labels import LabelMonitor
from mien.feedback.scores import P, Scores, scored
from mien.training.config import LABELS
from mien.training.tensors import Tensors
from mien.training.trainer import Trainer, predict
from results import commit, write

ALL, MONITOR, CHANCE, ORACLE, EVERY = "all", "monitor", "by chance", "oracle, as many", "oracle, all that are wrong"
DRAWS = 2000


def left_out(scores: Scores, fitted: Tensors, policy: Policy, seed: int) -> dict[str, Callable[[], np.ndarray]]:
    """Arm -> rows that are left out."""
    doubted = suspects(scores, policy)
    count = np.bincount(fitted.targets[doubted], minlength=len(fitted.labels))

    def most(score: np.ndarray) -> np.ndarray:
        parts = []
        for label, n in enumerate(count):
            rows = np.flatnonzero(fitted.targets == label)
            parts.append(rows[np.argsort(-score[rows], kind="stable")[:n]])
        return np.concatenate(parts)

    against = fitted.votes.sum(1) - fitted.votes[np.arange(len(fitted)), fitted.targets]
    wrong = np.flatnonzero((fitted.plurality >= 0) & (fitted.plurality != fitted.targets))
    arms = {
        ALL: lambda: np.array([], int),
        MONITOR: lambda: doubted,
        CHANCE: lambda: most(np.random.default_rng(seed).random(len(fitted))),
        ORACLE: lambda: most(against),
        EVERY: lambda: wrong,
    }
    return arms | {name: lambda s=s: most(s) for name, s in scores.suspicion.items() if name not in (P, "random")}


def answers(fitted: Tensors, asked: Tensors, run: Path, seed: int) -> np.ndarray:
    """What the net that is fitted says of each face."""
    trainer = Trainer(replace(BASE, seed=seed), {"Training": fitted, "PublicTest": asked}, run)
    trainer.fit(report=lambda row: print(run.name, row, flush=True))
    return predict(trainer.net, asked, trainer.config.preprocessing)[LABELS].argmax(1)


def references(data: dict[str, Tensors]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Score -> which faces it is over, and what they should be called."""
    asked = data["PublicTest"]
    fresh = first_of_each(list(asked.chips), {chip.tobytes() for chip in data["Training"].chips})
    everyone = np.ones(len(asked), bool)
    return {
        "labels": (everyone, asked.targets), "without copies": (np.asarray(fresh, bool), asked.targets),
        "people": (asked.plurality >= 0, asked.plurality),
    }  # fmt: skip


def gains(rows: list[dict], over: dict[str, tuple[np.ndarray, np.ndarray]]) -> list[dict]:
    """How much more often the net without the doubted labels is right than those of each other arm: mean over the seeds that
    both have, interval by the bootstrap over faces."""
    said = {(row["arm"], row["seed"]): np.array(list(row["answers"]), int) for row in rows}
    seeds = {arm: {s for a, s in said if a == arm} for arm, _ in said}
    found = []
    for arm in dict.fromkeys(a for a, _ in said):
        both = sorted(seeds[arm] & seeds.get(MONITOR, set()))
        if arm == MONITOR or not both:
            continue
        for name, (rows_of, truth) in over.items():
            right = np.mean([(said[MONITOR, s] == truth) * 1.0 - (said[arm, s] == truth) for s in both], axis=0)[rows_of]
            draw = np.random.default_rng(0)
            means = right[draw.integers(0, len(right), (DRAWS, len(right)))].mean(1)
            interval = np.quantile(means, (0.025, 0.975)).round(5).tolist()
            found.append({"over": arm, "score": name, "seeds": len(both), "gain": float(right.mean()), "interval": interval})
    return found


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", type=Path, required=True)
    ask.add_argument("--watched", type=Path, required=True, help="A run of mien train --dynamics on all of Training.")
    ask.add_argument("--runs", type=Path, required=True)
    ask.add_argument("--monitor", type=Path)
    ask.add_argument("--predictions", type=Path, help="Out-of-fold probabilities, for self_confidence.")
    ask.add_argument("--seed", type=int, action="append")
    ask.add_argument("--arm", action="append", help="Only these.")
    asked = ask.parse_args()
    data = dict(tensors(asked.data, BASE.preprocessing))
    folds = np.load(asked.predictions) if asked.predictions else None
    scores = scored(read_histories(asked.watched), LabelMonitor(asked.monitor), folds)
    if scores.keys.tolist() != data["Training"].keys.tolist():
        raise ValueError(f"{asked.watched} was not fitted on all of Training of {asked.data}")
    over = references(data)
    for seed in asked.seed or (0,):
        for arm, rows_of in left_out(scores, data["Training"], Policy(), seed).items():
            there = known("curation")
            if (asked.arm and arm not in asked.arm) or any((r["arm"], r["seed"]) == (arm, seed) for r in there):
                continue
            gone = rows_of()
            kept = np.setdiff1d(np.arange(len(data["Training"])), gone)
            folder = asked.runs / f"{''.join(c if c.isalnum() else '-' for c in arm)}-{seed}"
            said = answers(data["Training"][kept], data["PublicTest"], folder, seed)
            score = {name: float((said[faces] == truth[faces]).mean()) for name, (faces, truth) in over.items()}
            row = {
                "arm": arm,
                "seed": seed,
                "left_out": len(gone),
                **score,
                "answers": "".join(map(str, said)),
                "commit": commit(),
            }
            write("curation", [*there, row])
    write("curation_gains", gains(known("curation"), over))


if __name__ == "__main__":
    main()
