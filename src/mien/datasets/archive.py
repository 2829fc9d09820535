"""A dataset as it was downloaded: a .zip, .tar, .tar.gz or .tgz in, the Samples of what is inside out.

It is unpacked to a folder among the system's temporary ones (TMPDIR says where), which goes when the dataset does.
"""

from __future__ import annotations

import gzip
import lzma
import shutil
import tarfile
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath
from stat import S_ISLNK
from typing import Any

from mien.datasets.base import DATASETS, Sample, kind_of
from mien.datasets.label_map import LabelMap
from mien.errors import MissingExtra
from mien.labels import LabelSet

BYTES = 20_000_000_000
"""That an archive, with those inside it, may unpack to."""
MEMBERS = 5_000_000
"""Files and folders that it may have."""
DEPTH = 2
"""Levels of folders in which data are looked for."""
FIRST = ("icml_face_data.csv", "fer2013.csv")
"""All of FER2013, as two of its archives call it: no other file of theirs is as good."""
FILES = ("csv", "npz", "parquet")
ARCHIVES = ("zip", "tar", "gz", "tgz")
DAMAGE = (zipfile.BadZipFile, tarfile.ReadError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError)
"""What the libraries raise for a file that is no whole archive."""
REFUSED = (tarfile.TarError, OSError, RuntimeError, ValueError)
"""And for one that is locked, is packed in another way, or leads out of its folder."""


@dataclass
class Room:
    """What may still be unpacked."""

    bytes: int = BYTES
    members: int = MEMBERS

    def take(self, size: int) -> None:
        """Raises ValueError where there is no room for one more member of so many bytes."""
        self.bytes, self.members = self.bytes - size, self.members - 1
        if self.bytes < 0:
            raise ValueError(f"it holds more than {BYTES:,} bytes")
        if self.members < 0:
            raise ValueError(f"it holds more than {MEMBERS:,} files and folders")


class Archive:
    """The set inside an archive, possibly within folders, or within an archive in the archive.

    Of several it is FER2013's csv, else the one with the most samples whose split is known. Keys and `problems` say where
    in the archive a sample is: `a.zip/train/happy/1.png`, `a.zip/fer2013.csv/2`. Unpacked when it is first asked. Raises
    ValueError for a damaged archive, one that is too large or has links or names that lead out of it, and one in which
    there is no set, or several that are as good."""

    def __init__(self, path: str | Path, labels: LabelMap | None = None, room: Room | None = None) -> None:
        """`room`: what is left where this archive is within another."""
        self.path, self._map, self._room = Path(path), labels, room
        self._folder = ""

    @property
    def labels(self) -> LabelSet:
        return self._inside.labels

    @property
    def vote_labels(self) -> LabelSet | None:
        return self._inside.vote_labels

    @property
    def has_splits(self) -> bool:
        return _has_splits(self._inside)

    @property
    def problems(self) -> list[str]:
        """A copy; none before it is unpacked."""
        return [self._named(line) for line in self._inside.problems] if self._folder else []

    def __len__(self) -> int:
        return len(self._inside)

    def __iter__(self) -> Iterator[Sample]:
        place = self._place(self._inside)
        for sample in self._inside:
            yield replace(sample, key=f"{place}/{sample.key}")

    @cached_property
    def _inside(self) -> Any:
        room, self._folder = self._room or Room(), tempfile.mkdtemp(prefix="mien-")
        remove = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        try:
            unpack(self.path, Path(self._folder), room)
            return self._found(room)
        except BaseException:
            remove()
            self._folder = ""
            raise

    def _found(self, room: Room) -> Any:
        places, refused = _places(Path(self._folder)), list[str]()
        files = [p for place in places for p in sorted(place.iterdir()) if p.is_file()]
        sequences = [place for place in places if kind_of(place) == "ckplus"][:1]
        sets = self._accepted(sequences, refused)
        if not sequences:
            sets = _outermost(self._accepted(places, [])) + self._accepted(_ending(files, FILES), refused)
        if not sets and self._room is None:
            sets = self._accepted(_ending(files, ARCHIVES), refused, room)
        if not sets:
            why = "; ".join(map(self._named, refused)) or f"no folders named after classes, and no {', '.join(FILES)}"
            raise ValueError(f"{self.path}: no set of faces in it: {why}")
        best, *others = sorted(sets, key=_rank)
        if others and _rank(others[0]) == _rank(best):
            names = ", ".join(sorted(f"{self._place(found)} ({len(found):,} faces)" for found in sets))
            raise ValueError(f"{self.path}: several sets of faces in it, and none is the best: {names}; unpack it and give one")
        return best

    def _accepted(self, paths: list[Path], refused: list[str], *room: Room) -> list[Any]:
        """The sets at those of these paths that a reader accepts; `refused` says of the others why."""
        sets = []
        for path in paths:
            found = DATASETS[kind_of(path)](path, self._map, *room)
            try:
                if len(found.labels) and len(found):
                    sets.append(found)
            except (ValueError, MissingExtra) as error:
                refused.append(str(error))
        return sets

    def _place(self, found: Any) -> str:
        """Where a set is, from the archive's name on; the keys of an archive begin with its name."""
        path = found.path.parent if isinstance(found, Archive) else found.path
        return PurePosixPath(self.path.name, path.relative_to(self._folder).as_posix()).as_posix()

    def _named(self, text: str) -> str:
        """The same with the archive's path instead of that of the temporary folder."""
        return text.replace(self._folder, str(self.path))


