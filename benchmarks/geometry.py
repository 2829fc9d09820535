"""Where do FER2013's crops lie relative to a detector's boxes, and what is found and right end to end?

Enlarges crops, lays them on a gray canvas and runs each detector. On Training: the median square, which goes into
`mien.detectors.INFO`, and how far the middle half strays from it, which the augmentation must cover. On PublicTest: the
share of all images that are found and named right; of the first detector also on rolled images, as they are and with the
eyes made level.

    python benchmarks/geometry.py --data fer2013.npz --detectors mien mtcnn haar dlib_hog
"""

import argparse
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from mien import Recognizer, load_detector
from mien.datasets import open_dataset
from mien.detectors import crop_of
from mien.faces import Faces
from mien.preprocess.align import eye_angles
from mien.preprocess.landmarks import GRAY, MARGIN, SIDE, framed
from results import write

SQUARE = np.array([MARGIN, MARGIN, MARGIN + SIDE, MARGIN + SIDE], float)
"""Where the enlarged crop lies in its picture."""
CANVAS = 2 * MARGIN + SIDE


def measure(detector, samples) -> dict:
    """Median and quartiles of the crop's side and centre relative to the box, in units of the box's size."""
    rows = []
    for sample in samples:
        faces = detector(framed(sample.image))
        if len(faces):
            left, top, right, bottom = faces.box[0]
            size = np.sqrt((right - left) * (bottom - top))
            middle = (SQUARE[:2] + SQUARE[2:]) / 2 - [(left + right) / 2, (top + bottom) / 2]
            rows.append([(SQUARE[2] - SQUARE[0]) / size, *(middle / size)])
    low, median, high = np.percentile(np.array(rows), (25, 50, 75), axis=0)
    quartiles = zip(("side", "across", "down"), low, median, high, strict=True)
    return {"found": len(rows) / len(samples), **{name: [round(float(v), 3) for v in three] for name, *three in quartiles}}


def upright(picture: np.ndarray, faces: Faces) -> np.ndarray:
    """The picture turned about its first face until the eyes are level."""
    left, top, right, bottom = faces.box[0]
    return turned(picture, eye_angles(faces.landmarks[:1])[0], ((left + right) / 2, (top + bottom) / 2))


def turned(picture: np.ndarray, degrees: float, about: tuple[float, float]) -> np.ndarray:
    matrix = cv2.getRotationMatrix2D(tuple(map(float, about)), float(degrees), 1.0)
    return cv2.warpAffine(picture, matrix, picture.shape[1::-1], borderValue=(GRAY,) * 3)


def end_to_end(recognizer: Recognizer, samples, roll: float = 0.0, align: bool = False) -> dict:
    """Share found, share found and right, of pictures rolled by so many degrees."""
    found = right = 0
    for sample in samples:
        picture = turned(framed(sample.image), roll, (CANVAS / 2, CANVAS / 2)) if roll else framed(sample.image)
        picture, faces = recognizer.find(picture)
        faces = recognizer.classify(upright(picture, faces) if align and len(faces) else picture, faces)
        found += bool(len(faces))
        right += bool(len(faces)) and faces.expression[0] == recognizer.card.labels[sample.label]
    return {"n": len(samples), "found": round(found / len(samples), 4), "found_and_right": round(right / len(samples), 4)}


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", type=Path, required=True)
    ask.add_argument("--detectors", nargs="+", default=["mien", "mtcnn", "haar", "dlib_hog"])
    ask.add_argument("--model", default="fer2013")
    ask.add_argument("--most", type=int, default=4000, help="samples of each split")
    ask.add_argument("--split", default="PublicTest")
    asked = ask.parse_args()
    samples = list(open_dataset(asked.data))
    training = [s for s in samples if s.split == "Training"]
    picked = [training[i] for i in np.random.default_rng(0).permutation(len(training))[: asked.most]]
    scored = list(islice((s for s in samples if s.split == asked.split), asked.most))
    rows = []
    for name in asked.detectors:
        detector = load_detector(name)
        done = end_to_end(Recognizer(detector, asked.model), scored)
        crop = asdict(crop_of(detector))
        rows.append(
            {"detector": name, "crop": crop, "measured": measure(detector, picked), "end_to_end": {"split": asked.split, **done}}
        )
    recognizer = Recognizer(asked.detectors[0], asked.model)
    alignment = [
        {"roll": roll, "aligned": align, **end_to_end(recognizer, scored, roll, align)}
        for roll in (0, 10, 20)
        for align in (False, True)
    ]
    write("geometry", {"detectors": rows, "alignment": alignment})


if __name__ == "__main__":
    main()
