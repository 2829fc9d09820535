"""A csv that grows row by row beside its place: rows in, a whole file there at the end; a stopped run is gone on with."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mien.labels import FER2013, LabelSet

PART = ".part"
"""Ending of a file that is not whole."""
CLASSES = "classes="


class RowFile:
    """`put(row)` for each row, in the same order as before: those that an earlier run wrote, `done`, are passed over."""

    def __init__(self, path: Path, header: Sequence[str]) -> None:
        self.path, self._new = path, path.with_name(path.name + PART)
        lines = _whole_lines(self._new)
        self.header, self.done = list(header), max(lines - 1, 0)
        self._open()
        if lines:
            with self._new.open(newline="", encoding="utf-8") as begun:
                self.header = next(csv.reader(begun))
        else:
            self._writer.writerow(header)
        self.number = 0
        """Of the next row."""

    def _open(self) -> None:
        self._file = self._new.open("a", newline="", encoding="utf-8")
        self._writer: Any = csv.writer(self._file)

    def widen(self, name: str) -> None:
        """One more column, which is empty in the rows so far."""
        self._file.close()
        self.header.append(name)
        wider = self._new.with_name(self._new.name + ".wider")
        with self._new.open(newline="", encoding="utf-8") as old, wider.open("w", newline="", encoding="utf-8") as new:
            rows, writer = csv.reader(old), csv.writer(new)
            next(rows)
            writer.writerow(self.header)
            writer.writerows([*row, ""] for row in rows)
        wider.replace(self._new)
        self._open()

    def put(self, row: Sequence[object]) -> None:
        if self.number >= self.done:
            self._writer.writerow(row)
        self.number += 1

    def close(self, whole: bool) -> None:
        self._file.close()
        if whole:
            self._new.replace(self.path)


def classes_column(labels: LabelSet) -> list[str]:
    """What a header says of the classes and their order, in a column of its own that has no cells; none of FER2013's."""
    return [] if labels == FER2013 else [f"{CLASSES}{json.dumps(list(labels), ensure_ascii=False)}"]


def classes_in(header: Iterable[str]) -> LabelSet | None:
    """And back; None where it does not."""
    told = next((name[len(CLASSES) :] for name in header if name.startswith(CLASSES)), None)
    return None if told is None else LabelSet(tuple(str(name) for name in json.loads(told)))


def _whole_lines(file: Path) -> int:
    """Lines that were written whole; what was cut off is cut away."""
    if not file.exists():
        return 0
    data = file.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    file.write_bytes(whole)
    return whole.count(b"\n")