def _places(root: Path) -> list[Path]:
    """The folder and those in it, the outer ones first."""
    places = level = [root]
    for _ in range(DEPTH):
        level = [p for place in level for p in sorted(place.iterdir()) if p.is_dir()]
        places = places + level
    return places


def _ending(files: list[Path], endings: tuple[str, ...]) -> list[Path]:
    return [file for file in files if file.suffix.lower().lstrip(".") in endings]


def _outermost(folders: list[Any]) -> list[Any]:
    """Without those that are part of another, as the split `train` is of what holds it."""
    kept: list[Any] = []
    for found in folders:
        if not any(outer.path in found.path.parents and len(outer) >= len(found) for outer in kept):
            kept.append(found)
    return kept


def _rank(found: Any) -> tuple[int, int]:
    """The least is the best."""
    name = found.path.name.lower()
    return FIRST.index(name) if name in FIRST else len(FIRST), -len(found) if _has_splits(found) else 0


def _has_splits(found: Any) -> bool:
    """Whether its samples say which split they belong to; readers of other packages need not know."""
    return bool(getattr(found, "has_splits", False))


def unpack(archive: Path, folder: Path, room: Room) -> None:
    """Files and folders of the archive into this folder, less what macOS adds. Raises ValueError."""
    try:
        (_unzip if archive.suffix.lower() == ".zip" else _untar)(archive, folder, room)
    except DAMAGE as error:
        said = str(error).partition(":")[0]
        raise ValueError(
            f"{archive} is no archive, or not a whole one: {said}; download it again, or unpack a file that is packed alone"
        ) from error
    except REFUSED as error:
        raise ValueError(f"{archive} cannot be unpacked: {error}") from error


def _unzip(archive: Path, folder: Path, room: Room) -> None:
    with zipfile.ZipFile(archive) as opened:
        for member in opened.infolist():
            _check(member.filename, not S_ISLNK(member.external_attr >> 16))
            room.take(member.file_size)
        for member in opened.infolist():
            if _wanted(member.filename):
                opened.extract(member, folder)


def _untar(archive: Path, folder: Path, room: Room) -> None:
    with tarfile.open(archive, "r:*") as opened:
        for member in opened:
            _check(member.name, member.isfile() or member.isdir())
            room.take(member.size)
            if _wanted(member.name):
                opened.extract(member, folder, filter="data")


def _check(name: str, plain: bool) -> None:
    """Raises ValueError for a member that is no plain file or folder below the one it is unpacked to."""
    if not plain:
        raise ValueError(f"{name!r} is a link or a device; only files and folders are unpacked")
    for path in (PurePosixPath(name), PureWindowsPath(name)):
        if path.drive or path.root or ".." in path.parts:
            raise ValueError(f"{name!r} leads out of the folder it is unpacked to")


def _wanted(name: str) -> bool:
    """Not what macOS keeps of its own beside each file."""
    return not any(part == "__MACOSX" or part.startswith("._") for part in PurePosixPath(name).parts)
