"""Parquet with an image a row, mien's native form: read and written in pieces, however long it is.

The columns are those of Hugging Face's `datasets`, so that its library reads the file too: `image` (a struct of `bytes`
and `path`), `label` (whose names are in the schema's metadata), and `split`, `votes`, `subject` where there are any.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from mien.arrow import arrow as pyarrow
from mien.arrow import batches
from mien.datasets.base import SPLITS, Sample, as_stored, columns_in, label_named, labels_of, samples_of, split_named
from mien.datasets.label_map import LabelMap
from mien.image import encode
from mien.labels import FERPLUS, LabelSet

ROWS = 512
"""Rows that are held at once."""
PARTS = ".parts"
"""Ending of the folder of what is not joined yet."""
GROUP = 8192
"""Rows of one row group."""


class ParquetDataset:
    """Labels are whole numbers, whose names the file or a label map holds, or names."""

    def __init__(self, path: str | Path, labels: LabelMap | None = None) -> None:
        self.path, self._map = Path(path), labels
        self.problems: list[str] = []

    @cached_property
    def _file(self) -> Any:
        arrow = pyarrow()
        try:
            return arrow.parquet.ParquetFile(self.path)
        except (arrow.ArrowInvalid, OSError) as error:
            raise ValueError(f"{self.path} is no Parquet file, or not a whole one: {error}") from error

    @cached_property
    def _columns(self) -> dict[str, str]:
        """What is looked for -> what it is called here."""
        there = self._file.schema_arrow.names
        found = columns_in(there, "image", "label", "split", "votes", "subject")
        for kind in ("image", "label"):
            if kind not in found:
                raise ValueError(f"{self.path}: no column named {kind}; there are: {', '.join(there)}")
        return {kind: there[place] for kind, place in found.items()}

    @property
    def has_splits(self) -> bool:
        return "split" in self._columns

    @cached_property
    def _told(self) -> dict[str, Any]:
        """What the schema's metadata says of the columns."""
        metadata = self._file.schema_arrow.metadata or {}
        own = json.loads(metadata.get(b"mien", b"{}"))
        features = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
        names = features.get(self._columns["label"], {}).get("names")
        return ({"labels": names} if names else {}) | own

    @cached_property
    def _names(self) -> LabelSet | None:
        """What numbers stand for, where the file says so."""
        return LabelSet(tuple(self._told["labels"])) if "labels" in self._told else None

    @cached_property
    def labels(self) -> LabelSet:
        known = self._map.labels if self._map else self._names
        if known:
            return known
        arrow, names = pyarrow(), set()
        kind = self._file.schema_arrow.field(self._columns["label"]).type
        kind = kind.value_type if arrow.types.is_dictionary(kind) else kind
        if not (arrow.types.is_string(kind) or arrow.types.is_large_string(kind)):
            raise ValueError(
                f"{self.path}: labels are numbers, and the file does not say which names they stand for; a label map can"
            )
        for batch in batches(self._file, GROUP, [self._columns["label"]]):
            names |= set(batch.column(0).to_pylist()) - {None}
        return labels_of(names)

    @property
    def vote_labels(self) -> LabelSet | None:
        names = self._told.get("vote_labels") or (tuple(FERPLUS) if "votes" in self._columns else None)
        return LabelSet(tuple(names)) if names else None

    def __len__(self) -> int:
        return int(self._file.metadata.num_rows)

    def __iter__(self) -> Iterator[Sample]:
        self.problems.clear()
        rows = enumerate(self._rows())
        yield from samples_of(self.path, rows, self._sample, lambda row: f"{self.path}, row {row[0]}: ", self.problems)

    def _rows(self) -> Iterator[dict[str, Any]]:
        columns = self._columns
        for batch in batches(self._file, ROWS, list(columns.values()), self._damaged):
            for row in batch.to_pylist():
                yield {kind: row[name] for kind, name in columns.items()}

    def _damaged(self, group: int, error: Exception) -> None:
        rows = self._file.metadata.row_group(group).num_rows
        self.problems.append(
            f"{self.path}: row group {group}, of {rows:,} rows, is damaged, and what is left of it is left out: {error}"
        )

    def _sample(self, numbered: tuple[int, dict[str, Any]]) -> Sample:
        number, row = numbered
        image = row["image"]
        data = image.get("bytes") if isinstance(image, dict) else image
        if not isinstance(data, bytes):
            raise ValueError("there is no image: the bytes of a picture file were wanted")
        index = self._label(row["label"])
        votes = None if row.get("votes") is None else np.array(row["votes"], np.uint8)
        if votes is not None and len(votes) != len(self.vote_labels or ()):
            raise ValueError(f"{len(votes)} numbers of votes where {len(self.vote_labels or ())} were wanted")
        split = split_named(row["split"]) if row.get("split") else SPLITS[0]
        return Sample(
            as_stored(data), index, split, str(number), votes, "" if row.get("subject") is None else str(row["subject"])
        )

    def _label(self, said: Any) -> int:
        if self._map and said is not None:
            return self._map.index(said, self._names)
        index = label_named(said, self.labels) if isinstance(said, str) else said
        if index is None or not 0 <= index < len(self.labels):
            raise ValueError(f"label {said!r} where one of {', '.join(self.labels)} was wanted")
        return int(index)


