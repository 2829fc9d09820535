"""CK+ in its sequences: the folder as it was downloaded in, the last frames of each labelled sequence out as Samples.

Lucey et al. 2010, "The extended Cohn-Kanade dataset (CK+)". A sequence begins neutral and ends at the height of the
expression. `cohn-kanade-images/S005/001/S005_001_00000001.png` and so on are the frames; the name of
`Emotion/S005/001/S005_001_00000011_emotion.txt` says which is the last, and its text the number of the expression.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from mien.datasets.base import FRAMES, SPLITS, Sample, as_stored, frames_of, samples_of
from mien.datasets.label_map import LabelMap
from mien.image import LIMITS, SUFFIXES, read_file
from mien.labels import CKPLUS, LabelSet

EMOTIONS = LabelSet(("neutral", "anger", "contempt", "disgust", "fear", "happy", "sadness", "surprise"))
"""What the numbers 0 to 7 stand for."""
EMOTION_FOLDERS = ("Emotion", "Emotion_labels/Emotion")
EMOTION_FILE = re.compile(r"(\w+)_(\d+)_emotion\.txt", re.ASCII)
"""Subject and sequence, and the number of the last frame."""


class _Frame(NamedTuple):
    file: Path
    emotion: int
    subject: str


class CkPlus:
    """`last`: so many frames of each sequence, which end with its last. Each knows its subject, and all belong to Training:
    parts must be made by subject. A sequence without an emotion is passed over, and counted in `unlabelled`."""

    vote_labels: LabelSet | None = None
    has_splits = False

    def __init__(self, path: str | Path, labels: LabelMap | None = None, last: int = 3) -> None:
        self.path, self._map, self.last = Path(path), labels, last
        self.labels = labels.labels if labels else CKPLUS
        self.problems: list[str] = []
        self._wrong: list[str] = []
        self.unlabelled = 0

    def __len__(self) -> int:
        return len(self._frames)

    def __iter__(self) -> Iterator[Sample]:
        frames = self._frames
        self.problems[:] = self._wrong
        yield from samples_of(self.path, frames, self._sample, lambda frame: "", self.problems)

    def _sample(self, frame: _Frame) -> Sample:
        name = EMOTIONS[frame.emotion]
        label = self._map.index(frame.emotion, EMOTIONS) if self._map else CKPLUS.index(name)
        image = as_stored(read_file(frame.file, LIMITS.bytes), str(frame.file))
        key = frame.file.relative_to(self.path).as_posix()
        return Sample(image, label, SPLITS[0], key, None, frame.subject, key.rpartition("/")[0])

    @cached_property
    def _frames(self) -> list[_Frame]:
        """Of all labelled sequences; finds `unlabelled` and what is wrong with sequences too."""
        pictures, emotions = self._folders()
        sequences = sorted({p.relative_to(root) for root in (pictures, emotions) for p in root.glob("*/*") if p.is_dir()})
        files = {sequence: next(iter(sorted((emotions / sequence).glob("*_emotion.txt"))), None) for sequence in sequences}
        self.unlabelled = sum(file is None for file in files.values())
        found: list[_Frame] = []
        for sequence, file in files.items():
            try:
                found += self._sequence(pictures / sequence, file) if file else []
            except (OSError, ValueError) as error:
                self._wrong.append(f"{file}: {error}")
        return found

    def _folders(self) -> tuple[Path, Path]:
        """Of the sequences, and of their emotions. Raises ValueError where one is missing."""
        pictures = frames_of(self.path)
        if pictures is None:
            raise ValueError(f"{self.path}: no folder {FRAMES} in it; CK+ has its sequences there")
        places = [root / name for root in (pictures.parent, self.path) for name in EMOTION_FOLDERS]
        emotions = next((place for place in places if place.is_dir()), None)
        if emotions is None:
            raise ValueError(f"{self.path}: no folder {' or '.join(EMOTION_FOLDERS)} beside {FRAMES}; CK+ has its labels there")
        return pictures, emotions

    def _sequence(self, folder: Path, file: Path) -> list[_Frame]:
        """The last frames of the sequence whose pictures are in `folder` and whose emotion is in `file`."""
        emotion, named = _emotion(file), EMOTION_FILE.fullmatch(file.name)
        if not named:
            raise ValueError("the name does not say which frame is the last, as in S005_001_00000011_emotion.txt")
        there = {p.stem: p for p in folder.glob("*") if p.suffix.lower() in SUFFIXES}
        stem, digits = named.groups()
        numbers = range(max(int(digits) - self.last, 0) + 1, int(digits) + 1)
        names = [f"{stem}_{number:0{len(digits)}d}" for number in numbers]
        return [_Frame(there.get(name, folder / f"{name}.png"), emotion, folder.parent.name) for name in names]


def _emotion(file: Path) -> int:
    """0 to 7. Raises ValueError."""
    text = file.read_text(encoding="utf-8", errors="replace").strip()
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} where a number from 0 to {len(EMOTIONS) - 1} was wanted") from None
    if value not in range(len(EMOTIONS)):
        raise ValueError(f"{text[:40]} where a whole number from 0 to {len(EMOTIONS) - 1} was wanted")
    return int(value)
