"""Take the light out of a face: gray chips in, gray chips out, whole batches at once.

Each function takes uint8 (n, h, w) and gives the same shape and type; a blank chip stays blank, n may be 0. Those that
work on a scale of their own are brought back to gray levels by their 1st and 99th percentile, chip by chip.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps

import numpy as np

from mien.card import FLAT

RADIUS = 7.0
"""Of `isotropic_diffusion`: how strongly the estimated light is smoothed; the authors' order of magnitude."""
DISCARDED = 4
"""Of `log_dct`: cosines whose horizontal and vertical frequency sum to less are light."""
CUTOFF = 4.0
"""Of `homomorphic`: the frequency, in half periods a chip, at which the gain is half way."""
TILES = 4
"""Of `clahe`, along each side of a chip."""


def _of_gray(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """The function, behind a look at what it is given. Raises ValueError for anything but gray chips."""

    @wraps(change)
    def asked(chips: np.ndarray) -> np.ndarray:
        if chips.ndim != 3 or chips.dtype != np.uint8:
            raise ValueError(f"gray uint8 chips (n, h, w) were wanted; got {chips.dtype} of shape {chips.shape}")
        return change(chips) if chips.size else chips.copy()

    return asked


@_of_gray
def histogram_equalisation(chips: np.ndarray) -> np.ndarray:
    """All gray levels equally frequent (Gonzalez and Woods, "Digital Image Processing")."""
    import cv2

    return _each(cv2.equalizeHist, chips)


@_of_gray
def equalisation_and_linear(chips: np.ndarray) -> np.ndarray:
    """The mean of histogram equalisation, which overdoes local contrast, and of a linear stretch (Kuo et al. 2018)."""
    return _gray((histogram_equalisation(chips) + _stretched(chips.astype(np.float32))) / 2, chips)


@_of_gray
def clahe(chips: np.ndarray) -> np.ndarray:
    """Histogram equalisation by tiles, with limited contrast (Zuiderveld 1994)."""
    import cv2

    return _each(cv2.createCLAHE(clipLimit=2.0, tileGridSize=(TILES, TILES)).apply, chips)


@_of_gray
def log_dct(chips: np.ndarray) -> np.ndarray:
    """The logarithm without its lowest cosines (Chen, Er and Wu 2006)."""
    h, w = chips.shape[1:]
    kept = np.add.outer(np.arange(h), np.arange(w)) >= DISCARDED
    return _gray(_stretched(_filtered(_logarithm(chips), kept)), chips)


@_of_gray
def difference_of_gaussians(chips: np.ndarray) -> np.ndarray:
    """Gamma, difference of Gaussians (1 and 2 pixels), contrast equalisation (Tan and Triggs 2010, their constants)."""
    h, w = chips.shape[1:]
    x = (chips / np.float32(255)) ** np.float32(0.2)
    x = _filtered(x, _gaussian(h, w, 1.0) - _gaussian(h, w, 2.0))
    for most in (np.inf, 10.0):
        x = x / np.maximum(_mean(np.minimum(np.abs(x), most) ** 0.1) ** 10, 1e-6)
    return _gray(_stretched(np.tanh(x / 10)), chips)


@_of_gray
def homomorphic(chips: np.ndarray) -> np.ndarray:
    """Low frequencies of the logarithm weakened, high ones strengthened (Oppenheim, Schafer and Stockham 1968)."""
    h, w = chips.shape[1:]
    distance = np.add.outer(np.arange(h) ** 2, np.arange(w) ** 2)
    gain = 0.5 + 1.0 * (1 - np.exp(-distance / CUTOFF**2))
    return _gray(_stretched(np.exp(_filtered(_logarithm(chips), gain))), chips)


@_of_gray
def isotropic_diffusion(chips: np.ndarray) -> np.ndarray:
    """The face over its light, a smooth surface near it (Gross and Brajovic 2003, isotropic); solved exactly by cosines."""
    h, w = chips.shape[1:]
    rough = np.add.outer(2 - 2 * np.cos(np.pi * np.arange(h) / h), 2 - 2 * np.cos(np.pi * np.arange(w) / w))
    light = _filtered(chips.astype(np.float32), 1 / (1 + RADIUS * rough))
    return _gray(_stretched(chips / np.maximum(light, 1)), chips)


def _each(change: Callable[[np.ndarray], np.ndarray], chips: np.ndarray) -> np.ndarray:
    changed = [change(np.ascontiguousarray(chip)) for chip in chips]
    return _gray(np.stack(changed), chips) if changed else chips.copy()


def _logarithm(chips: np.ndarray) -> np.ndarray:
    return np.log1p(chips.astype(np.float32))


def _mean(x: np.ndarray) -> np.ndarray:
    return x.mean(axis=(1, 2), keepdims=True)


@cache
def cosines(size: int) -> np.ndarray:
    """The orthonormal discrete cosine transform (DCT-II), float32 (size, size): a frequency a row."""
    k, x = np.arange(size)[:, None], np.arange(size)[None]
    rows = np.cos(np.pi * k * (2 * x + 1) / (2 * size)) * np.sqrt(2 / size)
    rows[0] /= np.sqrt(2)
    return rows.astype(np.float32)


def _filtered(x: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Float (n, h, w) with its cosines multiplied by `gain` (h, w): a symmetric filter whose border is mirrored."""
    down, across = cosines(x.shape[1]), cosines(x.shape[2])
    return down.T @ ((down @ x @ across.T) * gain.astype(np.float32)) @ across


def _gaussian(height: int, width: int, sigma: float) -> np.ndarray:
    """The cosine gains (h, w) of a Gaussian blur."""
    low = [np.exp(-((np.pi * np.arange(size) / size) ** 2) * sigma**2 / 2) for size in (height, width)]
    return np.outer(*low)


def _stretched(x: np.ndarray) -> np.ndarray:
    """Float (n, h, w) -> 0..255, linearly from the 1st to the 99th percentile of each chip."""
    low, high = np.percentile(x, (1, 99), axis=(1, 2), keepdims=True) if len(x) else (x, x)
    return np.clip((x - low) / np.maximum(high - low, 1e-6), 0, 1) * 255


def _gray(x: np.ndarray, chips: np.ndarray) -> np.ndarray:
    """Gray levels -> uint8; chips that were blank come back as they were, instead of as amplified noise."""
    blank = chips.std(axis=(1, 2), keepdims=True) < FLAT
    return np.where(blank, chips, np.rint(np.clip(x, 0, 255)).astype(np.uint8))
