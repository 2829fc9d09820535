"""What people said of faces, as samples: corrections with a picture in, those that may be believed out, each with its reason.

Believed is a person whose word was right before: of each client (a key, or this machine's owner) reviewed corrections are
counted, and the least share that is right at 95 % (Wilson 1927) decides. What is not believed waits for a review; what
contradicts itself does, too. Nobody brings in more than a quota, nor may a class grow by more than a share in one cycle."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from sqlalchemy import select

from mien.datasets.base import SPLITS, Sample, as_stored
from mien.datasets.look import image_id
from mien.datasets.versions import Store as Versions
from mien.errors import insist
from mien.evaluation.scores import interval
from mien.feedback import tables
from mien.feedback.corrections import Corrections
from mien.feedback.store import Store
from mien.labels import LabelSet

LOCAL = "local"
"""The client of this machine's owner."""
ACCEPTED, REJECTED, REOPENED = "accepted", "rejected", "reopened"


@dataclass(frozen=True)
class Intake:
    """Whom is believed, and how much of it."""

    trust: float = 0.7
    """Least share of right corrections, at 95 %, of a client who is believed without review."""
    local: bool = True
    """Whether this machine's owner is believed."""
    quota: int = 500
    """Corrections of one client in one cycle."""
    growth: float = 0.25
    """Of each class: new samples in one cycle over those there are, beyond the first hundred."""

    def __post_init__(self) -> None:
        insist(
            self,
            ("trust", 0 <= self.trust <= 1, "0 to 1"),
            ("quota", self.quota >= 0, "0 or more"),
            ("growth", self.growth >= 0, "0 or more"),
        )


USUAL = Intake()


def trust(decided: Mapping[str, Collection[str]]) -> dict[str, float]:
    """Client -> least share of its reviewed corrections that is right, at 95 %."""
    return {client: interval(sum(d == ACCEPTED for d in ds) / len(ds), len(ds))[0] for client, ds in decided.items() if ds}


def decisions(store: Store) -> dict[str, dict[str, Any]]:
    """Correction -> the newest review of it, unless it was taken back: decision, expression, actor, time."""
    r = tables.reviews
    with store.reading() as c:
        newest = {row.correction: dict(row._mapping) for row in c.execute(select(r).order_by(r.c.id))}
    return {correction: review for correction, review in newest.items() if review["decision"] != REOPENED}


@dataclass(frozen=True)
class Offered:
    """A correction with its picture, and what became of it so far."""

    row: Mapping[str, Any]
    png: bytes
    review: Mapping[str, Any] | None

    @property
    def expression(self) -> str:
        """What it is to be called: a review may have named another."""
        return str((self.review or {}).get("expression") or self.row["expression"])

    @cached_property
    def image(self) -> np.ndarray:
        """uint8 (h, w) or RGB (h, w, 3)."""
        return as_stored(self.png)

    @cached_property
    def image_id(self) -> bytes:
        """The same for the same picture."""
        return image_id(self.image)

    @property
    def key(self) -> str:
        return f"server/{self.row['id']}"


def offered(store: Store) -> list[Offered]:
    """All corrections with a picture, the oldest first."""
    reviews = decisions(store)
    return [Offered(row, png, reviews.get(row["id"])) for row, png in Corrections(store, ()).collected()]


def believed(found: list[Offered], rules: Intake) -> tuple[list[tuple[Offered, str]], list[tuple[Offered, str]]]:
    """Those that are taken, each with why, and those that wait for a review, each with why."""
    decided: dict[str, list[str]] = defaultdict(list)
    said: dict[bytes, set[str]] = defaultdict(set)
    for one in found:
        if one.review:
            decided[one.row["client"]].append(one.review["decision"])
        said[one.image_id].add(one.expression)
    sure, taken, waiting, many = trust(decided), list[tuple[Offered, str]](), list[tuple[Offered, str]](), Counter[str]()
    for one in found:
        client = one.row["client"]
        if one.review:
            if one.review["decision"] == ACCEPTED:
                taken.append((one, f"reviewed by {one.review['actor']}"))
            continue
        many[client] += 1
        if len(said[one.image_id]) > 1:
            waiting.append((one, "people said different things of this picture"))
        elif many[client] > rules.quota:
            waiting.append((one, f"more than {rules.quota} of this client at once"))
        elif client == LOCAL and rules.local:
            taken.append((one, "said by this machine's owner"))
        elif sure.get(client, 0.0) >= rules.trust:
            taken.append((one, f"said by {client}, right in at least {sure[client]:.0%} before"))
        else:
            waiting.append((one, f"{client} has not been right often enough yet"))
    return taken, waiting


def gathered(
    store: Store, labels: LabelSet, rules: Intake, there: Collection[str], held: Collection[bytes], versions: Versions
) -> list[tuple[Sample, str]]:
    """New samples, each with its reason: believed, not `there` yet by their keys, of no picture that is `held` out, of nobody
    who took consent back, within what a class may grow by."""
    taken, _ = believed(offered(store), rules)
    names = [labels[labels.index(row.label)] for row in versions.rows()]
    room = {name: 100 + int(rules.growth * n) for name, n in Counter(names).items()}
    found = []
    for one, why in taken:
        if one.key in there or one.expression not in labels or one.image_id in held or not _may(versions, one.row["subject"]):
            continue
        name = labels[labels.index(one.expression)]
        if room.get(name, 100) <= 0:
            continue
        room[name] = room.get(name, 100) - 1
        sample = Sample(one.image, labels.index(name), SPLITS[0], one.key, None, one.row["subject"])
        agreed = (
            f"; consent: {one.row['agreed']}" if one.row["agreed"] else "; sent with a correction, which is consent to keep it"
        )
        found.append((sample, why + agreed))
    return found


def _may(versions: Versions, subject: str) -> bool:
    try:
        versions.ask_for_consent(subject)
    except ValueError:
        return False
    return True
