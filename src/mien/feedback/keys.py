"""API keys: made once, shown once, kept as a hash. A token in, the key it belongs to out."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update

from mien.feedback import tables
from mien.feedback.store import Store

SCOPES = {
    "predict": "send pictures",
    "live": "send live frames",
    "feedback": "correct answers",
    "sessions": "list, export and erase its own sessions",
    "review": "say which corrections are right",
    "dashboard": "see the figures, and see, mark and erase everybody's sessions",
}
USUAL = ("predict", "live", "feedback", "sessions")
"""What a key is for unless told otherwise."""
START = "mien"
"""Of every token, so that scanners for secrets know one: mien_<id>_<secret>."""


@dataclass(frozen=True)
class Key:
    """What a token may do."""

    id: str
    name: str
    scopes: frozenset[str]
    created: float
    revoked: float | None = None


class Keys:
    """The keys in a store. A secret has 256 random bits, so that one pass of SHA-256 is enough to keep it."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def create(self, name: str, scopes: Iterable[str] = USUAL) -> str:
        """The token, which nobody can show again. Raises ValueError for an empty name or an unknown scope."""
        scopes = sorted(set(scopes))
        unknown = [scope for scope in scopes if scope not in SCOPES]
        if unknown or not scopes:
            raise ValueError(f"no scope {', '.join(map(repr, unknown)) or 'was given'}; there are: {', '.join(SCOPES)}")
        if not name.strip():
            raise ValueError("a key needs a name, such as the person or program that will use it")
        key, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        row = {"id": key, "name": name.strip(), "hash": _hash(secret), "scopes": scopes, "created": time.time()}
        with self.store.writing() as c:
            c.execute(insert(tables.keys).values(row))
        return f"{START}_{key}_{secret}"

    def of(self, token: str) -> Key | None:
        """The key, unless the token is wrong or the key was revoked."""
        parts = token.split("_", 2)
        if len(parts) != 3 or parts[0] != START:
            return None
        with self.store.reading() as c:
            row = c.execute(select(tables.keys).where(tables.keys.c.id == parts[1])).first()
        right = hmac.compare_digest(row.hash if row else "", _hash(parts[2]))
        return _key(row) if row and right and row.revoked is None else None

    def holds(self, id: str) -> bool:
        """Whether there is such a key that was not revoked."""
        with self.store.reading() as c:
            return (
                c.execute(select(tables.keys.c.id).where(tables.keys.c.id == id, tables.keys.c.revoked.is_(None))).first()
                is not None
            )

    def all(self) -> list[Key]:
        with self.store.reading() as c:
            return [_key(row) for row in c.execute(select(tables.keys).order_by(tables.keys.c.created))]

    def revoke(self, id: str) -> None:
        """From now on its token is refused. Raises ValueError for an id that is not there."""
        with self.store.writing() as c:
            keys = tables.keys
            done = c.execute(update(keys).where(keys.c.id == id, keys.c.revoked.is_(None)).values(revoked=time.time()))
        if not done.rowcount:
            there = ", ".join(key.id for key in self.all() if key.revoked is None) or "none"
            raise ValueError(f"no key {id!r} that could be revoked; there are: {there}")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _key(row: Any) -> Key:
    return Key(row.id, row.name, frozenset(row.scopes), row.created, row.revoked)
