"""Make training scenes: photos with faces in, squares with faces of all sizes, turned, darkened and blurred, out.

A scene depends on seed, epoch and its number alone, so that a resumed run sees what the first would have seen.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mien.boxes import area, clipped, longer_side, mapped
from mien.datasets.photos import POINTS, Photo
from mien.errors import MienError
from mien.image import fit, load

MIRRORED = (1, 0, 2, 4, 3)
"""Order of the points in the mirror."""
ROW = 4 + 2 * POINTS
KEPT = 2_000_000_000
"""Bytes of decoded pictures that stay in memory."""
LONGEST = 1280
"""Pixels, longer side, to which larger photos are shrunk when they are read."""


@dataclass(frozen=True)
class SceneConfig:
    """How scenes are drawn; sizes are shares of the scene's side, chances are shares of the scenes."""

    smallest: float = 8.0
    """Pixels, longer side of the face a scene is drawn around; faces that become smaller count as doubtful."""
    largest: float = 0.95
    enlarge: float = 3.0
    """A photo is enlarged at most so many times, and less around a face of under 36 pixels, which has little to show."""
    roll: float = 45.0
    """Degrees, either way, ..."""
    rolled: float = 0.6
    """... in so many of the scenes."""
    negatives: float = 0.2
    """Scenes without a face."""
    hard: float = 0.15
    """Scenes around something that was taken for a face, where such things are known."""
    mosaic: float = 0.35
    """Four scenes in one."""
    pasted: float = 0.15
    """Scenes with a large close-up, where there are chips to paste."""
    gray: float = 0.25
    dark: float = 0.15
    blur: float = 0.2
    jpeg: float = 0.2
    noise: float = 0.2


@dataclass(frozen=True, eq=False)
class Scene:
    """RGB uint8 (side, side, 3), boxes and points (n, 14) in its pixels, and which of them are doubtful (n,)."""

    image: np.ndarray
    rows: np.ndarray
    doubtful: np.ndarray


class Pictures:
    """`pictures(path)` -> RGB array and how much it was shrunk; what was wanted of late stays in memory."""

    def __init__(self, most: int = KEPT) -> None:
        self.room = most
        self._kept: OrderedDict[Path, tuple[np.ndarray, float]] = OrderedDict()

    def __call__(self, path: Path) -> tuple[np.ndarray, float]:
        if path in self._kept:
            self._kept.move_to_end(path)
            return self._kept[path]
        found = self._kept[path] = fit(load(path), LONGEST)
        self.room -= found[0].nbytes
        while self.room < 0 and len(self._kept) > 1:
            self.room += self._kept.popitem(last=False)[1][0].nbytes
        return found


