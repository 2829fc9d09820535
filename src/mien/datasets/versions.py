"""A dataset with a memory: samples in, versions out that can be told apart, compared and got back. Nothing is ever deleted,
but the pictures of a person who asks for it.

A folder `NAME.mien` holds `images/`, Parquet files in which each picture is once; `versions/ID.parquet`, the samples of a
version in order; `versions/ID.changes.parquet`, what it added, removed or changed and why; `versions/ID.json`, who made it
of which parent, when and what for; `HEAD`, the newest; `forgotten`, hashes of the subjects who took consent back. An id is
the SHA-256 of the parent's and all samples'.
"""

from __future__ import annotations

import getpass
import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from mien.arrow import arrow, batches
from mien.datasets.base import VERSIONED, Sample, as_stored, samples_of
from mien.datasets.label_map import LabelMap
from mien.datasets.look import image_id
from mien.image import encode
from mien.labels import LabelSet

IMAGES, VERSIONS, HEAD, FORGOTTEN = "images", "versions", "HEAD", "forgotten"
DIGITS = 12
"""Of an id, as it is shown; fewer will do where they are enough."""
ROWS = 2048
"""Pictures of one row group."""
HELD = 8
"""Row groups of pictures that are held while a version is read."""
ADDED, REMOVED, CHANGED = "added", "removed", "changed"


@dataclass(frozen=True)
class Version:
    """One state of the dataset, as its json says."""

    id: str
    parent: str
    reason: str
    actor: str
    created: str
    samples: int
    labels: tuple[str, ...]
    vote_labels: tuple[str, ...] = ()
    changes: dict[str, int] = field(default_factory=dict)
    """How many samples were added, removed, changed."""
    source: str = ""
    """What the samples came from, where that is no version."""
    forgotten: int = 0
    """Samples of people who took consent back since; `samples` are without them."""


@dataclass(frozen=True)
class Row:
    """One sample of a version; `image` is the hash of its picture."""

    key: str
    image: str
    label: str
    split: str
    subject: str
    votes: tuple[int, ...] | None

    def line(self) -> bytes:
        return json.dumps(list(asdict(self).values())).encode()


