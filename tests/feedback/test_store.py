"""One database: made, opened again, refused where it is another's; writes whole or not at all."""

import sqlite3
import threading
import time
from contextlib import suppress

import pytest
from sqlalchemy import func, insert, select

from mien.feedback import tables
from mien.feedback.store import FILE, REVISION, Store


@pytest.fixture(params=["file", "memory"])
def store(request, tmp_path):
    made = Store(tmp_path if request.param == "file" else ":memory:")
    yield made
    made.close()


def session(name="s"):
    return insert(tables.sessions).values(id=name, client="local", model="default", purpose="personal", started=0.0)


def count(store, table):
    with store.reading() as c:
        return c.scalar(select(func.count()).select_from(table))


def test_what_is_written_is_there_when_it_is_opened_again(tmp_path):
    first = Store(tmp_path / "new" / "folder")
    with first.writing() as c:
        c.execute(session())
    first.close()
    assert count(Store(tmp_path / "new" / "folder"), tables.sessions) == 1


def test_the_migrations_make_the_tables_that_the_code_describes(tmp_path):
    from alembic.autogenerate import compare_metadata
    from alembic.config import Config
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    with Store(tmp_path).engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.METADATA) == []
    config = Config()
    config.set_main_option("script_location", "mien.feedback:migrations")
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == REVISION


def test_a_write_is_whole_or_not_at_all(store):
    with suppress(ZeroDivisionError), store.writing() as c:
        c.execute(session())
        raise ZeroDivisionError
    assert count(store, tables.sessions) == 0


def test_what_belongs_to_a_session_goes_with_it(store):
    with store.writing() as c:
        c.execute(session())
        c.execute(insert(tables.marks).values(session="s", time_s=1.0, text="here"))
    with store.writing() as c:
        c.execute(tables.sessions.delete())
    assert count(store, tables.marks) == 0


def test_many_threads_may_write_and_read(store):
    def work(i):
        for k in range(10):
            with store.writing() as c:
                c.execute(session(f"{i}-{k}"))
            count(store, tables.sessions)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(store, tables.sessions) == 40


def test_a_reader_does_not_wait_for_the_writer(tmp_path):
    store = Store(tmp_path)
    with store.writing() as c:
        c.execute(session())
        start = time.monotonic()
        assert count(store, tables.sessions) == 0
        assert time.monotonic() - start < 1


def test_the_audit_log_says_who_did_what(store):
    store.note("local", "erase", "s", rows=3)
    with store.reading() as c:
        row = c.execute(select(tables.audit)).one()
    assert (row.actor, row.action, row.subject, row.detail) == ("local", "erase", "s", {"rows": 3})


def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path):
    (tmp_path / FILE).write_bytes(b"notes of mine" * 100)
    with pytest.raises(ValueError, match="no database of mien"):
        Store(tmp_path)
    assert (tmp_path / FILE).read_bytes() == b"notes of mine" * 100


def test_a_newer_database_is_refused(tmp_path):
    Store(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(ValueError, match="newer version of mien"):
        Store(tmp_path)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ValueError, match="no database can be kept there"):
        Store(tmp_path / "file")


def test_what_is_erased_is_not_on_the_disk(tmp_path):
    store = Store(tmp_path)
    with store.writing() as c:
        c.execute(session("a-name-to-look-for"))
    with store.writing() as c:
        c.execute(tables.sessions.delete())
    store.forget()
    assert all(b"a-name-to-look-for" not in file.read_bytes() for file in tmp_path.iterdir())


@pytest.mark.slow
def test_what_was_erased_while_somebody_read_is_forgotten_later(tmp_path):
    store = Store(tmp_path)
    reader = sqlite3.connect(tmp_path / FILE)
    with store.writing() as c:
        c.execute(session("nobody-may-read-this"))
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM sessions").fetchall()
    with store.writing() as c:
        c.execute(tables.sessions.delete())
    store.forget()
    assert store.remembers
    reader.close()
    store.forget()
    assert not store.remembers
    assert not any(b"nobody-may-read-this" in file.read_bytes() for file in tmp_path.iterdir())
