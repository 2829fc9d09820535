"""One form of a dataset into another: a path in, the same samples in the same order out; a stopped run is gone on with."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from mien.datasets.base import SPLITS, WRITERS, Dataset, Sample, Through, kind_of
from mien.datasets.folder import INDEX, OURS
from mien.datasets.parquet import PARTS
from mien.datasets.rows import PART


def convert(
    source: Dataset, path: Path, target: Path, step: Callable[[int], None] = lambda done: None, how: str = ""
) -> tuple[int, list[str]]:
    """Write the samples of `source`, which was opened at `path`, to `target`, in the format that its ending names.

    `step` is told how many are done; `how` is what was done to them on the way, so that a run is gone on with alone. Gives
    how many were written, and what could not be; what could not be read is in `source.problems`.
    Raises FileExistsError where `target` is there, ValueError for an ending that nobody writes."""
    kind, number = kind_of(target), 0
    problems: list[str] = []
    if kind not in WRITERS:
        raise ValueError(f"{target}: datasets are written as .npz, .csv, .parquet, or a folder (a name without an ending)")
    going_on = _note(target).exists()
    if target.exists() and not (target.is_dir() and (going_on or not any(target.iterdir()))):
        raise FileExistsError(f"{target} is there already; give another name, or remove it")
    target.parent.mkdir(parents=True, exist_ok=True)
    begun = _begun(path, target, how)
    with WRITERS[kind](target, source.labels, source.vote_labels) as writer:
        for number, sample in enumerate(source, 1):
            try:
                writer(sample)
            except ValueError as error:
                problems.append(str(error))
            if number > writer.done:
                step(number)
    begun.unlink()
    return number - len(problems), problems


def _note(target: Path) -> Path:
    return target.with_name(target.name + ".from")


def _begun(path: Path, target: Path, how: str) -> Path:
    """A note of what is converted; what an earlier run left of something else is removed."""
    place = path if path.exists() else path.with_name(path.name.partition("@")[0])  # one of several versions
    inside = (p for p in place.glob("**/") if p.is_dir())
    indexes = (p for p in (place / INDEX,) if p.is_file())
    about = [p.stat() for p in (place, *inside, *indexes)]
    time = max(one.st_mtime_ns for one in about)
    said = json.dumps({"source": str(path.resolve()), "bytes": about[0].st_size, "time": time, "how": how})
    note = _note(target)
    if not note.exists() or note.read_text(encoding="utf-8") != said:
        for left in (target.with_name(target.name + PART), target / f"{INDEX}{PART}"):
            left.unlink(missing_ok=True)
        shutil.rmtree(target.with_name(target.name + PARTS), ignore_errors=True)
        for picture in (
            p for split in SPLITS for p in target.glob(f"{split}/*/*.png") if note.exists() and OURS.fullmatch(p.name)
        ):
            picture.unlink()
    note.write_text(said, encoding="utf-8")
    return note


class Seen(Through):
    """A dataset, and which of its classes went by."""

    def __init__(self, dataset: Dataset) -> None:
        super().__init__(dataset)
        self.classes: set[int] = set()

    def __iter__(self) -> Iterator[Sample]:
        for sample in self.dataset:
            self.classes.add(sample.label)
            yield sample
