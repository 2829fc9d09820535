"""What people are asked about: corrections that are not believed yet in, what a reviewer decides of each out.

The least sure answers are asked about first: that is where one word teaches most (Lewis and Gale 1994)."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from sqlalchemy import insert, select

from mien.feedback import tables
from mien.feedback.intake import USUAL, Intake, Offered, believed, offered
from mien.feedback.store import Store
from mien.feedback.tables import ACCEPTED, LOCAL, REJECTED, REOPENED

DECISIONS = (ACCEPTED, REJECTED, REOPENED)


@dataclass(frozen=True)
class Question:
    """A correction that waits, and why."""

    offered: Offered
    why: str

    @property
    def doubt(self) -> float:
        """Entropy of the answer that was corrected, in shares of the most there can be; 1 where it is not known."""
        given = self.offered.row["given"]
        p = np.array(list(given.values()), float) if given else np.ones(2)
        if p.size < 2 or p.sum() <= 0:
            return 1.0
        p = p[p > 0] / p.sum()
        return float(-(p * np.log(p)).sum() / np.log(len(given or p)))


class Reviews:
    """Of the corrections in a store; `labels` are the names there are."""

    def __init__(self, store: Store, labels: Collection[str], rules: Intake = USUAL) -> None:
        self.store, self.labels, self.rules = store, labels, rules

    def queue(self) -> list[Question]:
        """What waits, the least sure first."""
        _, waiting = believed(offered(self.store), self.rules)
        return sorted((Question(one, why) for one, why in waiting), key=lambda question: -question.doubt)

    def open_to(self, question: Question, actor: str) -> bool:
        """Whether this reviewer may decide it."""
        return _may(question.offered.row["client"], actor)

    def decide(self, correction: str, actor: str, decision: str, expression: str = "") -> None:
        """`accepted`, under the `expression` that is given, if another; `rejected`; or `reopened`, which takes it back.

        Raises ValueError for another word or an unknown expression, LookupError for a correction that is not there, and
        PermissionError for one that the reviewer gave."""
        if decision not in DECISIONS:
            raise ValueError(f"no decision {decision!r}; there are: {', '.join(DECISIONS)}")
        if expression and expression not in self.labels:
            raise ValueError(f"no expression {expression!r}; there are: {', '.join(self.labels)}")
        if not _may(self._client(correction), actor):
            raise PermissionError("nobody decides about a correction of their own; somebody else must")
        own = {"correction": correction, "actor": actor, "decision": decision, "time": time.time()}
        with self.store.writing() as c:
            c.execute(insert(tables.reviews).values(**own, expression=expression if decision == ACCEPTED else ""))
        self.store.note(actor, "review", correction, decision=decision, expression=expression)

    def _client(self, correction: str) -> str:
        t = tables.corrections
        with self.store.reading() as c:
            found: str | None = c.scalar(select(t.c.client).where(t.c.id == correction, t.c.png.is_not(None)))
        if found is None:
            raise LookupError(f"no correction {correction} with a picture")
        return found


def _may(client: str, actor: str) -> bool:
    """Nobody decides about what they said themselves, but this machine's owner."""
    return client != actor or actor == LOCAL
