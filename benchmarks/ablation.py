"""What data work, and what losses are worth: one small net, one budget, one change an arm; fitted on Training, scored on
PublicTest.

A run that has been written down (benchmarks/results) is not made again, one that was stopped goes on from its folder. Every
arm has seed 0, the base and the best four of the others have three (call it once more when all parts are done). About 8 hours
on one core: KERAS_BACKEND=torch, OMP_NUM_THREADS=1.

python benchmarks/ablation.py --data fer2013.npz --runs FOLDER [--table losses] [--arm NAME ...] [--part 1/2]
"""

import argparse
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from mien.card import ALIGNMENT, ILLUMINATION, Preprocessing
from mien.datasets import open_dataset
from mien.datasets.ease import write_ease
from mien.training.augmentation import NONE, Augmentation
from mien.training.config import RECIPES, SAMPLING, Curriculum, Distillation, Loss, TrainConfig
from mien.training.difficulty import BASE as CLASSIFIER
from mien.training.difficulty import ease
from mien.training.finish import finish
from mien.training.tensors import Tensors, read
from mien.training.trainer import Trainer
from results import FOLDER, commit, write

ALL = Augmentation()
MIRROR = replace(NONE, mirror=True)
GEOMETRY = replace(MIRROR, rotation=ALL.rotation, scale=ALL.scale, shift=ALL.shift, shear=ALL.shear)
BASE = TrainConfig(
    options={"stem": 8, "widths": (16, 32, 64, 128), "depths": (1, 1, 1, 1), "excited": 0},
    augmentation=MIRROR,
    epochs=12,
    warmup=1.0,
    votes=0.0,
    evaluate_every=12,
)
AUGMENTED = {
    "no augmentation": NONE,
    "mirror and geometry": GEOMETRY,
    "mirror, geometry, light": replace(ALL, erase=0),
    "mirror, geometry, light, erasing": ALL,
    "all these and random crops": replace(ALL, crop=0.2),
    "all these and mixup": replace(ALL, mixup=0.2),
    "all these and cutmix": replace(ALL, cutmix=1.0),
}
ARMS = {
    "base: mirror": BASE,
    **{name: replace(BASE, augmentation=a) for name, a in AUGMENTED.items()},
    **{f"class weights: {how}": replace(BASE, class_weights=how) for how in ("inverse", "effective")},
    **{name.replace("_", " on "): replace(BASE, sampling=name) for name in SAMPLING},
    "logit adjustment in the loss": replace(BASE, adjust_loss=1.0),
    "logit adjustment afterwards": replace(BASE, adjust=1.0),
    **{f"standardised: {how}": replace(BASE, standardise=how) for how in ("feature", "zca")},
    **{f"illumination: {name}": replace(BASE, preprocessing=Preprocessing(illumination=name)) for name in ILLUMINATION},
    **{f"alignment: {name}": replace(BASE, preprocessing=Preprocessing(align=name)) for name in ALIGNMENT},
}
EASE = Path("ease", "ease.csv")
"""Within the folder of the runs; made when an arm wants it."""
BESIDE = {"center": 0.01, "island": 0.01, "locality": 0.003, "triplet": 0.1, "tuplet": 0.1}
"""Weights beside softmax: of the first three as in their papers."""
LOSSES = {
    "base: softmax with label smoothing": BASE,
    "without label smoothing": replace(BASE, label_smoothing=0.0),
    "focal": replace(BASE, loss=Loss(kind="focal"), label_smoothing=0.0),
    **{f"{name} beside softmax": replace(BASE, loss=Loss(metric=name, metric_weight=w)) for name, w in BESIDE.items()},
    **{f"{name} alone": replace(BASE, loss=Loss(metric=name, metric_weight=1.0, weight=0.0)) for name in BESIDE},
    "two views of each image": replace(BASE, loss=Loss(views=2)),
    "people's votes on a second head": replace(BASE, votes=1.0),
    "taught by the packaged net": replace(BASE, distil=Distillation(("fer2013",))),
    "the easy ones first": replace(BASE, curriculum=Curriculum(EASE.as_posix())),
}
TABLES = {"ablation": ARMS, "losses": LOSSES}
SEEDS, BEST = (0, 1, 2), 4


@lru_cache(maxsize=1)
def tensors(data: Path, preprocessing: Preprocessing) -> Mapping[str, Tensors]:
    return {split: t for split, t in read(open_dataset(data), preprocessing).items() if split != "PrivateTest"}


def scored(config: TrainConfig, data: Path, run: Path) -> dict:
    """Scores on PublicTest of the finished run in the folder, trained first if need be."""
    if not (run / "report.json").exists():
        samples = tensors(data, config.preprocessing)
        if config.curriculum.ease:
            config = replace(config, curriculum=Curriculum(str(easiness(samples["Training"], run.parent))))
        trainer = Trainer(config, samples, run)
        trainer.fit(report=lambda row: print(run.name, row, flush=True))
        finish(trainer, samples)
    public = json.loads((run / "report.json").read_text())["splits"]["PublicTest"]
    recall = {f"recall_{name}": public["classes"][name]["recall"] for name in ("disgust", "fear")}
    return {name: public[name] for name in ("accuracy", "macro_f1", "ece")} | recall


def easiness(fitted: Tensors, runs: Path) -> Path:
    """The file of ease degrees, of five classifiers twice, made if it is not there."""
    path = runs / EASE
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        config = replace(RECIPES["resnet"], options=CLASSIFIER, epochs=12, votes=0.0)
        found = ease(fitted, config, 5, 2, path.parent, lambda number, row: print("ease", number, row, flush=True))
        write_ease(path, fitted.keys.tolist(), [fitted.labels[t] for t in fitted.targets], found.degree, 0.5)
    return path


def known(name: str) -> list[dict]:
    """A row a run that has been written down, by whatever machine."""
    path = FOLDER / f"{name}.json"
    return json.loads(path.read_text())["rows"] if path.exists() else []


def add(name: str, arm: str, config: TrainConfig, data: Path, runs: Path) -> None:
    """Run the arm and write its row down, unless there is one."""
    own = {"arm": arm, "seed": config.seed}
    if any(own.items() <= row.items() for row in known(name)):
        return
    folder = runs / f"{''.join(c if c.isalnum() else '-' for c in arm)}-{config.seed}"
    found = own | scored(config, data, folder) | {"commit": commit()}
    write(name, [*known(name), found])


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", type=Path, required=True)
    ask.add_argument("--runs", type=Path, required=True)
    ask.add_argument("--table", choices=list(TABLES), default="ablation")
    ask.add_argument("--arm", action="append", help="only these")
    ask.add_argument("--part", default="1/1", help="2/3: every third arm, from the second on, for several processes")
    asked = ask.parse_args()
    chosen, (part, parts) = TABLES[asked.table], map(int, asked.part.split("/"))

    def run(wanted: list[tuple[str, int]]) -> None:
        for arm, seed in wanted[part - 1 :: parts]:
            add(asked.table, arm, replace(chosen[arm], seed=seed), asked.data, asked.runs)

    run([(arm, SEEDS[0]) for arm in asked.arm or chosen])
    if not asked.arm and asked.table == "ablation":
        base, *others = chosen
        first = {row["arm"]: row["macro_f1"] for row in known("ablation") if row["seed"] == SEEDS[0]}
        best = sorted(set(others) & set(first), key=lambda arm: -first[arm])[:BEST]
        run([(arm, seed) for arm in (base, *best) for seed in SEEDS[1:]])


if __name__ == "__main__":
    main()
