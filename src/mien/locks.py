"""One at a time: a file's path in; who holds its lock works alone, until it lets go or its process ends."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ASKED_EVERY = 0.2
"""Seconds between two looks at a lock that is waited for."""


@contextmanager
def locked(path: Path, wait: bool = False) -> Iterator[None]:
    """Nobody else is inside with this file meanwhile; the system lets go for a process that is killed. The folder is made.

    Raises BlockingIOError where somebody is, unless that is waited for; OSError where the file cannot be locked at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = sqlite3.connect(path, timeout=0, isolation_level=None)  # its locks are the system's own, on each system
    try:
        while not _taken(lock, path):
            if not wait:
                raise BlockingIOError(f"{path}: locked by another process")
            time.sleep(ASKED_EVERY)
        yield
    finally:
        lock.close()


@contextmanager
def alone(path: Path, what: str) -> Iterator[None]:
    """The same for who is told so: raises ValueError where another `what` is at work in the folder of this file."""
    with ExitStack() as held:
        try:
            held.enter_context(locked(path))
        except BlockingIOError:
            raise ValueError(f"{path.parent}: another {what} is at work here; wait for it, or stop it") from None
        yield


def _taken(lock: sqlite3.Connection, path: Path) -> bool:
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return False
        raise OSError(f"{path} cannot be locked: {error}") from error
    return True
