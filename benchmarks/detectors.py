"""What each detector finds on photos with known boxes, as they are and made harder: found, false alarms, milliseconds.

A face counts as found when a box meets it at an IoU of .4 or more; under roll the truth is turned along, as the box round
the turned one, and .3 is enough. Pictures are fitted into 640 pixels first.

    python benchmarks/detectors.py --samples DIR
"""

import argparse
import io
import json
import time
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from mien.boxes import iou
from mien.detectors import DETECTORS, INFO, load_detector
from mien.image import fit, load
from results import write

SIDE = 640


def rolled(degrees: float):
    def turn(image, boxes):
        height, width = image.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
        out = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
        corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
        moved = corners @ matrix[:, :2].T + matrix[:, 2]
        return out, np.concatenate([moved.min(1), moved.max(1)], axis=1).reshape(-1, 4)

    return turn


def jpeg(image, boxes):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=20)
    return np.asarray(Image.open(file)), boxes


CONDITIONS = {
    "as it is": lambda image, boxes: (image, boxes),
    "roll 15": rolled(15),
    "roll 30": rolled(30),
    "dark x0.4": lambda image, boxes: ((image * 0.4).astype(np.uint8), boxes),
    "blur sigma 2": lambda image, boxes: (cv2.GaussianBlur(image, (0, 0), 2), boxes),
    "JPEG quality 20": jpeg,
}


def matched(found: np.ndarray, truth: np.ndarray, least: float) -> tuple[int, int]:
    """Hits and false alarms; a true box is taken once, the best score first."""
    left, hits = list(range(len(truth))), 0
    for box in found:
        best = max(left, key=lambda i: iou(box[None], truth[i : i + 1])[0, 0], default=None)
        if best is not None and iou(box[None], truth[best : best + 1])[0, 0] >= least:
            hits += 1
            left.remove(best)
    return hits, len(found) - hits


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--samples", type=Path, required=True, help="a folder with photos and faces.json: name -> x, y, w, h")
    asked = ask.parse_args()
    truth = json.loads((asked.samples / "faces.json").read_text())
    photos = []
    for name, boxes in truth.items():
        image, factor = fit(load(asked.samples / name), SIDE)
        corners = np.array(boxes, float).reshape(-1, 4)
        corners[:, 2:] += corners[:, :2]
        photos.append((image, corners * factor))
    rows = []
    for detector in (load_detector(name) for name in DETECTORS if INFO[name].installed):
        row = {"detector": detector.name, "faces": sum(len(b) for _, b in photos)}
        for condition, change in CONDITIONS.items():
            hits = false = 0
            took = []
            for image, boxes in photos:
                picture, there = change(image, boxes)
                detector(picture)
                start = time.perf_counter()
                found = detector(picture)
                took.append(time.perf_counter() - start)
                more = matched(found.box.astype(float), there, 0.3 if "roll" in condition else 0.4)
                hits, false = hits + more[0], false + more[1]
            row[condition] = {"found": hits, "false": false}
            if condition == "as it is":
                row["ms"] = round(float(np.median(took)) * 1e3, 1)
        rows.append(row)
    for row, took in zip(rows, interleaved([load_detector(row["detector"]) for row in rows], photos[0][0]), strict=True):
        row["ms_320x240"] = took
    write("detectors", rows)


def interleaved(detectors: list, photo: np.ndarray, rounds: int = 60) -> list[float]:
    """Median milliseconds of each at 320x240, in turns."""
    small, took = cv2.resize(photo, (320, 240)), [[] for _ in detectors]
    for _ in range(rounds):
        for detector, times in zip(detectors, took, strict=True):
            start = time.perf_counter()
            detector(small)
            times.append(time.perf_counter() - start)
    return [round(float(np.median(times[5:])) * 1e3, 2) for times in took]


if __name__ == "__main__":
    main()