class ParquetWriter:
    """Writes parts of GROUP rows beside the file that is to be, and joins them at the end: a run that was stopped goes on."""

    def __init__(self, path: Path, labels: LabelSet, vote_labels: LabelSet | None = None) -> None:
        self.path, self._arrow = path, pyarrow()
        self.parts = path.with_name(path.name + PARTS)
        self.parts.mkdir(parents=True, exist_ok=True)
        self._schema = self._typed(labels, vote_labels)
        self._rows: list[dict[str, Any]] = []
        self._number = 0
        self.done = sum(self._arrow.parquet.read_metadata(p).num_rows for p in self._whole())

    def _whole(self) -> list[Path]:
        return sorted(self.parts.glob("*.parquet"))

    def _typed(self, labels: LabelSet, vote_labels: LabelSet | None) -> Any:
        a = self._arrow
        fields = [
            ("image", a.struct([("bytes", a.binary()), ("path", a.string())])), ("label", a.int64()), ("split", a.string()),
            ("votes", a.list_(a.uint8())), ("subject", a.string()),
        ]  # fmt: skip
        features = {
            "image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": list(labels)},
            "split": {"_type": "Value", "dtype": "string"}, "subject": {"_type": "Value", "dtype": "string"},
            "votes": {"_type": "Sequence", "feature": {"_type": "Value", "dtype": "uint8"}},
        }  # fmt: skip
        own = {"labels": list(labels), "vote_labels": list(vote_labels) if vote_labels else None}
        told = {"mien": json.dumps(own), "huggingface": json.dumps({"info": {"features": features}})}
        return a.schema(fields, metadata=told)

    def __call__(self, sample: Sample) -> None:
        self._number += 1
        if self._number <= self.done:
            return
        self._rows.append(
            {
                "image": {"bytes": encode(sample.image), "path": None},
                "label": sample.label,
                "split": sample.split,
                "votes": None if sample.votes is None else sample.votes.tolist(),
                "subject": sample.subject,
            }
        )
        if len(self._rows) >= GROUP:
            self._flush()

    def _flush(self) -> None:
        if not self._rows:
            return
        table = self._arrow.Table.from_pylist(self._rows, schema=self._schema)
        new = self.parts / "new"
        self._arrow.parquet.write_table(table, new)
        new.replace(self.parts / f"{len(self._whole()):06d}.parquet")
        self._rows = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind:
            return
        self._flush()
        new = self.path.with_name(self.path.name + ".new")
        with self._arrow.parquet.ParquetWriter(new, self._schema) as whole:
            for part in self._whole():
                whole.write_table(self._arrow.parquet.read_table(part))
        new.replace(self.path)
        for part in self._whole():
            part.unlink()
        self.parts.rmdir()
