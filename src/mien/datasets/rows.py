"""A csv that grows row by row beside its place: rows in, a whole file there at the end; a stopped run is gone on with."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PART = ".part"
"""Ending of a file that is not whole."""


class RowFile:
    """`put(row)` for each row, in the same order as before: those that an earlier run wrote, `done`, are passed over."""

    def __init__(self, path: Path, header: Sequence[str] = ()) -> None:
        """Without a header, `begin` gives it before the first row."""
        self.path, self._new = path, path.with_name(path.name + PART)
        lines = _whole_lines(self._new)
        self._file = self._new.open("a", newline="", encoding="utf-8")
        self._writer: Any = csv.writer(self._file)
        self.header: list[str] = []
        self.done = max(lines - 1, 0)
        if lines:
            with self._new.open(newline="", encoding="utf-8") as begun:
                self.header = next(csv.reader(begun))
        elif header:
            self.begin(header)
        self.number = 0
        """Of the next row."""

    def begin(self, header: Sequence[str]) -> None:
        """Write the header, unless an earlier run did."""
        if not self.header:
            self.header = list(header)
            self._writer.writerow(header)

    def put(self, row: Sequence[object]) -> None:
        if self.number >= self.done:
            self._writer.writerow(row)
        self.number += 1

    def close(self, whole: bool) -> None:
        self._file.close()
        if whole:
            self._new.replace(self.path)


def _whole_lines(file: Path) -> int:
    """Lines that were written whole; what was cut off is cut away."""
    if not file.exists():
        return 0
    data = file.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    file.write_bytes(whole)
    return whole.count(b"\n")