class Store:
    """The versions in a folder. Raises ValueError where the folder is something else."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not is_store(self.path) and (self.path.exists() or self.path.suffix != VERSIONED):
            raise ValueError(f"{self.path} is no folder of versions; give a name that is not there yet, such as faces{VERSIONED}")

    @property
    def head(self) -> str:
        """Id of the newest version; empty where there is none."""
        file = self.path / HEAD
        return file.read_text(encoding="utf-8").strip() if file.exists() else ""

    def log(self) -> list[Version]:
        """The versions, the newest first."""
        found = [self._read(file) for file in (self.path / VERSIONS).glob("*.json")]
        return sorted(found, key=lambda version: version.created, reverse=True)

    def version(self, id: str = "") -> Version:
        """The version whose id begins so; the newest for none. Raises ValueError."""
        id = id or self.head
        fitting = sorted((self.path / VERSIONS).glob(f"{id}*.json")) if id and id.isalnum() else []
        if len(fitting) != 1:
            there = ", ".join(version.id[:DIGITS] for version in self.log()) or "none"
            begin = "several versions begin" if fitting else "no version begins"
            raise ValueError(f"{self.path}: {begin} with {id!r}; there are: {there}")
        return self._read(fitting[0])

    def _read(self, file: Path) -> Version:
        try:
            raw = json.loads(file.read_text(encoding="utf-8"))
            return Version(**{**raw, "labels": tuple(raw["labels"]), "vote_labels": tuple(raw["vote_labels"])})
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{file} is not what a version is told by: {error!r}") from error

    def rows(self, id: str = "") -> Iterator[Row]:
        """The samples of a version without their pictures, in order."""
        file = arrow().parquet.ParquetFile(self._of(self.version(id).id))
        for batch in batches(file, ROWS):
            for row in batch.to_pylist():
                if not (row["subject"] and self._forgotten and _nameless(row["subject"]) in self._forgotten):
                    yield Row(**{**row, "votes": None if row["votes"] is None else tuple(row["votes"])})

    def changes(self, id: str = "") -> list[dict[str, str]]:
        """What the version changed: `key`, `change`, `reason`, `before`, `after`."""
        return arrow().parquet.read_table(self._of(self.version(id).id, ".changes")).to_pylist()

    def between(self, before: str = "", after: str = "") -> list[dict[str, str]]:
        """What leads from one version (default: the parent) to another (the newest), with the newest reason on the way to it."""
        new = self.version(after)
        if not before or self.version(before).id == new.parent:
            return self.changes(new.id)
        old = self.version(before)
        rows = [{row.key: row for row in self.rows(id)} for id in (old.id, new.id)]
        reasons: dict[str, str] = {}
        at = new
        while at.parent and at.id != old.id:
            reasons = {change["key"]: change["reason"] for change in self.changes(at.id)} | reasons
            at = self.version(at.parent)
        return list(_changes(rows[0], rows[1], reasons, ""))

    def forget(self, subject: str) -> int:
        """Take a person out of every version for good: how many samples. They are not taken in again under this name.

        Raises ValueError for a person who is not there."""
        rows = [row for version in self.log() for row in self.rows(version.id)]
        keys = _of_subject(rows, subject)
        if not keys:
            people = sorted({row.subject for row in rows} - {""})
            there = (
                f"there are: {', '.join(people[:5])}{', ...' if len(people) > 5 else ''}" if people else "nobody is named in it"
            )
            raise ValueError(f"{self.path}: no samples of a subject {subject!r}; {there}")
        with (self.path / FORGOTTEN).open("a", encoding="utf-8") as known:
            known.write(_nameless(subject) + "\n")
        self._erase(rows, keys)
        return len(keys)

    def keys_of(self, subject: str) -> set[str]:
        """Of a person's samples, in any version."""
        return _of_subject((row for version in self.log() for row in self.rows(version.id)), subject)

    def erase(self, keys: Collection[str]) -> int:
        """Take samples out of every version for good: how many there were. Those that are not there are passed over."""
        rows = [row for version in self.log() for row in self.rows(version.id)]
        gone = {row.key for row in rows} & set(keys)
        if gone:
            self._erase(rows, gone)
        return len(gone)

    def _erase(self, rows: Iterable[Row], keys: set[str]) -> None:
        """The one thing that deletes: rows, and pictures but those that others have, too."""
        whose: dict[str, set[str]] = {}
        for row in rows:
            whose.setdefault(row.image, set()).add(row.key)
        gone = {image for image, owners in whose.items() if owners <= keys} & set(self._places)
        for file in {self._places[image][0] for image in gone}:
            _without(file, "image", gone)
        for version in self.log():
            lost = _without(self._of(version.id), "key", keys)
            _without(self._of(version.id, ".changes"), "key", keys)
            self._tell(replace(version, samples=version.samples - lost, forgotten=version.forgotten + lost))
        for name in ("_places", "picture", "_forgotten"):
            self.__dict__.pop(name, None)

    def ask_for_consent(self, subject: str) -> None:
        """Raises ValueError for a person who took it back."""
        if subject and _nameless(subject) in self._forgotten:
            raise ValueError(f"{self.path}: {subject} took consent back; their faces are not taken in again under this name")

    @cached_property
    def _forgotten(self) -> set[str]:
        file = self.path / FORGOTTEN
        return set(file.read_text(encoding="utf-8").split()) if file.exists() else set()

    def _of(self, id: str, more: str = "") -> Path:
        return self.path / VERSIONS / f"{id}{more}.parquet"

    def commit(
        self,
        samples: Iterable[Sample],
        labels: LabelSet,
        vote_labels: LabelSet | None,
        reason: str,
        *,
        reasons: Mapping[str, str] = {},
        actor: str = "",
        source: str = "",
    ) -> Version:
        """A new version of these samples, which becomes the newest; the same as the newest makes none.

        `reasons`: of each key that was changed. Raises ValueError for two samples of one key."""
        for folder in (IMAGES, VERSIONS):
            (self.path / folder).mkdir(parents=True, exist_ok=True)
        rows = list(self._stored(samples, labels))
        parent = self.head
        id = _id(parent, rows)
        if parent and parent == _id(self.version(parent).parent, rows):
            return self.version(parent)
        before = {row.key: row for row in self.rows(parent)} if parent else {}
        after = {row.key: row for row in rows}
        changes = list(_changes(before, after, reasons, reason))
        kinds = [change["change"] for change in changes]
        version = Version(
            id, parent, reason, actor or user(), datetime.now(UTC).isoformat(timespec="microseconds"), len(rows), tuple(labels),
            tuple(vote_labels or ()), {kind: kinds.count(kind) for kind in (ADDED, REMOVED, CHANGED)}, source,
        )  # fmt: skip
        self._write(version, rows, changes)
        return version

    def _stored(self, samples: Iterable[Sample], labels: LabelSet) -> Iterator[Row]:
        """Rows of the samples; pictures that are not there yet are stored, some at a time."""
        known, waiting, keys = set(self._places), dict[str, bytes](), set[str]()
        for s in samples:
            self.ask_for_consent(s.subject)
            if s.key in keys:
                raise ValueError(f"two samples have the key {s.key}; keys must be unique in a dataset")
            keys.add(s.key)
            image = image_id(s.image).hex()
            if image not in known:
                known.add(image)
                waiting[image] = encode(s.image)
            if len(waiting) >= ROWS:
                self._keep(waiting)
                waiting = {}
            votes = None if s.votes is None else tuple(int(v) for v in s.votes)
            yield Row(s.key, image, labels[s.label], s.split, s.subject, votes)
        self._keep(waiting)
        self.__dict__.pop("_places", None)

    def _keep(self, pictures: Mapping[str, bytes]) -> None:
        if pictures:
            table = arrow().table({"image": list(pictures), "bytes": list(pictures.values())})
            name = hashlib.sha256("".join(pictures).encode()).hexdigest()[:DIGITS]
            _whole(table, self.path / IMAGES / f"{name}.parquet")

    def _write(self, version: Version, rows: list[Row], changes: list[dict[str, str]]) -> None:
        a = arrow()
        text = a.string()
        kinds = [(name, text) for name in ("key", "image", "label", "split", "subject")]
        table = a.Table.from_pylist([asdict(row) for row in rows], schema=a.schema([*kinds, ("votes", a.list_(a.uint8()))]))
        _whole(table, self._of(version.id))
        names = ("key", "change", "reason", "before", "after")
        _whole(a.Table.from_pylist(changes, schema=a.schema([(name, text) for name in names])), self._of(version.id, ".changes"))
        self._tell(version)
        new = self.path / "HEAD.new"
        new.write_text(version.id + "\n", encoding="utf-8")
        new.replace(self.path / HEAD)

    def _tell(self, version: Version) -> None:
        about = self.path / VERSIONS / f"{version.id}.json"
        new = about.with_suffix(".new")
        new.write_text(json.dumps(asdict(version), indent=2) + "\n", encoding="utf-8")
        new.replace(about)

    @cached_property
    def _places(self) -> dict[str, tuple[Path, int]]:
        """Where each picture lies: a file, and a row in it."""
        a = arrow()
        return {
            image: (file, row)
            for file in sorted((self.path / IMAGES).glob("*.parquet"))
            for row, image in enumerate(a.parquet.read_table(file, columns=["image"]).column(0).to_pylist())
        }

    @cached_property
    def picture(self) -> Any:
        """Hash -> array as it was given. Raises ValueError for a picture that is not there."""
        read = lru_cache(HELD)(lambda file: arrow().parquet.read_table(file, columns=["bytes"]).column(0))

        def picture(image: str) -> np.ndarray:
            if image not in self._places:
                raise ValueError(f"{self.path}: the picture {image[:DIGITS]} is missing in {IMAGES}")
            file, row = self._places[image]
            return as_stored(read(file)[row].as_py(), image[:DIGITS])

        return picture


