"""Faces followed through a made video whose truth is known: identity switches, MOTA, detector time spared.

Crops of FER2013 (PublicTest) move on smooth, crossing ways over a gray-coloured slope, hide each other and pass behind a
pillar. MOTA and switches as in Bernardin & Stiefelhagen 2008, matched at an IoU of a half; a face of which less than half is
to be seen counts neither way.

Then whether large faces are named as well when only a small picture is looked at.

python benchmarks/tracking.py --data fer2013.npz
"""

import argparse
import time
from pathlib import Path

import cv2
import numpy as np

from mien import Recognizer
from mien.boxes import iou
from mien.datasets import open_dataset
from mien.image import resize
from mien.stream import SMALL, Stream
from mien.training.detection.scenes import CLOSE_UP
from results import write

WIDTH, HEIGHT, FPS = 640, 480, 25
PILLAR = (300, 340)
"""Columns behind which faces pass."""
GRAINS = 8
"""Pictures of camera noise, in turn."""
WAYS = {
    "every frame, whole picture": {"spare": False},
    "every frame, small pictures where that is enough": {},
    "every 2nd frame": {"every": 2},
    "every 3rd frame": {"every": 3},
    "every 5th frame": {"every": 5},
}


def film(chips: list[np.ndarray], sizes: tuple[int, int], frames: int, seed: int):
    """Yields RGB pictures with boxes (n, 4) and which can be seen (n,)."""
    draw, n = np.random.default_rng(seed), len(chips)
    size = draw.integers(*sizes, n)
    speed, phase = draw.uniform(0.2, 0.7, (n, 2)), draw.uniform(0, 2 * np.pi, (n, 2))
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    ground = np.stack([80 + 90 * x / WIDTH, 70 + 90 * y / HEIGHT, 110 + 0 * x], axis=2).astype(np.uint8)
    grain = draw.normal(0, 4, (GRAINS, HEIGHT, WIDTH, 3)).astype(np.int16)
    for frame in range(frames):
        t = frame / FPS
        picture, boxes = ground.copy(), np.zeros((n, 4), np.float32)
        owner = np.full((HEIGHT, WIDTH), -1)
        for i, chip in enumerate(chips):
            room = np.array([WIDTH - size[i], HEIGHT - size[i]])
            left, top = (room * (0.5 + 0.5 * np.sin(speed[i] * t + phase[i]))).astype(int)
            picture[top : top + size[i], left : left + size[i]] = resize(chip, size[i], size[i])[..., None]
            boxes[i] = np.array([left, top, left, top]) + size[i] * np.array(CLOSE_UP)
            owner[top : top + size[i], left : left + size[i]] = i
        picture[:, slice(*PILLAR)] = 60
        owner[:, slice(*PILLAR)] = -1
        area = [max(int((box[2] - box[0]) * (box[3] - box[1])), 1) for box in boxes]
        parts = [owner[int(b[1]) : int(b[3]), int(b[0]) : int(b[2])] == i for i, b in enumerate(boxes)]
        grainy = np.clip(picture + grain[frame % GRAINS], 0, 255).astype(np.uint8)
        yield grainy, boxes, np.array([p.sum() for p in parts]) >= 0.5 * np.array(area)


def followed(stream: Stream, pictures) -> dict[str, float]:
    """Counts over a film; `ms`: of detection and tracking alone, a frame."""
    wanted = missed = wrong = switched = 0
    last: dict[int, int] = {}
    spent, frames = 0.0, 0
    for picture, boxes, seen in pictures:
        begun = time.perf_counter()
        _, faces = stream.found(picture, frames / FPS)
        spent, frames = spent + time.perf_counter() - begun, frames + 1
        overlap, free = iou(faces.box, boxes), np.ones(len(boxes), bool)
        wanted += int(seen.sum())
        for k in np.argsort(-overlap.max(axis=1, initial=0)):
            i = int(np.argmax(np.where(free, overlap[k], -1)))
            if overlap[k, i] < 0.5 or not free[i]:
                wrong += int(not (overlap[k] >= 0.3).any())  # what overlaps a hidden one counts neither way
                continue
            free[i] = False
            track = int(faces.track_id[k])
            switched += int(i in last and last[i] != track)
            last[i] = track
        missed += int((free & seen).sum())
    return {"wanted": wanted, "missed": missed, "wrong": wrong, "switched": switched, "ms": 1e3 * spent / frames}


def spared(samples, size: int = 260) -> list[dict]:
    """Large faces looked at in the whole picture and in the small one: found and named right, and milliseconds to find."""
    recognizer = Recognizer()
    whole = recognizer.detector
    rows, labels = [], recognizer.card.labels
    for name, detector in (
        ("whole picture", whole),
        ("small picture", whole.seeing(longest_side=round(SMALL * whole.side), smooth=False)),
    ):
        right, spent = 0, []
        for sample in samples:
            picture = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
            left, top = (WIDTH - size) // 2, (HEIGHT - size) // 2
            picture[top : top + size, left : left + size] = resize(sample.image, size, size)[..., None]
            begun = time.perf_counter()
            faces = detector(picture)
            spent.append(time.perf_counter() - begun)
            said = recognizer.classify(picture, faces)
            right += bool(len(said)) and said.expression[0] == labels[sample.label]
        rows.append({"looked at": name, "faces": len(samples), "right": round(right / len(samples), 4),
                     "ms": round(1e3 * float(np.median(spent)), 2)})  # fmt: skip
    return rows


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", type=Path, required=True)
    ask.add_argument("--films", type=int, default=4)
    ask.add_argument("--frames", type=int, default=500)
    asked = ask.parse_args()
    cv2.setNumThreads(1)
    samples = [s for s in open_dataset(asked.data) if s.split == "PublicTest"]
    chips = [s.image for s in samples]
    rows = []
    for sizes, people, what in (
        ((70, 130), 5, "five faces of 70 to 130 pixels"),
        ((250, 320), 2, "two faces of 250 to 320 pixels"),
    ):
        pick = [[chips[i] for i in np.random.default_rng(k).permutation(len(chips))[:people]] for k in range(asked.films)]
        for name, settings in WAYS.items():
            recognizer = Recognizer()
            done = [followed(Stream(recognizer, **settings), film(pick[k], sizes, asked.frames, k)) for k in range(asked.films)]
            total = {key: sum(row[key] for row in done) for key in done[0]}
            mota = 1 - (total["missed"] + total["wrong"] + total["switched"]) / total["wanted"]
            rows.append(
                {"film": what, "looked at": name, "mota": round(mota, 4), "switches": total["switched"], "faces": total["wanted"],
                 "missed": total["missed"], "wrong": total["wrong"], "ms": round(total["ms"] / asked.films, 2)}
            )  # fmt: skip
    write("tracking", {"films": rows, "small": spared(samples)})


if __name__ == "__main__":
    main()
