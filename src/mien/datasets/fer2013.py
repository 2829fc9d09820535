"""FER2013, or any set in its form, as an npz of arrays or of JPEG 2000 mosaics: a file in, Samples out, and back.

Goodfellow et al. 2013, "Challenges in representation learning"; votes of FER+ by Barsoum et al. 2016.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self
from zipfile import BadZipFile

import numpy as np

from mien.datasets.base import SPLITS, Sample, samples_of
from mien.datasets.label_map import LabelMap
from mien.labels import FER2013, FERPLUS, LabelSet

SIDE = 48
ARBITRARY_ROW = 2
"""Value of `pixel_source` where the image is one of the split's, but of which row is not known."""
MOSAIC = 64
"""Chips along each side of a mosaic in the packed file."""


class FerNpz:
    """Arrays `images` (n, 48, 48), `labels`, `usage` (0, 1, 2 for the three splits) and, if there, `ferplus_votes`,
    `label_names` and `subjects`.

    Rows whose `pixel_source` is 2 were matched to their votes at random, so their votes are left out."""

    has_splits = True

    def __init__(self, path: str | Path, labels: LabelMap | None = None) -> None:
        self.path, self._map = Path(path), labels
        self.problems: list[str] = []

    @cached_property
    def labels(self) -> LabelSet:
        """Those of the label map, the file or FER2013, in this order."""
        arrays = self._arrays
        return self._map.labels if self._map else _labels(arrays)

    @cached_property
    def _arrays(self) -> dict[str, np.ndarray]:
        try:
            with self.path.open("rb") as file, np.load(file) as stored:
                arrays = {name: stored[name] for name in stored.files}
        except (ValueError, OSError, EOFError, BadZipFile, TypeError, AttributeError) as error:
            raise ValueError(f"{self.path} is no npz file, or not a whole one: {error}") from error
        if "images" not in arrays and "pick" in arrays:
            arrays["images"] = _unpack(arrays)
        missing = {"images", "labels", "usage"} - set(arrays)
        if missing:
            raise ValueError(f"{self.path}: no array named {', '.join(sorted(missing))}; there are: {', '.join(arrays)}")
        flat = [name for name in ("labels", "usage", "subjects", "label_names") if arrays.get(name, np.zeros(0)).ndim != 1]
        if flat:
            raise ValueError(f"{self.path}: {flat[0]} of shape {arrays[flat[0]].shape}; one row of values was wanted")
        for name, most in (("labels", len(_labels(arrays))), ("usage", len(SPLITS))):
            wrong = ~np.isin(arrays[name], np.arange(most)) & (name == "usage" or not self._map)
            if wrong.any():
                raise ValueError(f"{self.path}: {name} holds {arrays[name][wrong][0]}; wanted 0 to {most - 1}")
        arrays["images"] = self._pictures(arrays["images"])
        if (votes := arrays.get("ferplus_votes")) is not None and votes.shape != (len(arrays["labels"]), len(FERPLUS)):
            raise ValueError(f"{self.path}: ferplus_votes of shape {votes.shape}; wanted a row a sample, {len(FERPLUS)} columns")
        lengths = {
            name: len(arrays[name]) for name in ("images", "labels", "usage", "subjects", "pixel_source") if name in arrays
        }
        if len(set(lengths.values())) > 1:
            raise ValueError(
                f"{self.path}: arrays of one length were wanted; there are: {', '.join(f'{n} {k}' for k, n in lengths.items())}"
            )
        return arrays

    def _pictures(self, images: np.ndarray) -> np.ndarray:
        """uint8 (n, h, w) or (n, h, w, 3). Raises ValueError for anything else."""
        if images.ndim == 4 and images.shape[3] == 1:
            images = images[..., 0]
        right = images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3)
        if images.dtype.kind in "iu" and images.size and images.min() >= 0 and images.max() <= 255:
            images = images.astype(np.uint8, copy=False)
        if not right or (images.dtype != np.uint8 and len(images)):
            raise ValueError(
                f"{self.path}: images of {images.dtype} {images.shape}; wanted gray levels 0..255 (n, h, w) or (n, h, w, 3)"
            )
        return images

    @property
    def vote_labels(self) -> LabelSet | None:
        return FERPLUS if "ferplus_votes" in self._arrays else None

    def __len__(self) -> int:
        return len(self._arrays["labels"])

    def __iter__(self) -> Iterator[Sample]:
        self.problems.clear()
        rows = range(len(self))
        yield from samples_of(self.path, rows, self._sample, lambda row: f"{self.path}, row {row}: ", self.problems)

    def _sample(self, row: int) -> Sample:
        a, label = self._arrays, self._arrays["labels"][row].item()
        label = self._map.index(label, _labels(a)) if self._map else int(label)
        votes = a["ferplus_votes"][row] if self._asked[row] else None
        subject = str(a["subjects"][row]) if "subjects" in a else ""
        return Sample(a["images"][row], label, SPLITS[a["usage"][row]], str(row), votes, subject)

    @cached_property
    def _asked(self) -> np.ndarray:
        """bool (n,): people voted on it, and it is known that these are the votes on this picture."""
        a, nobody = self._arrays, np.zeros(len(self), bool)
        matched = a.get("pixel_source", nobody) != ARBITRARY_ROW
        return matched & a["ferplus_votes"].any(axis=1) if "ferplus_votes" in a else nobody


