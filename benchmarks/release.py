"""Put a run's net into the package: graph, a card a head, scores. With --private it scores PrivateTest, once per release.

python benchmarks/release.py RUN --data fer2013.npz --graph resnet.onnx --labels fer2013 --votes default --private
"""

import argparse
import shutil
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np

from mien.card import ModelCard
from mien.classifiers import Classifier, load_classifier
from mien.datasets import open_dataset
from mien.datasets.votes import most_people
from mien.evaluation.measure import measure
from mien.evaluation.scores import short
from mien.faces import Faces
from mien.image import resize
from mien.labels import FERPLUS
from mien.quality import quality
from mien.training.finish import SURE_ERROR
from mien.weights import PACKAGED

BINS, FEWEST = 20, 50
"""Of quality, and the answers that one must hold to count."""


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
            card = replace(card, unsure_quality=quality_threshold(load_classifier(name), asked.data))
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


def quality_threshold(classifier: Classifier, data: Path) -> float:
    """The quality below which confident answers are wrong more than twice as often as promised (SURE_ERROR).

    On PublicTest crops shrunk to 12, 16, 24 and 48 pixels and blurred by 0, 1 and 2 pixels, in equal parts."""
    rows = [s for s in open_dataset(data) if s.split == "PublicTest"]
    use_votes = classifier.card.output == "votes"
    seen = np.array([most_people(s, FERPLUS, classifier.labels) if use_votes else s.label for s in rows])
    chips, seen = np.stack([s.image for s in rows])[seen >= 0], seen[seen >= 0]
    wrong, sure_in_bin = np.zeros(BINS), np.zeros(BINS)
    for side, sigma in product((12, 16, 24, 48), (0, 1, 2)):
        worse = np.stack([degraded(chip, side, sigma) for chip in chips])
        box = np.tile(np.array([0, 0, side, side], np.float32), (len(chips), 1))
        place = np.minimum(quality(Faces(box, np.ones(len(box), np.float32)), worse) * BINS, BINS - 1).astype(int)
        p = np.concatenate([classifier(worse[i : i + 256]) for i in range(0, len(worse), 256)])
        sure = p.max(1) >= classifier.card.unsure_confidence
        wrong += np.bincount(place[sure], (p.argmax(1) != seen)[sure], BINS)
        sure_in_bin += np.bincount(place[sure], minlength=BINS)
    bad = (wrong > 2 * SURE_ERROR * sure_in_bin) & (sure_in_bin >= FEWEST)
    return float((np.nonzero(bad)[0].max(initial=-1) + 1) / BINS)


def degraded(chip: np.ndarray, side: int, sigma: float) -> np.ndarray:
    import cv2

    blurred = cv2.GaussianBlur(chip, (0, 0), sigma) if sigma else chip
    return resize(resize(blurred, side, side), chip.shape[1], chip.shape[0])


if __name__ == "__main__":
    main()
