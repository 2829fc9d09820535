"""Ten cycles of a production that is simulated: some labelled faces to begin with, more a cycle, of which a fifth come under the
name of another class, drawn at random. With the loop (the whole of `mien feedback cycle`: take in, watch, curate, retrain, gate,
promote), without it (the first net goes on answering), and with all that comes trusted (retrained each time, on everything).

Begun with 5,000 faces of Training, 1,000 more a cycle; the gate's hold-out is half of PublicTest, what is told is accuracy on the
other half. Same small net and budget for all. What is done is not done again: call it once more after a stop.

python benchmarks/loop.py --data fer2013.npz --work DIR [--seed 0] [--monitor DIR]      (KERAS_BACKEND=torch; 2 hours on a core)
"""

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ablation import BASE
from mien.datasets import Dataset, open_dataset
from mien.datasets.base import SPLITS, WRITERS, Sample
from mien.feedback.corrections import Corrections
from mien.feedback.curation import Policy
from mien.feedback.cycle import CYCLES, STEPS, Cycle, Plan
from mien.feedback.holdout import HoldOut, faces_of, said
from mien.feedback.intake import Intake
from mien.feedback.shelf import Shelf
from mien.feedback.store import Store
from mien.image import encode
from mien.labels import LabelSet
from mien.training.config import watcher
from mien.training.finish import finish
from mien.training.tensors import read
from mien.training.trainer import Trainer
from results import FOLDER, commit, write

CYCLES_DONE, BEGUN, MORE, WRONG = 10, 5000, 1000, 0.2
WATCHED = 20
"""Epochs of the net that is watched."""


@dataclass(frozen=True)
class Faces:
    """What there is."""

    begun: list[Sample]
    coming: list[Sample]
    """Under the names that they come with."""
    gate: list[Sample]
    told: HoldOut
    labels: LabelSet
    wrong: set[str]
    """Keys of those that come under a wrong name."""


def faces(data: Path, seed: int) -> Faces:
    draw = np.random.default_rng(seed)
    dataset = open_dataset(data)
    samples = [s for s in dataset if s.split in SPLITS[:2]]
    fitted = [s for s in samples if s.split == SPLITS[0]]
    chosen = draw.permutation(len(fitted))[: BEGUN + CYCLES_DONE * MORE]
    begun, coming = ([replace(fitted[i], votes=None) for i in rows] for rows in (chosen[:BEGUN], chosen[BEGUN:]))
    wrong = {s.key for s in coming if draw.random() < WRONG}
    k = len(dataset.labels)
    coming = [replace(s, label=(s.label + int(draw.integers(1, k))) % k) if s.key in wrong else s for s in coming]
    public = faces_of(dataset, SPLITS[1])
    rows = draw.permutation(len(public.targets))
    half = len(rows) // 2
    gate = [Sample(public.chips[i], int(public.targets[i]), SPLITS[1], f"gate/{i}") for i in rows[:half]]
    told = HoldOut([public.chips[i] for i in rows[half:]], public.targets[rows[half:]], public.labels)
    return Faces(begun, coming, gate, told, dataset.labels, wrong)


@dataclass(frozen=True)
class Fit:
    """The small net, or the one that is watched."""

    seed: int

    def __call__(self, run: Path, dataset: Dataset, watched: bool) -> None:
        if (run / ("dynamics.parquet" if watched else "card.json")).exists():
            return
        config = replace(watcher(), epochs=WATCHED, evaluate_every=WATCHED) if watched else BASE
        config = replace(config, seed=self.seed)
        splits = read(dataset, config.preprocessing)
        trainer = Trainer(config, splits, run)
        trainer.fit(report=lambda row: print(run, row["epoch"], flush=True))
        if not watched:
            finish(trainer, splits)


def written(path: Path, samples: list[Sample], labels: LabelSet) -> Path:
    with WRITERS["parquet"](path, labels) as write_sample:
        for sample in samples:
            write_sample(sample)
    return path


def accuracy(card: Path, told: HoldOut) -> float:
    return float((said(card, told).argmax(1) == told.targets).mean())


def with_the_loop(there: Faces, work: Path, seed: int, monitor: Path | None) -> list[dict]:
    """The model that answers after each cycle, by the whole of the loop."""
    folder, fit = work / "store", Fit(seed)
    data = written(work / "begun.parquet", [*there.begun, *there.gate], there.labels)
    first = work / "first"
    fit(first, open_dataset(data), False)
    intake = Intake(quota=CYCLES_DONE * MORE, growth=10.0)
    plan = Plan(data, fit, people=False, policy=Policy(), intake=intake, monitor=monitor)
    store = Store(folder)
    if not Shelf(store).current:
        Shelf(store).promote(Shelf(store).add(first), "simulation", "the first")
    rows = [{"cycle": 0, "accuracy": accuracy(first / "card.json", there.told), "promoted": True}]
    for cycle in range(1, CYCLES_DONE + 1):
        state = folder / CYCLES / f"{cycle:04d}" / "state.json"
        if not (state.exists() and set(json.loads(state.read_text())["done"]) == set(STEPS)):
            put = Corrections(store, there.labels)
            for s in there.coming[(cycle - 1) * MORE : cycle * MORE]:
                png = encode(np.repeat(s.image[..., None], 3, 2))
                put.add("local", "simulation", there.labels[s.label], png=png, id=f"{cycle:04d}{int(s.key):028d}")
            Cycle(folder, plan, lambda text: print(text, flush=True)).run()
        told = json.loads(state.read_text())
        card = Shelf(store).card(told["challenger"] if told["passed"] else told["champion"])
        curated = sum(told["curated"].values())
        rows.append({"cycle": cycle, "accuracy": accuracy(card, there.told), "promoted": told["passed"], "curated": curated})
    store.close()
    return rows


def trusted(there: Faces, work: Path, seed: int) -> list[dict]:
    """A net a cycle, fitted to all that came."""
    fit, rows = Fit(seed), []
    for cycle in range(CYCLES_DONE + 1):
        run = work / f"trusted-{cycle}"
        if not (run / "card.json").exists():
            samples = [*there.begun, *there.coming[: cycle * MORE], *there.gate]
            fit(run, open_dataset(written(work / "trusted.parquet", samples, there.labels)), False)
        rows.append({"cycle": cycle, "accuracy": accuracy(run / "card.json", there.told)})
    return rows


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", type=Path, required=True)
    ask.add_argument("--work", type=Path, required=True)
    ask.add_argument("--seed", type=int, default=0)
    ask.add_argument("--monitor", type=Path)
    asked = ask.parse_args()
    work = asked.work / str(asked.seed)
    work.mkdir(parents=True, exist_ok=True)
    there = faces(asked.data, asked.seed)
    loop = with_the_loop(there, work, asked.seed, asked.monitor)
    rows = [{"arm": "with the loop", **row} for row in loop]
    rows += [{"arm": "without it", "cycle": row["cycle"], "accuracy": loop[0]["accuracy"]} for row in loop]
    rows += [{"arm": "all trusted", **row} for row in trusted(there, work, asked.seed)]
    path = FOLDER / "loop.json"
    others = [row for row in json.loads(path.read_text())["rows"] if row["seed"] != asked.seed] if path.exists() else []
    write("loop", [*others, *({"seed": asked.seed, **row, "commit": commit()} for row in rows)])


if __name__ == "__main__":
    main()
