"""One folder a class: `root/happy/1.png`, or with splits `root/train/happy/1.png`; a path in, Samples out."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from mien.datasets.base import SPLITS, Sample
from mien.errors import MienError
from mien.image import SUFFIXES, load
from mien.labels import FER2013, LabelSet

SPLIT_NAMES = {
    **{name.lower(): name for name in SPLITS},
    "train": "Training", "training": "Training",
    "val": "PublicTest", "valid": "PublicTest", "validation": "PublicTest",
    "test": "PrivateTest",
}  # fmt: skip


class Folder:
    """Class names are the folders' names; FER2013's order where they are its seven, the alphabet's otherwise.

    Without folders for the splits, all samples belong to Training. Pictures are read as they are asked for."""

    vote_labels: LabelSet | None = None

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.problems: list[str] = []

    @cached_property
    def _files(self) -> list[tuple[str, str, Path]]:
        """Split, class name, file."""
        return [
            (split, folder.name, file)
            for split, root in self._splits()
            for folder in sorted(root.iterdir())
            if folder.is_dir()
            for file in sorted(folder.iterdir())
            if file.suffix.lower() in SUFFIXES
        ]

    def _splits(self) -> list[tuple[str, Path]]:
        folders = sorted(p for p in self.path.iterdir() if p.is_dir())
        named = [(SPLIT_NAMES[p.name.lower()], p) for p in folders if p.name.lower() in SPLIT_NAMES]
        return named or [(SPLITS[0], self.path)]

    @cached_property
    def labels(self) -> LabelSet:
        found = sorted({name for _, name, _ in self._files})
        if not found:
            raise ValueError(f"{self.path}: no pictures in folders named after their class, as in {self.path}/happy/1.png")
        if all(name in FER2013 for name in found):
            return FER2013
        return LabelSet(tuple(found))

    def __len__(self) -> int:
        return len(self._files)

    def __iter__(self) -> Iterator[Sample]:
        self.problems.clear()
        for split, name, file in self._files:
            try:
                image = load(file)
            except MienError as error:
                self.problems.append(str(error))
                continue
            yield Sample(image, self.labels.index(name), split, str(file.relative_to(self.path)))
