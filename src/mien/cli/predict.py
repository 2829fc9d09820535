"""`mien predict`: photos, folders, videos and cameras in, expressions out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mien.cli.detectors import LongestSide, Score, Tiles, seen
from mien.cli.errors import FAILED, complain

if TYPE_CHECKING:
    from mien.recognizer import Recognizer
    from mien.sources import Frame
    from mien.stream import Stream

TABLE_ROWS = 500
"""Answers held back to set the columns' widths; a longer run is written in blocks of so many."""
WIDE = 200
"""Columns of a table that goes to a file or a pipe."""


def predict(
    sources: Annotated[
        list[str], typer.Argument(metavar="SOURCE...", help="Files, folders, patterns, URLs, camera:0, or - for standard input.")
    ],
    json: Annotated[bool, typer.Option("--json", help="One JSON object a frame, on standard output.")] = False,
    to: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a table: FILE.csv or FILE.parquet.")] = None,
    save: Annotated[Path | None, typer.Option(metavar="DIR", help="Keep annotated copies in this folder.")] = None,
    model: Annotated[str | None, typer.Option(help="A packaged model (mien models list), a run folder or a card.")] = None,
    detector: Annotated[str | None, typer.Option(help="See mien detectors; yunet:FILE takes its weights from a file.")] = None,
    longest_side: LongestSide = None,
    score: Score = None,
    tiles: Tiles = None,
    every: Annotated[int, typer.Option(min=1, metavar="N", help="Of a video or camera, only each n-th frame.")] = 1,
    smooth: Annotated[
        str, typer.Option(help="Of a video or camera, steady each face's answers: none, ema or majority.")
    ] = "none",
    allow_private: Annotated[bool, typer.Option(help="Read URLs on private networks and this machine, too.")] = False,
) -> None:
    """Find the faces in pictures and videos and name their expressions: angry, disgust, fear, happy, sad, surprise or neutral.

    Exits 0 when all went well, 1 when an input could not be read (its row says why), 2 on wrong usage.
    """
    from mien.detectors import load_detector
    from mien.recognizer import Recognizer
    from mien.smoothing import SMOOTHERS
    from mien.sources import expand, frames
    from mien.stream import Stream

    if save and save.exists() and not save.is_dir():
        raise ValueError(f"--save {save}: this is a file; a folder is wanted")
    recognizer = Recognizer(load_detector(detector, **seen(longest_side, score, tiles)), model)
    smoother = SMOOTHERS[smooth]
    names = expand(sources)
    failed = 0
    with ExitStack() as stack:
        outputs = _outputs(stack, recognizer, json, to, save, live=any(name.startswith("camera:") for name in names))
        step = _progress(stack, names)
        for number, name in enumerate(names):
            stream = Stream(recognizer, smoother(), spare=False)
            for answer in _answers(stream, frames(name, limits=recognizer.limits, every=every, private=allow_private), outputs):
                step(number, answer["frame"])
                if answer["error"]:
                    failed += 1
                    if json or to:  # a table on standard output says it itself
                        complain(answer["error"]["message"])
    if save:
        typer.echo(f"annotated copies are in {save}", err=True)
    raise typer.Exit(FAILED if failed else 0)


def _answers(
    stream: Stream, frames: Iterable[Frame], outputs: list[Callable[[Frame, Any, dict[str, Any]], None]]
) -> Iterator[dict[str, Any]]:
    from mien.answer import answer
    from mien.faces import Faces

    for frame in frames:
        if frame.image is None:
            faces = Faces.none()
        else:
            faces = stream(frame.image, frame.time_s) if frame.moving else stream.recognizer(frame.image)
        row = answer(
            frame.source, frame=frame.index, time_s=frame.time_s, size=frame.size, card=stream.recognizer.card,
            faces=faces, error=frame.error,
        )  # fmt: skip
        for output in outputs:
            output(frame, faces, row)
        yield row


def _outputs(
    stack: ExitStack, recognizer: Recognizer, json: bool, to: Path | None, save: Path | None, live: bool
) -> list[Callable[[Frame, Any, dict[str, Any]], None]]:
    """What each answer is given to: a printer or a table on standard output, a file, a folder of copies."""
    from mien.annotators.save import Copies
    from mien.sinks import JsonLines, file_sink

    outputs: list[Callable[[Frame, Any, dict[str, Any]], None]] = []
    if to:
        write = stack.enter_context(file_sink(to, recognizer.classifier.labels))
        outputs.append(lambda frame, faces, row: write(row))
    if json or not to:
        show = stack.enter_context(JsonLines(sys.stdout)) if json else stack.enter_context(_Table(1 if live else TABLE_ROWS))
        outputs.append(lambda frame, faces, row: show(row))
    if save:
        copies = stack.enter_context(Copies(save))
        outputs.append(lambda frame, faces, row: copies(frame, faces))
    return outputs


def _progress(stack: ExitStack, names: list[str]) -> Callable[[int, int], None]:
    """A bar on standard error, where that is a terminal and there is something to wait for; told of each frame."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from mien.sources import VIDEO_SUFFIXES

    console = Console(stderr=True)
    if not console.is_terminal or (len(names) < 2 and not names[0].lower().endswith(VIDEO_SUFFIXES)):
        return lambda number, frame: None
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("frame {task.fields[frame]}"))
    progress = stack.enter_context(Progress(*columns, console=console, transient=True))
    task = progress.add_task("Reading", total=len(names), frame=0)
    return lambda number, frame: progress.update(task, completed=number, frame=frame)


class _Table:
    """Readable rows on standard output."""

    def __init__(self, most: int) -> None:
        self.most = most
        """Answers that are held back."""
        self._waiting: list[dict[str, Any]] = []
        self._headed = False

    def __call__(self, answer: dict[str, Any]) -> None:
        self._waiting.append(answer)
        if len(self._waiting) >= self.most:
            self._show()

    def _show(self) -> None:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        from mien.errors import printable
        from mien.sinks import table

        if not self._waiting:
            return
        moving = any(answer["frame"] for answer in self._waiting)
        shown = Table(box=None, pad_edge=False, show_header=not self._headed)
        for name in ("source", *(("time",) if moving else ()), "face at", "expression", "confidence", ""):
            shown.add_column(name, overflow="fold", no_wrap=name not in ("source", ""))
        before = None
        for source, at, *rest in table(self._waiting):
            cells = ("" if source == before else source, *((at,) if moving else ()), *rest)
            shown.add_row(*(Text(printable(cell)) for cell in cells))  # names of files are no markup
            before = source
        Console(width=None if sys.stdout.isatty() else WIDE).print(shown)
        self._waiting, self._headed = [], True

    def __enter__(self) -> _Table:
        return self

    def __exit__(self, *_: object) -> None:
        self._show()
