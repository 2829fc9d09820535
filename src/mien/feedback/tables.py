"""The database's tables as they are now; how older ones become them is in migrations/."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Float, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text

LOCAL, AGREEMENT, QUESTION, MONITOR = "local", "agreement", "question", "monitor"
"""Clients that are no key: this machine's owner, and mien itself (mien.feedback.proposals), with what all models agree on, which
is believed like anybody, what they are unsure of, and what the monitor of labels doubts, which are there to be asked about."""
ACCEPTED, REJECTED, REOPENED = "accepted", "rejected", "reopened"
"""What a reviewer decides."""

METADATA = MetaData()
"""Times are seconds since 1970, UTC; `time_s` are seconds since a session's start."""

keys = Table(
    "keys",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("created", Float, nullable=False),
    Column("revoked", Float),
)

sessions = Table(
    "sessions",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("client", Text, nullable=False),
    Column("title", Text, nullable=False, default=""),
    Column("model", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("started", Float, nullable=False),
    Column("ended", Float),
    Column("consent", Text, nullable=False, default=""),
)
"""`client`: id of the key that opened it, or `local`. `consent`: the words agreed to for recording; empty: none."""

moments = Table(
    "moments",
    METADATA,
    Column("session", Text, ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True),
    Column("second", Integer, primary_key=True),
    Column("track", Integer, primary_key=True),
    Column("frames", Integer, nullable=False),
    Column("unsure", Integer, nullable=False),
    Column("probability", JSON, nullable=False),
)
"""What was seen of one face in one second: name -> mean probability over `frames`, of which `unsure` were."""

marks = Table(
    "marks",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("session", Text, ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("time_s", Float, nullable=False),
    Column("text", Text, nullable=False),
)

records = Table(
    "records",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("session", Text, ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("time_s", Float, nullable=False),
    Column("track", Integer),
    Column("png", LargeBinary, nullable=False),
)
"""Face crops, of sessions with consent alone."""

corrections = Table(
    "corrections",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("created", Float, nullable=False),
    Column("client", Text, nullable=False),
    Column("session", Text, ForeignKey("sessions.id", ondelete="SET NULL"), index=True),
    Column("model", Text, nullable=False),
    Column("given", JSON),
    Column("expression", Text, nullable=False),
    Column("note", Text, nullable=False, default=""),
    Column("png", LargeBinary),
    Column("consent", Boolean, nullable=False, default=False),
    Column("subject", Text, nullable=False, default="", server_default=""),
    Column("agreed", Text, nullable=False, default="", server_default=""),
    Column("taken", Float),
)
"""What a person says a face shows, or mien itself (mien.feedback.proposals). `given`: name -> probability of the answer that is
wrong. `png`: the crop, with consent. `subject`: whose face it is, where it was collected for training, and `agreed`, the
words of consent. `taken`: when it entered the faces that are learnt from."""

promotions = Table(
    "promotions",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("time", Float, nullable=False),
    Column("model", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("undone", Boolean, nullable=False, default=False),
)
"""The models that were promoted, in turn; the last that was not undone is the one that answers. `model`: its version; empty:
the packaged one."""

reviews = Table(
    "reviews",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("correction", Text, ForeignKey("corrections.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("time", Float, nullable=False),
    Column("actor", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("expression", Text, nullable=False, default=""),
)
"""What reviewers decided: `accepted`, under the `expression` that they named, if another, or `rejected`. The newest counts."""

audit = Table(
    "audit",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("time", Float, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False, default=""),
    Column("detail", JSON),
)
Index("audit_time", audit.c.time)