def is_store(path: Path) -> bool:
    return (path / VERSIONS).is_dir()


class VersionedDataset:
    """A version as a Dataset: `faces.mien` is the newest, `faces.mien@1a2b3c` the one whose id begins so."""

    def __init__(self, path: str | Path, labels: LabelMap | None = None) -> None:
        place, _, id = str(path).partition(f"{VERSIONED}@")
        self.path = Path(place + VERSIONED) if id else Path(path)
        if not is_store(self.path):
            raise FileNotFoundError(f"no folder of versions at {self.path}")
        self.store, self.problems = Store(self.path), list[str]()
        self.version = self.store.version(id)
        self._names = labels or LabelSet(self.version.labels)
        self.labels = labels.labels if labels else LabelSet(self.version.labels)

    @property
    def vote_labels(self) -> LabelSet | None:
        return LabelSet(self.version.vote_labels) if self.version.vote_labels else None

    def __len__(self) -> int:
        return self.version.samples

    def __iter__(self) -> Iterator[Sample]:
        self.problems.clear()
        return samples_of(self.path, self.store.rows(self.version.id), self._sample, lambda row: f"{row.key}: ", self.problems)

    def whole(self) -> Iterator[Sample]:
        """The samples, for a version made of them. Raises ValueError at the end where one could not be read: what is lost
        must not pass for what was removed."""
        yield from self
        if self.problems:
            raise ValueError(f"{len(self.problems):,} samples cannot be read, such as {self.problems[0]}; no version was made")

    def _sample(self, row: Row) -> Sample:
        votes, image = None if row.votes is None else np.array(row.votes, np.uint8), self.store.picture(row.image)
        if image_id(image).hex() != row.image:
            raise ValueError(f"the picture {row.image[:DIGITS]} is not the one that was stored")
        return Sample(image, self._names.index(row.label), row.split, row.key, votes, row.subject)


