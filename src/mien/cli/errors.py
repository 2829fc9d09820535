"""Say what went wrong in one line: exceptions that a user can mend in, a message and an exit status out."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer

from mien.errors import MienError, MissingExtra, printable

FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130
LEFT_OUT = "left_out.txt"
NAMED = 10
"""Items left out of a set that are named, not only counted."""


def complain(message: str) -> None:
    typer.echo(f"mien: {printable(message)}", err=True)


def tell(problems: Sequence[str], folder: Path | None = None, file: Path | None = None, before: Sequence[str] = ()) -> None:
    """Name the first items that were left out of a set, and count the rest; all of them stand in a file of the folder, or,
    where there are more, in `file`, behind those that were named `before`."""
    for problem in problems[:NAMED]:
        complain(f"left out: {problem}")
    more = len(problems) > NAMED
    kept = folder / LEFT_OUT if folder and problems else file if more else None
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text("".join(f"{printable(p)}\n" for p in [*before, *problems]), encoding="utf-8")
    if more:
        complain(f"left out: {len(problems) - NAMED} more" + (f", see {kept}" if kept else ""))


@contextmanager
def told() -> Iterator[None]:
    """A failed input exits 1, wrong usage 2, Ctrl-C 130; a reader that went away ends it quietly."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    except KeyboardInterrupt:
        complain("stopped")
        sys.exit(INTERRUPTED)
    except MienError as error:
        complain(str(error))
        sys.exit(FAILED)
    except (MissingExtra, ValueError, FileNotFoundError, NotADirectoryError, PermissionError, FileExistsError) as error:
        complain(str(error))
        sys.exit(WRONG_USAGE)
    except OSError as error:
        complain(str(error))
        sys.exit(FAILED)
