"""What is remembered of a live session: names and probabilities a second, marks, and crops where its person agreed.

No picture goes in but by `record`, which refuses where there is no consent.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from mien.faces import Faces
from mien.feedback import tables
from mien.feedback.store import Store
from mien.feedback.tables import ACCEPTED, AGREEMENT, QUESTION

UNTRACKED = 0
"""Track of a face that has none."""


def new_id() -> str:
    """Of a session; not to be guessed."""
    return uuid.uuid4().hex


@dataclass(eq=False)
class Timeline:
    """Faces of one frame after another in; what was seen of each in each second out. Nothing but sums is held."""

    _open: dict[tuple[int, int], tuple[int, int, np.ndarray]] = field(default_factory=dict)
    _names: tuple[str, ...] = ()
    _lock: Lock = field(default_factory=Lock)

    def add(self, faces: Faces, time_s: float) -> None:
        if faces.probability is None or faces.labels is None:
            return
        self._names = tuple(faces.labels)
        unsure = faces.unsure if faces.unsure is not None else np.zeros(len(faces), bool)
        tracks = faces.track_id if faces.track_id is not None else np.full(len(faces), UNTRACKED)
        with self._lock:
            for track, probability, doubt in zip(tracks, faces.probability, unsure, strict=True):
                place = int(time_s), int(track)
                frames, unsures, total = self._open.get(place, (0, 0, 0.0))
                self._open[place] = frames + 1, unsures + int(doubt), total + probability.astype(float)

    def take(self, before: float = float("inf")) -> list[dict[str, Any]]:
        """The seconds that are over before `before`, which are let go of here."""
        with self._lock:
            done = sorted(place for place in self._open if place[0] + 1 <= before)
            return [self._row(place, *self._open.pop(place)) for place in done]

    def _row(self, place: tuple[int, int], frames: int, unsure: int, total: np.ndarray) -> dict[str, Any]:
        probability = dict(zip(self._names, (round(float(p) / frames, 4) for p in total), strict=True))
        return {"second": place[0], "track": place[1], "frames": frames, "unsure": unsure, "probability": probability}


class Sessions:
    """The sessions in a store. `client`: whose they are; None: everybody's."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def start(
        self,
        client: str,
        model: str,
        purpose: str,
        title: str = "",
        consent: str = "",
        *,
        id: str | None = None,
        started: float | None = None,
    ) -> str:
        """A new session's id. `consent`: the words its person agreed to for recording; empty: nothing is recorded.

        `id` and `started` (seconds since 1970) where they are known already; else they are made here."""
        row = {
            "id": id or new_id(), "client": client, "model": model, "purpose": purpose, "title": title, "consent": consent,
            "started": time.time() if started is None else started,
        }  # fmt: skip
        with self.store.writing() as c:
            c.execute(insert(tables.sessions).values(row))
        return str(row["id"])

    def settle(self, id: str, title: str, consent: str) -> None:
        """What it is called, and the words in which its person agreed to be recorded; empty: not, or no longer."""
        self._change(id, title=title, consent=consent)

    def end(self, id: str) -> None:
        self._change(id, ended=time.time())

    def add(self, id: str, moments: Iterable[Mapping[str, Any]]) -> None:
        """Seconds of a Timeline; one that is there already is replaced. Raises LookupError as `get` does."""
        self.get(id)
        rows = [{"session": id, **moment} for moment in moments]
        if rows:
            statement = upsert(tables.moments)
            new = {name: statement.excluded[name] for name in ("frames", "unsure", "probability")}
            with self.store.writing() as c:
                c.execute(statement.on_conflict_do_update(set_=new), rows)

    def mark(self, id: str, time_s: float, text: str, client: str | None = None) -> None:
        """Raises LookupError as `get` does."""
        self.get(id, client)
        with self.store.writing() as c:
            c.execute(insert(tables.marks).values(session=id, time_s=time_s, text=text))

    def record(self, id: str, time_s: float, track: int | None, png: bytes) -> None:
        """Keep a face's crop. Raises PermissionError for a session without consent."""
        if not self.get(id).consent:
            raise PermissionError(f"session {id} has no consent to record")
        with self.store.writing() as c:
            c.execute(insert(tables.records).values(session=id, time_s=time_s, track=track, png=png))

    def unrecord(self, id: str) -> None:
        """Erase the crops that were kept of it."""
        r = tables.records
        with self.store.writing() as c:
            gone = c.execute(delete(r).where(r.c.session == id)).rowcount
        if gone:
            self.store.forget()

    def all(self, client: str | None = None) -> list[dict[str, Any]]:
        """The newest first, with how many seconds and frames there are of each."""
        s, m = tables.sessions, tables.moments
        seen = func.count(m.c.second.distinct()).label("seconds"), func.coalesce(func.sum(m.c.frames), 0).label("faces")
        query = select(s, *seen).outerjoin(m).group_by(s.c.id).order_by(s.c.started.desc())
        with self.store.reading() as c:
            rows = c.execute(query if client is None else query.where(s.c.client == client))
            return [dict(row._mapping) for row in rows]

    def export(self, id: str, client: str | None = None) -> dict[str, Any]:
        """All there is of a session but pictures. Raises LookupError for one that is not there, or another client's."""
        head = dict(self.get(id, client)._mapping)
        with self.store.reading() as c:
            moments, marks = (
                [_plain(row) for row in c.execute(select(t).where(t.c.session == id).order_by(*order))]
                for t, order in (
                    (tables.moments, (tables.moments.c.second, tables.moments.c.track)),
                    (tables.marks, (tables.marks.c.time_s,)),
                )
            )
            count = select(func.count()).select_from(tables.records).where(tables.records.c.session == id)
            return {**head, "moments": moments, "marks": marks, "records": c.scalar(count)}

    def records(self, id: str, client: str | None = None) -> list[tuple[float, int | None, bytes]]:
        """Time, track and PNG of each crop that was kept."""
        self.get(id, client)
        r = tables.records
        with self.store.reading() as c:
            rows = c.execute(select(r.c.time_s, r.c.track, r.c.png).where(r.c.session == id).order_by(r.c.id))
            return [(row.time_s, row.track, row.png) for row in rows]

    def erase(self, id: str, client: str | None = None) -> None:
        """Leave nothing of it, nor of the corrections given in it. Raises LookupError as `export` does."""
        self.get(id, client)
        with self.store.writing() as c:
            c.execute(delete(tables.corrections).where(tables.corrections.c.session == id))
        self._erase([id])

    def expire(self, before: float, but: Collection[str] = ()) -> list[str]:
        """Erase what ended, or began and was never ended, before this time, `but` those that go on; the ids.

        With them go mien's own proposals of their faces that nobody accepted."""
        s = tables.sessions
        with self.store.reading() as c:
            old = list(c.scalars(select(s.c.id).where(func.coalesce(s.c.ended, s.c.started) < before)))
        old = [id for id in old if id not in but]
        unused = delete(tables.corrections).where(tables.corrections.c.session.in_(old), *unwanted())
        with self.store.writing() as c:
            c.execute(unused)
        self._erase(old)
        return old

    def _erase(self, ids: list[str]) -> None:
        if ids:
            with self.store.writing() as c:
                c.execute(delete(tables.sessions).where(tables.sessions.c.id.in_(ids)))
            self.store.forget()

    def _change(self, id: str, **values: Any) -> None:
        self.get(id)
        with self.store.writing() as c:
            c.execute(update(tables.sessions).where(tables.sessions.c.id == id).values(values))

    def get(self, id: str, client: str | None = None) -> Any:
        """Its row. Raises LookupError for one that is not there, or another client's."""
        with self.store.reading() as c:
            row = c.execute(select(tables.sessions).where(tables.sessions.c.id == id)).first()
        if row is None or client not in (None, row.client):
            raise LookupError(f"no session {id}")
        return row


def unwanted() -> tuple[ColumnElement[bool], ...]:
    """What holds of mien's own proposals that were neither taken in nor accepted by a reviewer."""
    c, r = tables.corrections.c, tables.reviews.c
    accepted = select(r.correction).where(r.decision == ACCEPTED)
    return c.client.in_((AGREEMENT, QUESTION)), c.taken.is_(None), c.id.not_in(accepted)


def _plain(row: Any) -> dict[str, Any]:
    return {name: value for name, value in row._mapping.items() if name not in ("session", "id")}
