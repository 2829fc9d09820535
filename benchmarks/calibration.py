"""What the second parameter of the calibration is worth: PublicTest, five-fold, fitted on four parts and scored on the fifth.

python benchmarks/calibration.py --data fer2013.npz
"""

import argparse
from pathlib import Path

import numpy as np

from mien.classifiers import load_classifier
from mien.datasets import open_dataset
from mien.datasets.votes import most_people
from mien.evaluation.calibration import expected_calibration_error, fit_calibration, negative_log_likelihood, with_temperature
from mien.labels import FERPLUS
from mien.weights import packaged
from results import write

FOLDS = 5


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", type=Path, required=True)
    samples = [s for s in open_dataset(ask.parse_args().data) if s.split == "PublicTest"]
    chips, rows = np.stack([s.image for s in samples]), []
    for name in packaged():
        classifier = load_classifier(name)
        logits = np.concatenate([classifier.logits(chips[i : i + 64]) for i in range(0, len(chips), 64)])
        votes = classifier.card.output == "votes"
        targets = np.array([most_people(s, FERPLUS, classifier.labels) if votes else s.label for s in samples])
        rows.append({"model": name} | compared(classifier.card, logits[targets >= 0], targets[targets >= 0]))
    write("calibration", rows)


def compared(card, logits: np.ndarray, targets: np.ndarray) -> dict:
    shares, fold = np.eye(len(card.labels))[targets], np.random.default_rng(0).permutation(len(targets)) % FOLDS
    ways = {
        "temperature": lambda z, y: with_temperature(card, z, y, bend=0.0)[1],
        "bend": lambda z, y: fit_calibration(card, z, y),
    }
    out = {}
    for way, fit in ways.items():
        p = np.zeros(shares.shape)
        for k in range(FOLDS):
            p[fold == k] = fit(logits[fold != k], shares[fold != k]).probabilities(logits[fold == k])
        out[f"{way}_ece"] = round(expected_calibration_error(p, targets), 4)
        out[f"{way}_loss"] = round(negative_log_likelihood(p, shares), 4)
    return out


if __name__ == "__main__":
    main()
