"""What people said of faces, as samples: corrections with a picture in, those that may be believed out, each with its reason.

Believed is a person whose word was right before: of each client (a key, or this machine's owner) reviewed corrections are
counted, and the least share that is right at 95 % (Wilson 1927) decides; so it is with what all models agree on. What is not
believed waits for a review; what contradicts itself does, too. Nobody brings in more than a quota, nor may a class grow by
more than a share in one cycle."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from sqlalchemy import select

from mien.datasets.audit import RELABEL, REMOVE, Action
from mien.datasets.base import SPLITS, Sample, as_stored
from mien.datasets.look import image_id
from mien.datasets.versions import ADDED, Row
from mien.datasets.versions import Store as Versions
from mien.errors import insist
from mien.evaluation.scores import interval
from mien.feedback import tables
from mien.feedback.corrections import Corrections
from mien.feedback.store import Store
from mien.feedback.tables import ACCEPTED, AGREEMENT, LOCAL, MONITOR, QUESTION, REJECTED, REOPENED
from mien.labels import LabelSet

KEYS = "server/"
"""What the keys of such samples begin with; then comes the correction's id."""
REVIEWED = 10
"""One agreement in so many is reviewed, however often it was right."""


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


def trust(right: Mapping[str, Collection[bool]]) -> dict[str, float]:
    """Client -> least share of its reviewed corrections that is right, at 95 %."""
    return {client: interval(sum(of) / len(of), len(of))[0] for client, of in right.items() if of}


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

    @cached_property
    def digest(self) -> str:
        """The same for the same picture, without decoding it: what is kept is encoded here, always in one way."""
        return hashlib.sha256(self.png).hexdigest()

    @property
    def key(self) -> str:
        return f"{KEYS}{self.row['id']}"

    @property
    def decision(self) -> str:
        """Empty where nobody decided."""
        return str((self.review or {}).get("decision") or "")

    @property
    def right(self) -> bool:
        """Whether a review found that it shows what was said."""
        return self.decision == ACCEPTED and self.expression == self.row["expression"]


def offered(store: Store) -> list[Offered]:
    """All corrections with a picture, the oldest first."""
    reviews = decisions(store)
    return [Offered(row, png, reviews.get(row["id"])) for row, png in Corrections(store, ()).collected()]


def believed(found: list[Offered], rules: Intake) -> tuple[list[tuple[Offered, str]], list[tuple[Offered, str]]]:
    """Those that are taken, each with why, and those that wait for a review, each with why."""
    right: dict[str, list[bool]] = defaultdict(list)
    said: dict[str, set[str]] = defaultdict(set)
    for one in found:
        if one.review:
            right[one.row["client"]].append(one.right)
        if one.decision != REJECTED and (one.review or one.row["client"] not in (QUESTION, MONITOR)):
            said[one.digest].add(one.expression)
    sure, taken, waiting, many = trust(right), list[tuple[Offered, str]](), list[tuple[Offered, str]](), Counter[str]()
    for one in found:
        client = one.row["client"]
        if one.review:
            if one.decision == ACCEPTED:
                taken.append((one, f"reviewed by {one.review['actor']}"))
            continue
        many[client] += 1
        if why := _doubt(one, len(said[one.digest]), many[client], sure.get(client, 0.0), rules):
            waiting.append((one, why))
        elif client == LOCAL:
            taken.append((one, "said by this machine's owner"))
        else:
            who = "what all models agree on" if client == AGREEMENT else f"said by {client}"
            taken.append((one, f"{who}, right in at least {sure[client]:.0%} before"))
    return taken, waiting


def _doubt(one: Offered, names: int, number: int, sure: float, rules: Intake) -> str:
    """Why it is not believed without a review; empty: it is. `number`: of its client's corrections so far."""
    client = one.row["client"]
    if client == QUESTION:
        return "the models are unsure of it, or differ"
    if client == MONITOR:
        return "the monitor of labels doubts it"
    if names > 1:
        return "people said different things of this picture"
    if number > rules.quota:
        return f"more than {rules.quota} of this client at once"
    if client == LOCAL and rules.local:
        return ""
    if sure < rules.trust:
        return f"{'what all models agree on' if client == AGREEMENT else client} has not been right often enough yet"
    if client == AGREEMENT and int(one.row["id"], 16) % REVIEWED == 0:
        return "one in ten of what all models agree on is looked at"
    return ""


@dataclass(frozen=True)
class Gathered:
    """What a cycle takes in."""

    new: list[tuple[Sample, str]]
    """Samples that are not there yet, each with its reason."""
    actions: dict[str, Action]
    """What reviewers said of faces that are there, by their keys."""
    used: list[str]
    """Ids of the corrections behind all that."""


def gathered(store: Store, labels: LabelSet, rules: Intake, held: Collection[bytes], versions: Versions) -> Gathered:
    """Believed, of no picture that is `held` out, of nobody who took consent back, within what a class may grow by.

    A picture that is among the faces is not taken in again; what a reviewer said of it changes its label, or removes it."""
    found = offered(store)
    taken, _ = believed(found, rules)
    rows = list(versions.rows())
    there: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        there[row.image].append(row)
    keys, names = {row.key for row in rows}, Counter(labels[labels.index(row.label)] for row in rows)
    room = {name: 100 + int(rules.growth * n) for name, n in names.items()}
    new, actions, used = [], _removed(found, there), list[str]()
    for one, why in taken:
        if one.expression not in labels or one.image_id in held or not _may(versions, one.row["subject"]):
            continue
        name = labels[labels.index(one.expression)]
        if same := there.get(one.image_id.hex()):
            if one.review:
                actions |= {row.key: _relabelled(row, name, why) for row in same if row.label != name and row.key not in actions}
                used.append(one.row["id"])
        elif one.key not in keys and room.get(name, 100) > 0:
            room[name] = room.get(name, 100) - 1
            sample = Sample(one.image, labels.index(name), SPLITS[0], one.key, None, one.row["subject"])
            new.append((sample, f"{why}; {consent(one.row)}"))
            used.append(one.row["id"])
    return Gathered(new, actions, used)


def _removed(found: list[Offered], there: Mapping[str, list[Row]]) -> dict[str, Action]:
    """Faces that the monitor doubted, and of which a reviewer said that they show nothing there is a name for."""
    rejected = [one for one in found if one.row["client"] == MONITOR and one.decision == REJECTED]
    return {
        row.key: Action(row.key, row.split, row.label, REMOVE, f"not clear, said {one.review['actor'] if one.review else ''}")
        for one in rejected
        for row in there.get(one.image_id.hex(), [])
    }


def _relabelled(row: Row, name: str, why: str) -> Action:
    return Action(row.key, row.split, row.label, RELABEL, why, name)


def consent(row: Mapping[str, Any]) -> str:
    """Why a correction's picture may be kept."""
    return f"consent: {row['agreed']}" if row["agreed"] else "sent with a correction, which is consent to keep it"


def erased(store: Store, versions: Versions) -> list[str]:
    """Keys of faces that were taken in here and whose corrections were erased since: they are to go, too."""
    with store.reading() as c:
        there = set(c.scalars(select(tables.corrections.c.id)))
    came = (version.id for version in versions.log() if version.source)  # the first one's faces are from elsewhere
    added = {change["key"] for id in came for change in versions.changes(id) if change["change"] == ADDED}
    return sorted(key for key in added if key.startswith(KEYS) and key.removeprefix(KEYS) not in there)


def _may(versions: Versions, subject: str) -> bool:
    try:
        versions.ask_for_consent(subject)
    except ValueError:
        return False
    return True
