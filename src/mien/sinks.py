"""Write answers down as they come: answer dicts in; JSON lines, CSV or Parquet out, one row group a frame.

In tables a face is a row; a frame without one, or with an error, is a row whose face columns are empty.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, TextIO

from mien.answer import percent
from mien.arrow import arrow
from mien.faces import LANDMARKS, flat
from mien.labels import LabelSet

FRAME = ("source", "frame", "time_s", "width", "height", "model", "model_version")
NEAR = 0.2
"""Probability from which a second name is worth showing."""
POOR = 0.75
"""Quality below which it may be why an answer is unsure; the cards' thresholds lie below it."""
ROWS_AT_ONCE = 5_000
"""Rows held back before a block of Parquet is written."""


class Sink(Protocol):
    """Takes one answer at a time; a context manager that closes its file."""

    def __call__(self, answer: Mapping[str, Any]) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None: ...


def columns(labels: LabelSet) -> list[str]:
    """The columns of a table, the same for every answer of a model."""
    box = ["face", "box_left", "box_top", "box_right", "box_bottom"]
    plain = ["score", "expression", "confidence", "unsure", "quality", "track_id"]
    points = [f"{name}_{axis}" for name in LANDMARKS for axis in "xy"]
    return [*FRAME, "error_kind", "error_message", *box, *plain, *points, *(f"probability_{name}" for name in labels)]


def rows(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One answer as flat rows; at least one."""
    error = answer["error"] or {}
    frame = {name: answer[name] for name in FRAME}
    frame |= {"error_kind": error.get("kind"), "error_message": error.get("message")}
    return [{**frame, "face": i, **flat(face)} for i, face in enumerate(answer["faces"])] or [frame]


class JsonLines:
    """One object a line, flushed as it is written, so that a reader at the other end of a pipe need not wait."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def __call__(self, answer: Mapping[str, Any]) -> None:
        self.stream.write(json.dumps(answer, allow_nan=False) + "\n")
        self.stream.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.flush()


class CsvFile:
    def __init__(self, path: Path, labels: LabelSet) -> None:
        self._file = path.open("w", newline="", encoding="utf-8")
        self._writer = csv.DictWriter(self._file, columns(labels))
        self._writer.writeheader()

    def __call__(self, answer: Mapping[str, Any]) -> None:
        self._writer.writerows(rows(answer))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


class ParquetFile:
    def __init__(self, path: Path, labels: LabelSet) -> None:
        pyarrow = arrow("writing Parquet")
        text = ("source", "model", "model_version", "error_kind", "error_message", "expression")
        kinds = {name: pyarrow.string() for name in text} | {"unsure": pyarrow.bool_()}
        kinds |= {name: pyarrow.int64() for name in ("frame", "width", "height", "face", "track_id")}
        self._schema = pyarrow.schema([(name, kinds.get(name, pyarrow.float64())) for name in columns(labels)])
        self._table = pyarrow.Table
        self._writer = pyarrow.parquet.ParquetWriter(str(path), self._schema)
        self._waiting: list[dict[str, Any]] = []

    def __call__(self, answer: Mapping[str, Any]) -> None:
        self._waiting += rows(answer)
        if len(self._waiting) >= ROWS_AT_ONCE:
            self._write()

    def _write(self) -> None:
        if self._waiting:
            self._writer.write_table(self._table.from_pylist(self._waiting, schema=self._schema))
            self._waiting = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._write()
        self._writer.close()


FILES: dict[str, Callable[[Path, LabelSet], Sink]] = {".csv": CsvFile, ".parquet": ParquetFile}


def file_sink(path: Path, labels: LabelSet) -> Sink:
    """A table by its ending. Raises ValueError for an ending that is none, MissingExtra without pyarrow."""
    if path.suffix.lower() not in FILES:
        raise ValueError(f"{path}: tables are written as {' or '.join(FILES)}")
    return FILES[path.suffix.lower()](path, labels)


def table(answers: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Answers as short rows for a person to read: source, time, place, expression, confidence, remarks.

    Along a video, frames whose faces keep their expressions are one row, with the mean confidence."""
    runs = [list(run) for _, run in groupby(answers, key=_what)]
    return [row for run in runs for row in _readable(run)]


def _what(answer: Mapping[str, Any]) -> tuple[Any, ...]:
    """Equal for frames that can be read as one."""
    said = tuple((face["expression"], face["unsure"]) for face in answer["faces"])
    return answer["source"], said, answer["error"] and answer["error"]["message"]


def _readable(run: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    first, last = run[0], run[-1]
    source, at = first["source"], f"{first['time_s']:.2f}-{last['time_s']:.2f} s" if len(run) > 1 else f"{first['time_s']:.2f} s"
    if first["error"]:
        return [(source, at, "", "", "", first["error"]["message"].removeprefix(f"{source}: "))]
    if not first["faces"]:
        return [(source, at, "", "", "", "no face found")]
    rows: list[tuple[str, ...]] = []
    for i, face in enumerate(first["faces"]):
        confidence = sum(answer["faces"][i]["confidence"] for answer in run) / len(run)
        rows.append((source, at, _place(face), face["expression"], percent(confidence), _remark(face)))
    return rows


def _place(face: Mapping[str, Any]) -> str:
    left, top, right, bottom = (round(v) for v in face["box"])
    return f"{left},{top} {right - left}x{bottom - top}"


def _remark(face: Mapping[str, Any]) -> str:
    """Why it is unsure: another name is near, or the face is hard to read."""
    if not face["unsure"]:
        return ""
    second, p = sorted(face["probability"].items(), key=lambda item: -item[1])[1]
    if p >= NEAR:
        return f"unsure, or {second} {percent(p)}"
    return f"unsure, quality {face['quality']:.2f}" if face["quality"] < POOR else "unsure"