def _labels(arrays: dict[str, np.ndarray]) -> LabelSet:
    """FER2013's, unless the file names others."""
    return LabelSet(tuple(str(name) for name in arrays["label_names"])) if "label_names" in arrays else FER2013


def _unpack(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Mosaics `jp2_*` of 64 x 64 chips and `pick`, the chip of each row -> images (n, 48, 48)."""
    from PIL import Image

    tiles = []
    for name in sorted(n for n in arrays if n.startswith("jp2_")):
        mosaic = np.asarray(Image.open(io.BytesIO(arrays[name].tobytes())))
        tiles.append(mosaic.reshape(MOSAIC, SIDE, MOSAIC, SIDE).swapaxes(1, 2).reshape(-1, SIDE, SIDE))
    return np.concatenate(tiles)[arrays["pick"]]


class NpzWriter:
    """All samples are held and written at the end, in the form that FerNpz reads; they must be of one size."""

    done = 0

    def __init__(self, path: Path, labels: LabelSet, vote_labels: LabelSet | None = None) -> None:
        self.path, self.labels, self.vote_labels = path, labels, vote_labels
        self._samples: list[Sample] = []

    def __call__(self, sample: Sample) -> None:
        if self._samples and sample.image.shape != (first := self._samples[0].image.shape):
            raise ValueError(f"{sample.key}: {sample.image.shape} where all are {first}; Parquet and folders hold all sizes")
        self._samples.append(sample)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind:
            return
        new = self.path.with_name(self.path.name + ".new")
        with new.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **self._arrays())
        new.replace(self.path)

    def _arrays(self) -> dict[str, np.ndarray]:
        samples = self._samples
        images = np.stack([s.image for s in samples]) if samples else np.zeros((0, SIDE, SIDE), np.uint8)
        arrays = {
            "images": images,
            "labels": np.array([s.label for s in samples], np.uint8 if len(self.labels) <= 256 else np.int64),
            "usage": np.array([SPLITS.index(s.split) for s in samples], np.uint8),
        }
        if self.labels != FER2013:
            arrays["label_names"] = np.array(list(self.labels))
        if any(s.subject for s in samples):
            arrays["subjects"] = np.array([s.subject for s in samples])
        if self.vote_labels == FERPLUS:
            nobody = np.zeros(len(FERPLUS), np.uint8)
            arrays["ferplus_votes"] = np.array([nobody if s.votes is None else s.votes for s in samples], np.uint8)
        return arrays
