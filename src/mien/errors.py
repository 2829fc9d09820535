"""What can go wrong with an input, as data: a kind to branch on and a message to read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import is_dataclass
from pathlib import Path


class MienError(Exception):
    """An input that cannot be read; `kind` is a stable word, the message names the input and what would work."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind

    def __reduce__(self) -> tuple[type[MienError], tuple[str, str]]:
        return type(self), (self.kind, str(self))

    def to_dict(self) -> dict[str, str]:
        return {"kind": self.kind, "message": plain(str(self))}


class ImageError(MienError, ValueError):
    """Bytes that are no picture, or a picture beyond the limits."""


class SourceError(MienError, OSError):
    """A file, folder, address or camera that cannot be opened or read."""


class MissingExtra(ImportError):
    """A part whose package is not installed; the message has the command that installs it."""


def needs(extra: str, what: str) -> MissingExtra:
    return MissingExtra(f"{what} needs an extra package; install it with: pip install 'mien[{extra}]'")


def insist(record: object, *rules: tuple[str, bool, str], within: str = "") -> None:
    """Rules of field, whether it holds, and what was wanted; `within`: the field that holds the record. Raises ValueError for
    the first that does not hold."""
    for name, holds, wanted in rules:
        if not holds:
            value = getattr(record, name)
            given = "" if is_dataclass(value) else f" is {value!r:.200}"
            raise ValueError(f"{within}{'.' * bool(within)}{name}{given}; wanted {wanted}")


@contextmanager
def config_in(path: Path, what: str) -> Iterator[None]:
    """Whatever goes wrong inside says which file is not the config of a run of this kind."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        said = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{path} is not the config of a {what}'s run: {said}") from error


def printable(text: str) -> str:
    """For a terminal: control characters, which could command it, as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in plain(text))


def plain(text: str) -> str:
    """Names of files need not be text; what is none is written as an escape."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