@dataclass(eq=False)
class Scenes:
    """`scenes(generator, side)` -> a Scene. `chips`: close-ups (n, h, w) that fill their frame, to be pasted large."""

    photos: Sequence[Photo]
    config: SceneConfig = SceneConfig()
    chips: np.ndarray | None = None
    alarms: Sequence[tuple[int, Sequence[float]]] = ()
    """Number of a photo and a box in it that was taken for a face."""

    def __post_init__(self) -> None:
        self.with_faces = [p for p in self.photos if (~p.ignore).any()]
        self.without = [p for p in self.photos if not len(p)]
        self.paths = {p.path for p in [*self.with_faces, *self.without]}
        self.pictures = Pictures()
        self.broken: dict[Path, str] = {}
        """Photos that could not be read, and why; other scenes were made instead."""

    def __call__(self, draw: np.random.Generator, side: int) -> Scene:
        scene = self._mosaic(draw, side) if draw.random() < self.config.mosaic else self._plain(draw, side)
        return Scene(self._light(draw, scene.image), scene.rows, scene.doubtful)

    def _mosaic(self, draw: np.random.Generator, side: int) -> Scene:
        half = side // 2
        parts = [self._plain(draw, half) for _ in range(4)]
        image = np.concatenate([np.concatenate([parts[i].image for i in row], axis=1) for row in ((0, 1), (2, 3))])
        shifts = [np.tile([half * (i % 2), half * (i // 2)], ROW // 2) for i in range(4)]
        rows = np.concatenate([part.rows + shift for part, shift in zip(parts, shifts, strict=True)])
        return Scene(image, rows.astype(np.float32), np.concatenate([part.doubtful for part in parts]))

    def _plain(self, draw: np.random.Generator, side: int) -> Scene:
        while len(self.broken) < len(self.paths):
            photo, around = self._drawn(draw)
            try:
                scene = self._cut(draw, photo, side, around)
            except MienError as error:
                self.broken[photo.path] = str(error)
                continue
            if self.chips is not None and len(self.chips) and draw.random() < self.config.pasted:
                return _pasted(draw, scene, self.chips[draw.integers(len(self.chips))])
            return scene
        raise ValueError(f"none of {len(self.broken)} photos can be read, such as: {next(iter(self.broken.values()))}")

    def _drawn(self, draw: np.random.Generator) -> tuple[Photo, Sequence[float] | None]:
        """A photo and, if there is one, what in it was taken for a face."""
        if self.alarms and draw.random() < self.config.hard:
            number, around = self.alarms[int(draw.integers(len(self.alarms)))]
            return self.photos[number], around
        if self.without and (draw.random() < self.config.negatives or not self.with_faces):
            return self.without[draw.integers(len(self.without))], None
        return self.with_faces[draw.integers(len(self.with_faces))], None

    def _cut(self, draw: np.random.Generator, photo: Photo, side: int, around: Sequence[float] | None) -> Scene:
        """A square of the photo, scaled so that `around`, or one of its faces, gets the size that was drawn."""
        c, (image, shrunk) = self.config, self.pictures(photo.path)
        photo_size = np.array(image.shape[1::-1]) / shrunk
        whole = side / photo_size.max()
        sure = np.nonzero(~photo.ignore)[0]
        if around is not None or len(sure):
            face = photo.box[draw.choice(sure)] if around is None else np.array(around)
            own = max(*(face[2:] - face[:2]), 1.0)
            wanted = np.exp(draw.uniform(np.log(c.smallest), np.log(c.largest * side)))
            most = min(max(own / 12, 1.25), c.enlarge)
            factor = min(max(wanted / own, whole * draw.uniform(0.8, 1.2)), most)  # an empty scene teaches nothing
            middle, room = (face[:2] + face[2:]) / 2, max(side / factor - own, 0) / 2
            middle = middle + draw.uniform(-room, room, 2)
        else:
            factor = whole * np.exp(draw.uniform(np.log(0.8), np.log(3.0)))
            middle = draw.uniform(0, 1, 2) * photo_size
        middle = _within(middle, photo_size, side / factor)
        angle = np.deg2rad(draw.uniform(-c.roll, c.roll)) if draw.random() < c.rolled else 0.0
        mirror = draw.random() < 0.5
        turn = factor * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        turn = turn @ np.diag([-1.0 if mirror else 1.0, 1.0])
        matrix = np.column_stack([turn, side / 2 - turn @ middle])
        fill = tuple(int(v) for v in draw.integers(0, 256, 3)) if draw.random() < 0.5 else (0, 0, 0)
        rows, doubtful = _moved(photo, matrix, mirror, side, c.smallest * 0.75)
        matrix = matrix @ np.diag([1 / shrunk, 1 / shrunk, 1.0])
        return Scene(_warped(image, matrix, factor / shrunk, side, fill), rows, doubtful)

    def _light(self, draw: np.random.Generator, image: np.ndarray) -> np.ndarray:
        """Contrast, brightness, colours, darkness, blur, noise and the traces of JPEG."""
        c = self.config
        if draw.random() < c.gray:
            image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        levels = np.arange(256, dtype=np.float32)[:, None] / 255
        gamma = np.exp(draw.uniform(-0.4, 0.4))
        gain = np.exp(draw.uniform(-0.25, 0.25, 3) * 0.5 + draw.uniform(-0.25, 0.25))
        if draw.random() < c.dark:
            gain = gain * draw.uniform(0.2, 0.6)
        table = np.clip(levels**gamma * gain + draw.uniform(-0.1, 0.1), 0, 1) * 255
        image = cv2.LUT(image, table.astype(np.uint8).reshape(1, 256, 3))
        if draw.random() < c.blur:
            image = cv2.GaussianBlur(image, (0, 0), draw.uniform(0.5, 2.8))
        if draw.random() < c.noise:
            grain = np.empty(image.shape, np.int16)
            cv2.setRNGSeed(int(draw.integers(2**31)))
            cv2.randn(grain, 0, draw.uniform(3, 14))
            image = cv2.add(image, grain, dtype=cv2.CV_8U)
        if draw.random() < c.jpeg:
            quality = [cv2.IMWRITE_JPEG_QUALITY, int(draw.integers(15, 80))]
            image = np.asarray(cv2.imdecode(cv2.imencode(".jpg", image, quality)[1], cv2.IMREAD_COLOR))
        return image


def _within(middle: np.ndarray, size: np.ndarray, view: float) -> np.ndarray:
    """The middle (x, y) of a square view of a photo of this width and height, moved so that it shows as much as it can."""
    low, high = np.minimum(view / 2, size - view / 2), np.maximum(view / 2, size - view / 2)
    return np.clip(middle, low, high)


def _warped(image: np.ndarray, matrix: np.ndarray, factor: float, side: int, fill: tuple[int, ...]) -> np.ndarray:
    """The photo through the matrix; halved first as often as needed to skip no pixels."""
    while factor < 0.5 and min(image.shape[:2]) > 2:
        image = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        matrix, factor = matrix @ np.diag([2.0, 2.0, 1.0]), factor * 2
    return cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderValue=fill)


def _moved(photo: Photo, matrix: np.ndarray, mirror: bool, side: int, smallest: float) -> tuple[np.ndarray, np.ndarray]:
    """The photo's faces in the scene's pixels (n, 14) and which are doubtful: too small, or mostly outside."""
    box = mapped(photo.box, matrix)
    points = photo.landmarks @ matrix[:, :2].T + matrix[:, 2]
    points = points[:, MIRRORED] if mirror else points
    rows = np.concatenate([box, points.reshape(-1, 2 * POINTS)], axis=1)
    share = area(clipped(box, side, side)) / np.maximum(area(box), 1e-6)
    doubtful = photo.ignore | (longer_side(box) < smallest) | (share < 0.45)
    there = np.asarray(share > 0.05)
    return rows[there].astype(np.float32), doubtful[there]


def _pasted(draw: np.random.Generator, scene: Scene, chip: np.ndarray) -> Scene:
    """The scene with a close-up over it; what it covers, be it in part, is doubtful."""
    side = len(scene.image)
    size = int(draw.uniform(0.3, 1.0) * side)
    left, top = (int(v) for v in draw.uniform(0, side - size, 2))
    large = cv2.resize(chip, (size, size), interpolation=cv2.INTER_CUBIC)
    if draw.random() < 0.5:
        large = np.ascontiguousarray(large[:, ::-1])
    image = scene.image.copy()
    image[top : top + size, left : left + size] = large[..., None] if large.ndim == 2 else large
    low, high = np.array([left, top]), np.array([left + size, top + size])
    touched = np.logical_and(scene.rows[:, 2:4] > low, scene.rows[:, :2] < high).all(axis=1)
    row = np.full((1, ROW), np.nan, np.float32)
    row[0, :4] = np.array([left, top, left, top]) + size * np.array(CLOSE_UP)
    return Scene(image, np.concatenate([scene.rows, row]), np.append(scene.doubtful | touched, False))


CLOSE_UP = (0.09, 0.0, 0.91, 1.0)
"""The face's box in a close-up cut as FER2013's, as shares of its side."""
