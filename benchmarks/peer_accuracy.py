"""What the classifier of fer 25.10.3 scores on FER2013's own crops. Run it with the interpreter of fer's environment.

PYTHON benchmarks/peer_accuracy.py --data fer2013.npz
"""

import argparse
import warnings
from pathlib import Path

import numpy as np

from results import write

warnings.filterwarnings("ignore")
NAMES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
SIDE = (64, 64)
VOTED = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt", "unknown", "no face")
"""Columns of the FER+ votes."""
ARBITRARY_ROW = 2
"""Rows whose image and votes were matched at random."""
SPLITS = {1: "PublicTest", 2: "PrivateTest"}


def most_people(votes: np.ndarray, source: np.ndarray) -> np.ndarray:
    """The name that more people chose than any other (n,); -1 where there is none, or it is not one of the seven."""
    best = votes.argmax(1)
    alone = (votes == votes.max(1, keepdims=True)).sum(1) == 1
    place = np.array([NAMES.index(name) if name in NAMES else -1 for name in VOTED])
    return np.where(alone & (source != ARBITRARY_ROW), place[best], -1)


def main() -> None:
    import cv2
    from fer.fer import FER

    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", type=Path, required=True)
    stored = np.load(ask.parse_args().data)
    peer, rows = FER(), []
    names = list(peer._get_labels().values())
    order = [names.index(name) for name in NAMES]
    for usage, split in SPLITS.items():
        part = stored["usage"] == usage
        chips = np.stack([cv2.resize(chip, SIDE) for chip in stored["images"][part]]).astype(np.float32)
        inputs = (chips / 255 - 0.5) * 2  # as its detect_emotions does
        batches = [peer._classify_emotions(inputs[i : i + 256]) for i in range(0, len(inputs), 256)]
        probability = np.concatenate([np.asarray(batch) for batch in batches])[:, order]
        targets = stored["labels"][part].astype(int)
        right = probability.argmax(1) == targets
        recall = {name: round(float(right[targets == k].mean()), 4) for k, name in enumerate(NAMES)}
        row = {"split": split, "n": len(right), "accuracy": round(float(right.mean()), 4), "recall": recall}
        seen = most_people(stored["ferplus_votes"][part], stored["pixel_source"][part])
        agrees = float((probability.argmax(1) == seen)[seen >= 0].mean())
        rows.append(row | {"n_votes": int((seen >= 0).sum()), "accuracy_votes": round(agrees, 4)})
    write("peer_accuracy", rows)


if __name__ == "__main__":
    main()
