"""Open the database: a folder or `:memory:` in, a Store out, whose tables are as this version wants them.

SQLite with a write-ahead log, so that readers and the one writer do not wait for each other; what is erased is overwritten.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, select
from sqlalchemy.pool import StaticPool

from mien.feedback import tables

REVISION = "0004"
"""Of the newest migration."""
FILE = "mien.sqlite3"
PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=5000", "foreign_keys=ON", "secure_delete=ON")


class Store:
    """`with store.reading() as c` and `with store.writing() as c`: connections of SQLAlchemy; a write is whole or not at all."""

    def __init__(self, folder: str | Path) -> None:
        """Raises ValueError for a folder that cannot be written to, or a database of a newer version of mien."""
        self.path = None if str(folder) == ":memory:" else Path(folder) / FILE
        self._lock = Lock()
        self.remembers = False
        """Whether something that was erased is still in the write-ahead log, since somebody was reading: forget() again."""
        self.engine = _opened(self.path)
        if _revision(self.path) != REVISION:
            _migrate(self.engine, self.path)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with nullcontext() if self.path else self._lock, self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with self._lock, self.engine.execution_options(writing=True).begin() as connection:
            yield connection

    def note(self, actor: str, action: str, subject: str = "", **detail: Any) -> None:
        """A line of the audit log."""
        row = {"time": time.time(), "actor": actor, "action": action, "subject": subject, "detail": detail}
        with self.writing() as c:
            c.execute(insert(tables.audit).values(row))

    def notes(self, last: int) -> list[dict[str, Any]]:
        """The last so many lines of the audit log, oldest first: time, actor, action, subject, detail."""
        newest = select(tables.audit).order_by(tables.audit.c.id.desc()).limit(last)
        with self.reading() as c:
            rows = [dict(row._mapping) for row in c.execute(newest)]
        return rows[::-1]

    def forget(self) -> None:
        """Let what was erased leave the write-ahead log, too. Where somebody reads just then, `remembers` stays true."""
        if self.path:
            with self.engine.connect() as connection:
                busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
            self.remembers = bool(busy)

    def close(self) -> None:
        self.engine.dispose()


def _opened(path: Path | None) -> Engine:
    if path is None:
        engine = create_engine("sqlite://", connect_args={"check_same_thread": False}, poolclass=StaticPool)
    else:
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600)  # its owner's alone
            sqlite3.connect(path).close()
        except (OSError, sqlite3.Error) as error:
            raise ValueError(f"{path.parent}: no database can be kept there ({error}); a folder to write to is wanted") from error
        engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 5})
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    return engine


def _set_up(connection: Any, record: Any) -> None:
    """SQLAlchemy begins transactions itself, for Python's driver begins them too late to wait for its turn."""
    connection.isolation_level = None
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writing") else "BEGIN")


def _revision(path: Path | None) -> str | None:
    """Of the file's tables, asked without SQLAlchemy's migrations, whose import costs a third of a second."""
    if path is None:
        return None
    with sqlite3.connect(path) as connection:
        try:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.OperationalError:
            return None
        except sqlite3.DatabaseError as error:
            raise ValueError(f"{path} is no database of mien ({error}); move it away, or name another folder") from error
    return row[0] if row else None


def _migrate(engine: Engine, path: Path | None) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", "mien.feedback:migrations")
    config.set_main_option("path_separator", "os")
    with engine.execution_options(writing=True).begin() as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise ValueError(
                f"{path} was written by a newer version of mien ({error}); use that, or name another folder"
            ) from error
