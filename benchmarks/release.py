"""Put a run's net into the package: graph, a card a head, scores. With --private it scores PrivateTest, once per release.

python benchmarks/release.py RUN --data fer2013.npz --graph resnet.onnx --labels fer2013 --votes default --private
"""

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

from mien.card import ModelCard
from mien.classifiers import load_classifier
from mien.datasets import open_dataset
from mien.evaluation.measure import measure
from mien.evaluation.scores import short
from mien.weights import PACKAGED


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("run", type=Path)
    ask.add_argument("--data", type=Path, required=True)
    ask.add_argument("--graph", required=True, help="file name in the package")
    ask.add_argument("--labels", required=True, help="name of the model that says what the labels say")
    ask.add_argument("--votes", help="name of the model that says what people saw")
    ask.add_argument("--private", action="store_true", help="score PrivateTest: once, when the model is released")
    asked = ask.parse_args()
    PACKAGED.mkdir(exist_ok=True)
    shutil.copy(asked.run / "model.onnx", PACKAGED / asked.graph)
    splits = ["PublicTest", "PrivateTest"] if asked.private else ["PublicTest"]
    for name, file in ((asked.labels, "card.json"), (asked.votes, "card-votes.json")):
        if name:
            card = replace(ModelCard.load(asked.run / file), name=name, weights=asked.graph)
            card.save(PACKAGED / f"{name}.json")
            replace(card, metrics=card.metrics | scored(name, asked.data, splits)).save(PACKAGED / f"{name}.json")
            print(f"{name}: {ModelCard.load(PACKAGED / f'{name}.json').metrics}")


def scored(name: str, data: Path, splits: list[str]) -> dict[str, dict]:
    """Against the labels, on rows without copies, and against what most people saw."""
    measured = measure(load_classifier(name), open_dataset(data), splits)
    return {
        f"{split}{suffix}": short(s if part is None else s[part])
        for split, s in measured.items()
        for part, suffix in ((None, ""), ("deduplicated", ", deduplicated"), ("votes", ", what most people saw"))
        if part is None or part in s
    }


if __name__ == "__main__":
    main()
