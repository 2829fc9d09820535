"""Milliseconds a frame from end to end, beside one Viola-Jones pass and the package fer; and of the classifier alone.

Frames hold one and five real faces (`single_face.jpg`, `multi_face.jpg` of --samples), fitted into 640x480 and 1280x720.
The rounds of all contestants are interleaved, so that a change of the machine's speed meets them alike; medians are shown.

    python benchmarks/speed.py --samples DIR [--fer PYTHON]

PYTHON: an interpreter in whose environment fer 25.10.3 is installed; it needs TensorFlow, so it has one of its own.
"""

import argparse
import json
import subprocess
import time
from functools import partial
from pathlib import Path

import numpy as np

from results import write

SIZES = ((640, 480), (1280, 720))
PHOTOS = ("single_face.jpg", "multi_face.jpg")
ROUNDS, WARM = 31, 5
FER = """
import sys, time, json, cv2, warnings
warnings.filterwarnings("ignore")
from fer.fer import FER
d = FER()
print("ready", flush=True)
for line in sys.stdin:
    image = cv2.imread(line.strip()); start = time.perf_counter(); found = d.detect_emotions(image)
    print(json.dumps([time.perf_counter() - start, len(found)]), flush=True)
"""


def frame(path: Path, width: int, height: int) -> np.ndarray:
    """The photo fitted into the frame, black where it does not reach."""
    from mien.image import load, resize

    photo = load(path)
    factor = min(width / photo.shape[1], height / photo.shape[0])
    small = resize(photo, round(photo.shape[1] * factor), round(photo.shape[0] * factor))
    out = np.zeros((height, width, 3), np.uint8)
    out[: small.shape[0], : small.shape[1]] = small
    return out


class Fer:
    """fer in its own process, a frame a line."""

    def __init__(self, python: str) -> None:
        self.process = subprocess.Popen(
            [python, "-W", "ignore", "-c", FER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        while "ready" not in self.process.stdout.readline():
            pass

    def __call__(self, path: Path) -> tuple[float, int]:
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()
        seconds, found = json.loads(self.process.stdout.readline())
        return seconds, found


def timed(call, *args) -> tuple[float, int]:
    start = time.perf_counter()
    found = call(*args)
    return time.perf_counter() - start, len(found)


def frames(samples: Path, fer: Fer | None, scratch: Path) -> list[dict]:
    from mien import Recognizer, load_detector
    from mien.image import encode

    recognizer, haar = Recognizer(), load_detector("haar", smallest_face=0, longest_side=10_000)
    rows = []
    for photo in PHOTOS:
        for size in SIZES:
            image, file = frame(samples / photo, *size), scratch / f"{photo}-{size[0]}.png"
            file.write_bytes(encode(image))
            contestants = {"mien": partial(timed, recognizer, image), "viola_jones_alone": partial(timed, haar, image)}
            ms, faces = interleaved(contestants | ({"fer": partial(fer, file)} if fer else {}))
            times = {f"{name}_over_mien": round(ms[name] / ms["mien"], 2) for name in ms if name != "mien"}
            rows.append({"photo": photo, "size": f"{size[0]}x{size[1]}", "faces": faces, "ms": ms, **times})
    return rows


def interleaved(contestants: dict) -> tuple[dict, dict]:
    """Median milliseconds and number of faces of each."""
    took, faces = {name: [] for name in contestants}, {}
    for _ in range(WARM + ROUNDS):
        for name, call in contestants.items():
            seconds, faces[name] = call()
            took[name].append(seconds * 1e3)
    return {name: round(float(np.median(t[WARM:])), 2) for name, t in took.items()}, faces


def classifiers() -> list[dict]:
    from mien import load_classifier
    from mien.weights import packaged

    rows = []
    for name in packaged():
        classifier, row = load_classifier(name), {"model": name}
        for batch, rounds in ((1, 300), (64, 30)):
            chips = np.random.default_rng(0).integers(0, 256, (batch, 48, 48), np.uint8)
            took = [timed(classifier, chips)[0] for _ in range(rounds)][5:]
            row[f"ms_batch_{batch}"] = round(float(np.median(took)) * 1e3, 3)
            row[f"images_per_second_batch_{batch}"] = round(batch / float(np.median(took)))
        rows.append(row)
    return rows


def main() -> None:
    import tempfile

    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--samples", type=Path, required=True)
    ask.add_argument("--fer", metavar="PYTHON")
    asked = ask.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        fer = Fer(asked.fer) if asked.fer else None
        write("speed", {"frames": frames(asked.samples, fer, Path(scratch)), "classifiers": classifiers()})


if __name__ == "__main__":
    main()
