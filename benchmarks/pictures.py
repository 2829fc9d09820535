"""Make the pictures of README and docs: scikit-image's astronaut (NASA, public domain), annotated, and as preprocessing sees it.

python benchmarks/pictures.py
"""

from pathlib import Path

import cv2
import numpy as np
from skimage.data import astronaut

from mien import Recognizer
from mien.annotators import annotate
from mien.card import ALIGNMENT, ILLUMINATION
from mien.detectors import crop_of, load_detector
from mien.image import encode, gray
from mien.page import drawn, pyplot

FOLDER = Path(__file__).parents[1] / "docs" / "images"
SIDE = 128


def chip(picture: np.ndarray, align: str = "") -> np.ndarray:
    """The gray chip (SIDE, SIDE) of the picture's face."""
    detector = load_detector()
    return gray(crop_of(detector)(picture, detector(picture), SIDE, align))[0]


def preprocessing(picture: np.ndarray) -> bytes:
    """Two rows: a face and the same lit from the side, with the light taken out; then tilted, level, to the front."""
    light = np.linspace(0.25, 1.1, SIDE)[None]
    lit = np.rint(np.clip(chip(picture) * light, 0, 255)).astype(np.uint8)
    tilted = cv2.warpAffine(picture, cv2.getRotationMatrix2D((225, 130), -20, 1.0), picture.shape[1::-1])
    shown = {"lit from the side": lit} | {name: ILLUMINATION[name](lit[None])[0] for name in ILLUMINATION}
    shown |= {"tilted": chip(tilted)} | {name: chip(tilted, name) for name in ALIGNMENT}
    plt = pyplot()
    figure, places = plt.subplots(2, 6, figsize=(9, 3.5), layout="constrained")
    for axes in places.flat:
        axes.set_axis_off()
    for axes, (name, face) in zip(places.flat, shown.items(), strict=False):
        axes.imshow(face, cmap="gray", vmin=0, vmax=255)
        axes.set_title(name, fontsize=9)
    return drawn(figure)


if __name__ == "__main__":
    picture = np.asarray(astronaut())
    (FOLDER / "portrait.jpg").write_bytes(encode(picture, "JPEG"))
    (FOLDER / "astronaut.jpg").write_bytes(encode(annotate(picture, Recognizer()(picture)), "JPEG"))
    (FOLDER / "preprocess.png").write_bytes(preprocessing(picture))
