"""How well each detector finds faces in photos that it was not fitted on: one table, one code for all.

Ranked on boxes that people drew, with and without masks apart; agreement with the machine that labelled the other held-out
photos stands beside it. Then the first detector again on photos made harder, and by how bright the faces are.

python benchmarks/faces.py --faces DIR --people mask853 --machine shwd --detector mien --detector mtcnn --detector haar
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from mien.boxes import iou, mapped
from mien.datasets.photos import Photo, Photos, open_photos
from mien.detectors import load_detector
from mien.evaluation.detection import HALF, READABLE, annotated, drawn_by_people, found_in, measured
from results import write

MASKS = {"without a mask": ("without_mask",), "with a mask": ("with_mask", "mask_weared_incorrect")}
Change = Callable[[np.ndarray], np.ndarray]
HARDER: dict[str, Change] = {
    "as it is": lambda image: image,
    "dark x0.4": lambda image: (image * 0.4).astype(np.uint8),
    "blur sigma 2": lambda image: cv2.GaussianBlur(image, (0, 0), 2),
    "JPEG quality 20": lambda image: cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 20])[1], 1),
}
ROLL = 30.0
"""Degrees."""
BRIGHT = (0, 60, 90, 120, 150, 256)
"""Edges of the mean gray level of a face."""


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--faces", type=Path, required=True)
    ask.add_argument("--people", action="append", required=True, metavar="SOURCE")
    ask.add_argument("--machine", action="append", required=True, metavar="SOURCE")
    ask.add_argument("--detector", action="append", required=True, metavar="NAME|RUN")
    asked = ask.parse_args()
    photos = open_photos(asked.faces)
    people, machine = photos.only(asked.people), photos.only(asked.machine)
    table = [row for name in asked.detector for row in compared(name, people, machine)]
    best = load_detector(asked.detector[0])
    harder = {name: short(measured(found_in(best, changed(machine, change)))) for name, change in HARDER.items()}
    harder[f"roll {ROLL:.0f}"] = short(measured(found_in(best, rolled(machine))))
    write("faces", {"detectors": table, "harder": harder, "brightness": by_brightness(best, machine)})


def compared(name: str, people: Photos, machine: Photos) -> Iterator[dict]:
    detector = load_detector(name)
    for what, kinds in MASKS.items():
        found = found_in(detector, people.pictures(), partial(drawn_by_people, kinds=kinds))
        yield {"detector": name, "on": f"people's boxes, {what}"} | measured(found)
    start = time.perf_counter()
    scores = measured(found_in(detector, machine.pictures()))
    yield {"detector": name, "on": "the machine's boxes", "seconds": time.perf_counter() - start} | scores


def changed(photos: Photos, change: Change) -> Iterator[tuple[np.ndarray, Photo]]:
    return ((change(image), photo) for image, photo in photos.pictures())


def short(scores: dict) -> dict:
    return {key: scores["bands"]["readable"][key] for key in ("faces", "recall", "alarms_per_image")}


def rolled(photos: Photos) -> Iterator[tuple[np.ndarray, Photo]]:
    """Turned about the middle; a face's box is the hull of the ellipse in its old one."""
    for image, photo in photos.pictures():
        height, width = image.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), ROLL, 1.0)
        turned = cv2.warpAffine(image, matrix, (width, height))
        yield turned, replace(photo, box=mapped(photo.box, matrix).astype(np.float32), landmarks=photo.landmarks * np.nan)


def by_brightness(detector: Callable, photos: Photos) -> list[dict]:
    """Recall of faces of 20 pixels or more by their mean gray level: the nearest thing here to recall by skin tone."""
    light, found = [], []
    for image, photo in photos.pictures():
        truth = annotated(photo)
        gray, met = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), iou(truth.box, detector(image).box).max(axis=1, initial=0) >= HALF
        for i in np.nonzero((truth.size >= READABLE[0]) & ~truth.doubtful)[0]:
            left, top, right, bottom = np.clip(truth.box[i], 0, None).astype(int)
            light.append(gray[top:bottom, left:right].mean())
            found.append(met[i])
    place = np.digitize(light, BRIGHT) - 1
    rows = []
    for k, (low, high) in enumerate(pairwise(BRIGHT)):
        at = np.array(found)[place == k]
        recall = round(float(at.mean()), 4) if len(at) else None
        rows.append({"gray": f"{low} to {high - 1}", "faces": len(at), "recall": recall})
    return rows


if __name__ == "__main__":
    main()
