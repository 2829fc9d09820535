"""What mien itself says of faces, as corrections like anybody's: crops of sessions whose people agreed in; out go those on which
every model and the track agree, and those that a person is best asked about.

An agreement is believed as a client is: when reviewed ones were right often enough, and one in ten is reviewed all the same
(mien.feedback.intake). Asked about is what the models are unsure of (entropy) or differ on (mutual information: Houlsby et al.
2011, "Bayesian active learning"), each unlike those that are asked about already (maximal marginal relevance, Carbonell and
Goldstein 1998)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import select

from mien.classifiers import Classifier, load_classifier
from mien.datasets.base import Dataset, Sample, as_stored
from mien.datasets.look import image_id, thumbnail
from mien.errors import insist
from mien.feedback import tables
from mien.feedback.corrections import Corrections
from mien.feedback.holdout import probabilities
from mien.feedback.shelf import Shelf
from mien.feedback.store import Store
from mien.feedback.tables import AGREEMENT, MONITOR, QUESTION
from mien.image import encode
from mien.labels import LabelSet
from mien.weights import packaged

TINY = 1e-12


@dataclass(frozen=True)
class Proposing:
    """What is proposed, and how much of it at once."""

    sure: float = 0.9
    """Least probability that each model gives to what all agree on."""
    near: float = 2.5
    """Seconds within which a track's other crops must show the same; there must be one."""
    alike: float = 0.95
    """Correlation of two small pictures from which on the second is nothing new."""
    agreed: int = 210
    """Faces that all agree on, of each class an equal share."""
    questions: int = 50
    each: int = 20
    """Of one session."""

    def __post_init__(self) -> None:
        insist(
            self,
            ("sure", 0 <= self.sure <= 1, "0 to 1"),
            ("near", self.near >= 0, "0 or more"),
            ("alike", 0 <= self.alike <= 1, "0 to 1"),
            *((name, getattr(self, name) >= 0, "0 or more") for name in ("agreed", "questions", "each")),
        )


USUAL = Proposing()


@dataclass(frozen=True)
class Crop:
    """A face of a session whose person agreed to be recorded."""

    id: str
    """Of the correction that it may become."""
    session: str
    track: int
    time_s: float
    consent: str
    png: bytes


def crops(store: Store) -> list[Crop]:
    """Those that were not proposed before, in the order in which they were seen."""
    r, s, t = tables.records, tables.sessions, tables.corrections
    query = select(r, s.c.consent).join(s, r.c.session == s.c.id).where(s.c.consent != "").order_by(r.c.session, r.c.id)
    with store.reading() as c:
        there = set(c.scalars(select(t.c.id).where(t.c.client.in_((AGREEMENT, QUESTION)))))
        found = [
            Crop(_id(row.session, row.id), row.session, row.track or 0, row.time_s, row.consent, row.png)
            for row in c.execute(query)
        ]
    return [crop for crop in found if crop.id not in there]


def proposed(store: Store, faces: Dataset | None, rules: Proposing = USUAL) -> dict[str, int]:
    """Let the model that answers and the packaged ones look at what sessions left: how many proposals of each kind they made.

    `faces`: those there are, so that none like them is proposed."""
    found = crops(store)
    if not found:
        return {AGREEMENT: 0, QUESTION: 0}
    shelf = Shelf(store)
    models = [load_classifier(shelf.card(shelf.current)), *map(load_classifier, packaged())]
    labels = faces.labels if faces else models[0].labels
    different = {model.card.version: model for model in models if set(labels) <= set(model.labels)}
    known = np.array([thumbnail(sample.image) for sample in faces or ()])
    return propose(store, found, list(different.values()), labels, known, rules)


def propose(
    store: Store,
    found: Sequence[Crop],
    models: Sequence[Classifier],
    labels: LabelSet,
    known: np.ndarray,
    rules: Proposing = USUAL,
) -> dict[str, int]:
    """Put proposals of crops into the store: how many of each kind.

    `known`: small pictures (n, 256) of the faces there are, as `thumbnail` makes them. Fewer than two models agree on nothing."""
    if not found or not models:
        return {AGREEMENT: 0, QUESTION: 0}
    images = [as_stored(crop.png) for crop in found]
    said = np.stack([probabilities(model, images, labels) for model in models])
    small = np.stack([thumbnail(image) for image in images])
    new = (small @ known.T).max(1) < rules.alike if len(known) else np.ones(len(found), bool)
    sure = np.flatnonzero(agreed(said, found, rules) & new) if len(models) > 1 else np.array([], int)
    answer = said.mean(0).argmax(1)
    taken = _novel(sure, small, answer, found, len(labels), rules)
    rest = np.setdiff1d(np.flatnonzero(new), sure)
    asked = _diverse(rest, worth(said), small, found, rules)
    for client, rows in ((AGREEMENT, taken), (QUESTION, asked)):
        for row in rows:
            _keep(store, client, found[row], labels, said[:, row].mean(0))
    return {AGREEMENT: len(taken), QUESTION: len(asked)}


