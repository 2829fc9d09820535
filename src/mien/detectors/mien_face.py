"""Our own detector: one small net that looks at a picture once (docs/detection.md). Image in, Faces out.

The net gives, for each cell of maps at strides 8 to 64, a score, a box and five points, in units of the stride
(mien.models.face_net). It takes uint8 RGB; the pictures' longer side decides how small a face it sees.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from mien.boxes import area, clipped, suppress
from mien.card import DetectorCard
from mien.errors import insist
from mien.faces import Faces
from mien.image import fit
from mien.runtime import Graph
from mien.weights import find_detector, find_graph

MULTIPLE = 64
"""Pixels; sides are filled up to it: the coarsest stride."""
LARGE = 320
"""Pixels, longer side of the largest pictures the net was trained on: in those it sees faces that fill the frame."""
MOST_TILES = 16
"""Along each side."""
TOGETHER = 32
"""Views that go through the net at once."""
SEAM = 0.02
"""Share of a tile's side, within which a box touches its edge."""
SCORE, CENTRE, SIZE, POINTS = 0, slice(1, 3), slice(3, 5), slice(5, 15)
"""Columns of a cell's numbers."""


NO_ROWS = np.zeros((0, 15), np.float32)


@dataclass(eq=False)
class MienFace:
    """`longest_side=640` sees faces half as large, at four times the time; `tiles=2` looks at four overlapping quarters, too."""

    longest_side: int | None = None
    """Pixels; larger pictures are shrunk for detection. None, here and below: as the card says."""
    score: float | None = None
    overlap: float | None = None
    """IoU from which on two boxes are one face."""
    smooth: bool = True
    """Whether pixels are averaged where the picture is shrunk, or skipped: quicker, and enough for large faces."""
    tiles: int = 1
    """Along each side, for crowds."""
    weights: str | os.PathLike[str] | None = None
    """A run folder of `mien train --task detect`, or a card; None: the packaged net."""
    net: Callable[[np.ndarray], Sequence[np.ndarray]] | None = None
    """In place of weights: levels 0..255, float32 (n, 3, h, w) -> maps (n, h / stride, w / stride, 15), fine to coarse."""
    name: ClassVar[str] = "mien"

    def __post_init__(self) -> None:
        insist(
            self,
            ("longest_side", self.longest_side is None or _whole(self.longest_side, MULTIPLE), f"whole, from {MULTIPLE} on"),
            ("score", self.score is None or 0 < self.score < 1, "between 0 and 1"),
            ("overlap", self.overlap is None or 0 < self.overlap <= 1, "more than 0, up to 1"),
            ("tiles", _whole(self.tiles, 1) and self.tiles <= MOST_TILES, f"whole, from 1 to {MOST_TILES}"),
        )

    @cached_property
    def _net(self) -> Callable[[np.ndarray], Sequence[np.ndarray]]:
        if self.net is not None:
            return self.net
        path = find_detector(self.weights)
        return Graph(find_graph(self.card, path)).run

    @cached_property
    def card(self) -> DetectorCard:
        if self.net is not None:
            return DetectorCard("mien", "", 320, 0.5)
        return DetectorCard.load(find_detector(self.weights))

    @property
    def side(self) -> int:
        """`longest_side`, or the card's."""
        return self.longest_side or self.card.longest_side

    @property
    def least(self) -> float:
        """`score`, or the card's."""
        return self.card.score if self.score is None else self.score

    @property
    def same(self) -> float:
        """`overlap`, or the card's."""
        return self.card.overlap if self.overlap is None else self.overlap

    def seeing(self, **settings: Any) -> MienFace:
        """The same net with other settings; it is opened once."""
        other = replace(self, **settings)
        other.__dict__ |= {"_net": self._net, "card": self.card}
        return other

    def __call__(self, image: np.ndarray) -> Faces:
        return self.many([image])[0]

    def many(self, images: Sequence[np.ndarray]) -> list[Faces]:
        """The faces of each uint8 RGB picture (h, w, 3), the same as one by one; those of one size go through the net together.

        A picture without pixels has no faces. Raises ValueError for an array of another kind."""
        for image in images:
            _ask_for_rgb(image)
        views = [list(self._views(image)) for image in images]
        flat = [
            (image, part, corner, *fit(part, side, smooth=self.smooth))
            for image, view in zip(images, views, strict=True)
            for part, corner, side in view
        ]
        found = self._detect([small for *_, small, _ in flat])
        placed = iter(
            [
                _uncut(_placed(rows, shrunk, corner), image, part, corner)
                for rows, (image, part, corner, _, shrunk) in zip(found, flat, strict=True)
            ]
        )
        return [
            self._kept(np.concatenate([NO_ROWS, *(next(placed) for _ in view)]), image.shape)
            for view, image in zip(views, images, strict=True)
        ]

    def _views(self, image: np.ndarray) -> Iterator[tuple[np.ndarray, tuple[int, int], int]]:
        """The whole picture and, with tiles, its parts, each with its left upper corner and the longer side to look at it.

        Neighbours share a fifth. A large picture is looked at in halves of its size, too: there the largest faces are."""
        if not image.size:
            return
        side = min(self.side, max(image.shape[:2]))
        yield image, (0, 0), side
        while side > LARGE:
            side = max(side // 2, LARGE)
            yield image, (0, 0), side
        if self.tiles < 2:
            return
        height, width = image.shape[:2]
        high, wide = (int(np.ceil(side / (self.tiles - 0.2 * (self.tiles - 1)))) for side in (height, width))
        for y in np.linspace(0, height - high, self.tiles).astype(int):
            for x in np.linspace(0, width - wide, self.tiles).astype(int):
                yield image[y : y + high, x : x + wide], (int(x), int(y)), self.side

    def _detect(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Rows (n, 15) of each picture in its own pixels: score, box, points."""
        out: list[Any] = [None] * len(images)
        shapes = [_multiple(image) for image in images]
        for shape in set(shapes):
            places = [i for i, found in enumerate(shapes) if found == shape]
            for begin in range(0, len(places), TOGETHER):
                some = places[begin : begin + TOGETHER]
                maps = self._net(_planes([images[i] for i in some], *shape))
                for row, i in enumerate(some):
                    out[i] = self._decoded([m[row] for m in maps], shape[0])
        return out

    def _decoded(self, maps: Sequence[np.ndarray], height: int) -> np.ndarray:
        """One picture's maps (h, w, 15) -> the cells above the threshold (n, 15)."""
        limit, rows = np.log(self.least / (1 - self.least)), []
        for cells in maps:
            stride = height // cells.shape[0]
            y, x = np.nonzero(cells[..., SCORE] > limit)
            if len(y):
                rows.append(_decode(cells[y, x], np.stack([x, y], axis=1), stride))
        return np.concatenate([NO_ROWS, *rows])

    def _kept(self, rows: np.ndarray, shape: tuple[int, ...]) -> Faces:
        keep = suppress(rows[:, 1:5], rows[:, 0], self.same)
        score, box, points = rows[keep, 0], rows[keep, 1:5], rows[keep, 5:]
        box = clipped(box, shape[1], shape[0])
        seen = area(box) > 0  # what is filled up beside the picture shows none
        faces = Faces(box.astype(np.float32), score.astype(np.float32), points.reshape(-1, 5, 2).astype(np.float32))
        return faces if seen.all() else faces[seen]


def _whole(number: object, least: int) -> bool:
    return isinstance(number, int | np.integer) and int(number) >= least


def _ask_for_rgb(image: np.ndarray) -> None:
    if not (isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3):
        given = f"{image.dtype} of shape {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise ValueError(f"a picture for the detector is uint8 of shape (h, w, 3) in RGB; got {given}; try mien.image.load")


def _uncut(rows: np.ndarray, image: np.ndarray, part: np.ndarray, corner: tuple[int, int]) -> np.ndarray:
    """Without the boxes that end where a tile does but the picture does not: a neighbour, or the whole, sees those whole."""
    low = np.array(corner)
    high = low + part.shape[1::-1]
    margin = SEAM * np.array(part.shape[1::-1])
    cut = (rows[:, 1:3] < low + margin) & (low > 0) | (rows[:, 3:5] > high - margin) & (high < image.shape[1::-1])
    return rows[~cut.any(axis=1)]


def _multiple(image: np.ndarray) -> tuple[int, int]:
    """Height and width, up to the next multiple."""
    height, width = image.shape[:2]
    return height + -height % MULTIPLE, width + -width % MULTIPLE


def _planes(images: Sequence[np.ndarray], height: int, width: int) -> np.ndarray:
    """uint8 (h, w, 3) each -> float32 (n, 3, height, width), black to the right and below."""
    out = np.zeros((len(images), 3, height, width), np.float32)
    for planes, image in zip(out, images, strict=True):
        for channel in range(3):  # faster than turning the axes of the whole
            planes[channel, : image.shape[0], : image.shape[1]] = image[..., channel]
    return out


def _decode(cells: np.ndarray, place: np.ndarray, stride: int) -> np.ndarray:
    """Cells (n, 15) at column and row (n, 2) -> score, box and points in pixels (n, 15)."""
    middle = (place + 0.5) * stride
    centre = middle + cells[:, CENTRE] * stride
    half = np.exp(np.clip(cells[:, SIZE], -4, 5)) * stride / 2
    points = np.tile(middle, 5) + cells[:, POINTS] * stride
    score = 1 / (1 + np.exp(-cells[:, :1]))
    return np.concatenate([score, centre - half, centre + half, points], axis=1)


def _placed(rows: np.ndarray, shrunk: float, corner: tuple[int, int]) -> np.ndarray:
    """Rows of a shrunk part in the pixels of the whole picture."""
    moved = rows[:, 1:] / shrunk + np.tile(corner, 7)
    return np.concatenate([rows[:, :1], moved], axis=1)
