"""Boxes with name and confidence: an RGB picture and Faces in, a copy with them drawn out."""

from __future__ import annotations

import numpy as np

from mien.answer import percent
from mien.faces import Faces
from mien.image import gray

COLOURS = {
    "angry": (214, 69, 65), "disgust": (106, 137, 60), "fear": (142, 95, 190), "happy": (240, 180, 30),
    "sad": (66, 120, 200), "surprise": (238, 120, 45), "neutral": (120, 130, 140),
}  # fmt: skip
OTHER = (60, 160, 150)
LIGHT = 140
"""Luma from which dark ink reads better than white."""
INKS = ((255, 255, 255), (25, 28, 36))
UNSURE = "?"


def annotate(image: np.ndarray, faces: Faces) -> np.ndarray:
    """RGB uint8 (h, w, 3) -> a copy with a box a face, its expression and confidence; `?` marks an unsure one."""
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.fromarray(image).convert("RGB")
    pen = ImageDraw.Draw(picture)
    long = max(image.shape[:2])
    line, font = max(round(long / 400), 2), ImageFont.load_default(max(round(long / 45), 12))
    for face in faces:
        box = [float(v) for v in face.box[0]]
        name = face.expression[0] if face.probability is not None else "face"
        colour = COLOURS.get(name, OTHER)
        pen.rounded_rectangle(box, radius=2 * line, outline=colour, width=line)
        _label(pen, box, _text(face, name), colour, font, line, image.shape[1])
    return np.asarray(picture)


def _text(face: Faces, name: str) -> str:
    sure = float(face.confidence[0] if face.probability is not None else face.score[0])
    doubt = UNSURE if face.unsure is not None and face.unsure[0] else ""
    return f"{name}{doubt} {percent(sure)}"


def _label(pen, box, text, colour, font, line, width) -> None:  # type: ignore[no-untyped-def]
    """Above the box, or inside it where there is no room; always within the picture."""
    left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
    wide, high = right - left + 4 * line, bottom - top + 4 * line
    x = min(max(box[0], 0), max(width - wide, 0))
    y = box[1] - high if box[1] >= high else box[1]
    pen.rounded_rectangle((x, y, x + wide, y + high), radius=2 * line, fill=colour)
    pen.text((x + 2 * line - left, y + 2 * line - top), text, fill=_ink(colour), font=font)


def _ink(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    """White on dark colours, nearly black on light ones."""
    return INKS[bool(gray(np.array([[colour]], np.uint8)) > LIGHT)]
