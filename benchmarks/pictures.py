"""Make the pictures of README: scikit-image's astronaut (NASA, public domain), as it is and annotated.

python benchmarks/pictures.py
"""

from pathlib import Path

import numpy as np
from skimage.data import astronaut

from mien import Recognizer
from mien.annotators import annotate
from mien.image import encode

FOLDER = Path(__file__).parents[1] / "docs" / "images"

if __name__ == "__main__":
    picture = np.asarray(astronaut())
    (FOLDER / "portrait.jpg").write_bytes(encode(picture, "JPEG"))
    (FOLDER / "astronaut.jpg").write_bytes(encode(annotate(picture, Recognizer()(picture)), "JPEG"))
