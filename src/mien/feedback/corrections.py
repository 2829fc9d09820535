"""What people say a face shows, where an answer was wrong: kept with the answer, and with the crop where they agreed."""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from mien.feedback import tables
from mien.feedback.store import Store

NOTE = 1000
"""Characters that are kept of a note."""


class Corrections:
    """The corrections in a store; `labels` are the names there are."""

    def __init__(self, store: Store, labels: Collection[str]) -> None:
        self.store, self.labels = store, labels

    def add(
        self,
        client: str,
        model: str,
        expression: str,
        *,
        given: Mapping[str, float] | None = None,
        session: str | None = None,
        note: str = "",
        png: bytes | None = None,
        subject: str = "",
        agreed: str = "",
        id: str = "",
    ) -> str:
        """The correction's id: a new one, or the `id` that is given, under which it is added once. `png`: the face's crop; giving
        it is consent to keep it. `subject`: whose face it is, with the words that person `agreed` to.

        Raises ValueError for an unknown name, and for a subject without those words."""
        if subject and not agreed:
            raise ValueError(f"a face of {subject!r:.50} cannot be kept without the words that this person agreed to")
        if expression not in self.labels:
            raise ValueError(f"no expression {expression!r}; there are: {', '.join(self.labels)}")
        row = {
            "id": id or uuid.uuid4().hex, "created": time.time(), "client": client, "model": model, "expression": expression,
            "given": dict(given) if given else None, "session": session, "note": note[:NOTE],
            "png": png, "consent": png is not None, "subject": subject, "agreed": agreed,
        }  # fmt: skip
        with self.store.writing() as c:
            c.execute(insert(tables.corrections).values(row).on_conflict_do_nothing())
        return str(row["id"])

    def all(self, client: str | None = None) -> list[dict[str, Any]]:
        """The newest first, without pictures."""
        t = tables.corrections
        query = select(*(column for column in t.c if column.name != "png")).order_by(t.c.created.desc())
        with self.store.reading() as c:
            return [dict(row._mapping) for row in c.execute(query if client is None else query.where(t.c.client == client))]

    def collected(self) -> Iterator[tuple[dict[str, Any], bytes]]:
        """The corrections that came with a picture, the oldest first, each with its PNG."""
        t = tables.corrections
        with self.store.reading() as c:
            ids = list(c.scalars(select(t.c.id).where(t.c.png.is_not(None)).order_by(t.c.created)))
        for id in ids:
            with self.store.reading() as c:
                row = c.execute(select(t).where(t.c.id == id)).first()
            if row is not None:
                yield {k: v for k, v in row._mapping.items() if k != "png"}, row.png

    def take(self, ids: Collection[str]) -> None:
        """Note that these entered the faces that are learnt from."""
        t = tables.corrections
        with self.store.writing() as c:
            for id in ids:
                c.execute(update(t).where(t.c.id == id, t.c.taken.is_(None)).values(taken=time.time()))

    def forget(self, subject: str) -> int:
        """Erase all of a person, or of a session: how many there were. Raises ValueError for no name, which most have."""
        if not subject:
            raise ValueError("whose corrections are to be erased? give a subject's name or a session's id")
        t = tables.corrections
        with self.store.writing() as c:
            gone = c.execute(delete(t).where(or_(t.c.subject == subject, t.c.session == subject))).rowcount
        self.store.forget()
        return gone

    def png(self, id: str) -> bytes | None:
        """The crop that was given with it."""
        with self.store.reading() as c:
            return c.scalar(select(tables.corrections.c.png).where(tables.corrections.c.id == id))

    def erase(self, id: str, client: str | None = None) -> None:
        """Raises LookupError for one that is not there, or another client's."""
        t = tables.corrections
        own = (t.c.id == id,) if client is None else (t.c.id == id, t.c.client == client)
        with self.store.writing() as c:
            if not c.execute(delete(t).where(*own)).rowcount:
                raise LookupError(f"no correction {id}")
        self.store.forget()
