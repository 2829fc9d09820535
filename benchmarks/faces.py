r"""How well each detector finds faces in photos that it was not fitted on: one table, one code for all.

Ranked on boxes that people drew, with and without masks apart; agreement with the machine that labelled the other held-out
photos stands beside it. A net of ours that was fitted on people's boxes is shown on the others alone. Then our nets again on
photos made harder, by how bright the faces are, and on close-ups.

python benchmarks/faces.py --faces DIR --people SOURCE --machine SOURCE --detector RUN --detector mien --detector mtcnn \
    --close-ups fer2013.npz
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from mien.boxes import area, clipped, iou, mapped
from mien.datasets import open_dataset
from mien.datasets.photos import Photo, Photos, open_photos
from mien.detectors import load_detector
from mien.detectors.mien_face import MienFace
from mien.evaluation.detection import HALF, READABLE, annotated, drawn_by_people, fitted_on, found_in, loosened, measured
from mien.faces import Faces
from mien.image import resize
from mien.training.detection.scenes import CLOSE_UP
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
SEEN = 0.9
"""Share of a face that must stay in the frame."""
BRIGHT = (0, 60, 90, 120, 150, 256)
"""Edges of the mean gray level of a face."""


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--faces", type=Path, required=True)
    ask.add_argument("--people", action="append", required=True, metavar="SOURCE")
    ask.add_argument("--machine", action="append", required=True, metavar="SOURCE")
    ask.add_argument("--close-ups", type=Path, help="crops of faces; those of PublicTest are enlarged")
    ask.add_argument("--detector", action="append", required=True, metavar="NAME|RUN")
    asked = ask.parse_args()
    photos = open_photos(asked.faces)
    for name in asked.detector:
        if fitted := set(fitted_on(load_detector(name))) & {*asked.machine}:
            raise SystemExit(f"{name} was fitted on {', '.join(fitted)}; name sources that it was not fitted on")
    people, machine = photos.only(asked.people), photos.only(asked.machine)
    table = [row for name in asked.detector for row in compared(name, people, machine)] + list(teacher(people))
    ours = [name for name in asked.detector if isinstance(load_detector(name), MienFace)]
    sources = {"people": asked.people, "machine": asked.machine}
    write(
        "faces", {"sources": sources, "detectors": table, "ours": {name: closer(name, machine, asked.close_ups) for name in ours}}
    )


def closer(name: str, machine: Photos, crops: Path | None) -> dict:
    detector = load_detector(name)
    harder = {what: short(measured(found_in(detector, changed(machine, change)))) for what, change in HARDER.items()}
    harder[f"roll {ROLL:.0f}"] = short(measured(found_in(detector, rolled(machine))))
    large = list(close_ups(name, crops)) if crops else []
    return {"harder": harder, "brightness": by_brightness(detector, machine), "close_ups": large}


def compared(name: str, people: Photos, machine: Photos) -> Iterator[dict]:
    detector, score = loosened(load_detector(name))
    on = {f"people's boxes, {what}": (people, partial(drawn_by_people, kinds=kinds)) for what, kinds in MASKS.items()}
    if set(people.sources) & set(fitted_on(detector)):
        on = {}
    for what, (photos, truth) in (on | {"the machine's boxes": (machine, annotated)}).items():
        yield {"detector": name, "on": what} | measured(found_in(detector, photos.pictures(), truth), score)


def teacher(people: Photos) -> Iterator[dict]:
    """The machine that labelled the photos, at a side of 1,024 pixels, on people's boxes."""
    for what, kinds in MASKS.items():
        found = ((Faces(p.box[~p.ignore], p.score[~p.ignore]), drawn_by_people(p, kinds)) for p in people)
        yield {"detector": "the labels", "on": f"people's boxes, {what}"} | measured(found)


def changed(photos: Photos, change: Change) -> Iterator[tuple[np.ndarray, Photo]]:
    return ((change(image), photo) for image, photo in photos.pictures())


def short(scores: dict) -> dict:
    return {key: scores["bands"]["readable"][key] for key in ("faces", "recall", "alarms_per_image")}


def rolled(photos: Photos) -> Iterator[tuple[np.ndarray, Photo]]:
    """Turned about the middle; a face's box is the hull of the ellipse in its old one. What leaves the frame is doubtful."""
    for image, photo in photos.pictures():
        height, width = image.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), ROLL, 1.0)
        box = mapped(photo.box, matrix).astype(np.float32)
        hidden = area(clipped(box, width, height)) < SEEN * area(box)
        turned = cv2.warpAffine(image, matrix, (width, height))
        yield turned, replace(photo, box=box, landmarks=photo.landmarks * np.nan, ignore=photo.ignore | hidden)


def close_ups(name: str, data: Path) -> Iterator[dict]:
    """Faces that fill nine tenths of a square frame: found, and found with an IoU of .7 with where a crop's face lies."""
    samples = [s for s in open_dataset(data) if s.split == "PublicTest"]
    for side in (320, 640):
        detector, large = load_detector(name, longest_side=side), int(0.9 * side)
        at = (side - large) // 2
        face = at + large * np.array([CLOSE_UP], np.float32)
        best = []
        for sample in samples:
            frame = np.full((side, side, 3), 128, np.uint8)
            frame[at : at + large, at : at + large] = resize(sample.image, large, large)[..., None]
            best.append(iou(face, detector(frame).box).max(initial=0))
        shares = {what: round(float(np.mean(np.array(best) >= least)), 4) for what, least in (("found", HALF), ("tight", 0.7))}
        yield {"side": side, "crops": len(best), **shares}


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