def _of_subject(rows: Iterable[Row], subject: str) -> set[str]:
    """Nobody's are those of no name."""
    return {row.key for row in rows if subject and row.subject == subject}


def _nameless(subject: str) -> str:
    return hashlib.sha256(subject.encode()).hexdigest()


def _changes(
    before: Mapping[str, Row], after: Mapping[str, Row], reasons: Mapping[str, str], reason: str
) -> Iterator[dict[str, str]]:
    for key in [*before, *(key for key in after if key not in before)]:
        old, new = before.get(key), after.get(key)
        if old != new:
            kind = ADDED if old is None else REMOVED if new is None else CHANGED
            said = {"key": key, "change": kind, "reason": reasons.get(key, reason)}
            yield said | {"before": _told(old, new), "after": _told(new, old)}


def _told(row: Row | None, other: Row | None) -> str:
    """What is particular about a row beside the other."""
    if row is None:
        return ""
    names = ("label", "split") if other is None else ("label", "split", "subject", "image", "votes")
    differing = [name for name in names if other is None or getattr(row, name) != getattr(other, name)]
    return ", ".join(
        f"{name} {str(getattr(row, name))[:DIGITS] if name == 'image' else getattr(row, name)}" for name in differing
    )


def _id(parent: str, rows: Iterable[Row]) -> str:
    digest = hashlib.sha256(parent.encode())
    for row in rows:
        digest.update(row.line())
    return digest.hexdigest()


def _whole(table: Any, path: Path) -> None:
    """Write a Parquet file, whole or not at all."""
    new = path.with_suffix(".new")
    arrow().parquet.write_table(table, new)
    new.replace(path)


def _without(file: Path, column: str, gone: set[str]) -> int:
    """Rewrite a Parquet file without the rows that have one of these values in the column; how many they were."""
    table = arrow().parquet.read_table(file)
    left = table.filter([value not in gone for value in table.column(column).to_pylist()])
    if len(left) < len(table):
        _whole(left, file)
    return len(table) - len(left)


def user() -> str:
    """Who is logged in here."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
