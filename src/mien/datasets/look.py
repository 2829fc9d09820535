"""What can be told of a face's picture without knowing what it shows: a picture in, a few numbers and two hashes out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from mien.card import FLAT
from mien.image import gray, resize
from mien.preprocess.illumination import cosines
from mien.quality import sharpness

DARK, BRIGHT = 25.0, 235.0
"""Mean gray levels beyond which little can be seen."""
PALE = 10.0
"""Deviation of the gray levels below which there is hardly any contrast."""
BLURRED = 0.6
"""Of `sharpness`: two in a thousand of FER2013's faces are below it; blurred by a sigma of 1 pixel, most are."""
SIDE, KEPT = 32, 8
"""Of the perceptual hash: the side it looks at, and how many cosines along each side."""


@dataclass(frozen=True)
class Look:
    """Of one picture."""

    image: bytes
    """32 bytes: SHA-256 of shape and pixels; the same for the same picture alone."""
    perceptual: int
    """64 bits, most of which are the same for pictures that look alike (Zauner 2010, the hash by cosines)."""
    height: int
    width: int
    brightness: float
    """Mean gray level, 0 to 255."""
    contrast: float
    """Deviation of the gray levels."""
    sharpness: float
    """0 to 1, as in mien.quality."""

    @property
    def blank(self) -> bool:
        return self.contrast == 0

    @property
    def faults(self) -> list[str]:
        """Words for what makes it hard to read."""
        if self.blank:
            return ["blank"]
        seen = {
            "dark": self.brightness < DARK, "bright": self.brightness > BRIGHT, "pale": self.contrast < PALE,
            "blurred": self.contrast >= FLAT and self.sharpness < BLURRED,
        }  # fmt: skip
        return [name for name, holds in seen.items() if holds]


def image_id(image: np.ndarray) -> bytes:
    """SHA-256 of shape and pixels, 32 bytes."""
    return hashlib.sha256(repr(image.shape).encode() + np.ascontiguousarray(image).tobytes()).digest()


def gray_levels(image: np.ndarray) -> np.ndarray:
    """uint8 (h, w) or RGB (h, w, 3) -> uint8 (h, w)."""
    return gray(image[None])[0] if image.ndim == 3 else image


def look(image: np.ndarray) -> Look:
    """uint8 (h, w) or RGB (h, w, 3) -> what can be told of it."""
    levels = gray_levels(image)
    sharp = float(sharpness(levels[None])[0]) if min(levels.shape) > 2 else 0.0
    mean, deviation = float(levels.mean()), float(levels.std())
    height, width = levels.shape
    return Look(image_id(image), perceptual(levels), height, width, mean, deviation, sharp)


def perceptual(levels: np.ndarray) -> int:
    """Gray uint8 (h, w) -> 64 bits: which of the lowest cosines are above their median."""
    small = resize(levels, SIDE, SIDE).reshape(SIDE, SIDE).astype(np.float32)
    rows = cosines(SIDE)[:KEPT]
    low = (rows @ small @ rows.T).ravel()
    return int.from_bytes(np.packbits(low > np.median(low[1:])).tobytes(), "big")


def thumbnail(image: np.ndarray, side: int = 16) -> np.ndarray:
    """float32 (side * side,): the picture small, without mean and spread, so that a product of two is their correlation."""
    levels = gray_levels(image)
    small = resize(levels, side, side).astype(np.float32).ravel()
    small -= small.mean()
    return small / max(float(np.linalg.norm(small)), 1e-6)