def agreed(said: np.ndarray, found: Sequence[Crop], rules: Proposing) -> np.ndarray:
    """bool (n,): every model is sure of the same name, and so are the track's crops just before and after.

    `said`: probabilities (models, n, k)."""
    top = said.argmax(2)
    same = (top == top[0]).all(0) & (said.max(2).min(0) >= rules.sure)
    answer = said.mean(0).argmax(1)
    tracks: dict[tuple[str, int], list[int]] = {}
    for row, crop in enumerate(found):
        tracks.setdefault((crop.session, crop.track), []).append(row)
    for rows in tracks.values():
        times = np.array([found[row].time_s for row in rows])
        near = np.abs(times[:, None] - times) <= rules.near
        steady = (~near | (answer[rows][:, None] == answer[rows])).all(1) & (near.sum(1) > 1)
        same[rows] &= steady
    return same


def worth(said: np.ndarray) -> np.ndarray:
    """float (n,), 0 to 2: entropy of what the models say on the whole, and how much they differ, in shares of the most."""
    whole = said.mean(0)
    entropy = -(whole * np.log(whole + TINY)).sum(1)
    within = -(said * np.log(said + TINY)).sum(2).mean(0)
    return (2 * entropy - within) / np.log(said.shape[2])


def ask_about(store: Store, found: Iterable[tuple[Sample, str, str]], labels: LabelSet) -> int:
    """Put faces that the monitor doubts before a person, each once and for all: how many. Of each its sample, what it rather
    shows, and why."""
    put = Corrections(store, labels)
    ids = set()
    for sample, rather, why in found:
        id = _id(MONITOR, image_id(sample.image).hex())
        note = f"{sample.key}, labelled {labels[sample.label]}: {why}"
        ids.add(put.add(MONITOR, "", rather or labels[sample.label], png=encode(sample.image), note=note, id=id))
    return len(ids)


def _keep(store: Store, client: str, crop: Crop, labels: LabelSet, p: np.ndarray) -> None:
    given = {name: round(float(share), 4) for name, share in zip(labels, p, strict=True)}
    Corrections(store, labels).add(
        client, "", labels[int(p.argmax())], given=given, session=crop.session, png=crop.png,
        subject=crop.session, agreed=crop.consent, id=crop.id,
    )  # fmt: skip


def _novel(
    rows: np.ndarray, small: np.ndarray, answer: np.ndarray, found: Sequence[Crop], classes: int, rules: Proposing
) -> list[int]:
    """Of each class its share, of each session not too many, none like another."""
    kept: list[int] = []
    count = dict.fromkeys(range(classes), 0)
    of: dict[str, int] = {}
    for row in rows:
        name, session = int(answer[row]), found[row].session
        if count[name] >= rules.agreed // classes or of.get(session, 0) >= rules.each:
            continue
        if kept and (small[kept] @ small[row]).max() >= rules.alike:
            continue
        kept.append(int(row))
        count[name] += 1
        of[session] = of.get(session, 0) + 1
    return kept


def _diverse(rows: np.ndarray, worth: np.ndarray, small: np.ndarray, found: Sequence[Crop], rules: Proposing) -> list[int]:
    """One after another the one that is worth most, less the more it is like one that was chosen."""
    kept: list[int] = []
    like, of = np.zeros(len(small)), dict[str, int]()
    open_ = np.zeros(len(small), bool)
    open_[rows] = True
    while open_.any() and len(kept) < rules.questions:
        row = int(np.where(open_, worth * (1 - like), -np.inf).argmax())
        open_[row] = False
        session = found[row].session
        if like[row] >= rules.alike or of.get(session, 0) >= rules.each:
            continue
        kept.append(row)
        of[session] = of.get(session, 0) + 1
        like = np.maximum(like, small @ small[row])
    return kept


def _id(*of: object) -> str:
    """The same for the same face: it is proposed once."""
    return hashlib.sha256("/".join(map(str, of)).encode()).hexdigest()[:32]
