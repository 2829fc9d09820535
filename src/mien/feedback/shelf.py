"""The models that a store keeps, and which of them answers: run folders in, versions out; promoted and taken back at once.

A version is copied whole before anything names it, and which one answers is a row of the database: whoever is stopped at
any moment leaves either the old model or the new one."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select, update

from mien.card import ModelCard
from mien.feedback import tables
from mien.feedback.store import Store
from mien.weights import find_card, find_graph

MODELS = "models"
CARD, REPORT = "card.json", "report.json"


class Shelf:
    """Of a store in a folder. Raises ValueError for one that is in memory."""

    def __init__(self, store: Store) -> None:
        if store.path is None:
            raise ValueError("a store in memory keeps no models; give a folder")
        self.store, self.folder = store, store.path.parent / MODELS

    def add(self, run: str | Path, name: str = "") -> str:
        """Copy the model of a run folder (or any that `mien predict --model` takes): its version. `name`: that it goes by."""
        path = find_card(run)
        card = ModelCard.load(path)
        graph = find_graph(card, path)
        place = self.folder / card.version
        if (place / CARD).is_file():
            return card.version
        new = self.folder / f"{card.version}.{os.getpid()}.new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        shutil.copyfile(graph, new / graph.name)
        if (path.parent / REPORT).is_file():
            shutil.copyfile(path.parent / REPORT, new / REPORT)
        replace(card, name=name or card.name, weights=graph.name).save(new / CARD)
        shutil.rmtree(place, ignore_errors=True)  # what a stopped copy of an older mien may have left
        new.replace(place)
        return card.version

    def card(self, version: str) -> Path:
        """The card of a version, or of the packaged model where it is empty. Raises ValueError with those that are there."""
        if not version:
            return find_card()
        found = self.folder / version / CARD
        if not found.is_file():
            raise ValueError(f"no model {version!r} in {self.folder}; there are: {', '.join(self.versions()) or 'none'}")
        return found

    def versions(self) -> list[str]:
        """What is kept, whole."""
        return sorted(path.parent.name for path in self.folder.glob(f"*/{CARD}") if not path.parent.name.endswith(".new"))

    @property
    def current(self) -> str:
        """Version of the model that answers; empty: the packaged one."""
        p = tables.promotions
        with self.store.reading() as c:
            return c.scalar(select(p.c.model).where(~p.c.undone).order_by(p.c.id.desc()).limit(1)) or ""

    def promote(self, version: str, actor: str, reason: str) -> None:
        """Let it answer from now on. Raises ValueError for a version that is not there, or not whole."""
        path = self.card(version)
        find_graph(ModelCard.load(path), path)
        if version == self.current:
            return
        with self.store.writing() as c:
            c.execute(insert(tables.promotions).values(time=time.time(), model=version, actor=actor, reason=reason))
        self.store.note(actor, "promote", version, reason=reason)

    def roll_back(self, actor: str, reason: str = "") -> tuple[str, str]:
        """Let the one before answer again: the version that was taken back, and that which answers now.

        Raises ValueError where none was promoted."""
        p = tables.promotions
        with self.store.writing() as c:
            last = c.execute(select(p).where(~p.c.undone).order_by(p.c.id.desc()).limit(1)).first()
            if last is None:
                raise ValueError(f"{self.folder}: no model was promoted, so there is none to take back")
            c.execute(update(p).where(p.c.id == last.id).values(undone=True))
        now = self.current
        self.store.note(actor, "roll back", last.model, reason=reason, now=now)
        return last.model, now

    def history(self) -> list[dict[str, Any]]:
        """The promotions, the newest first."""
        with self.store.reading() as c:
            return [dict(row._mapping) for row in c.execute(select(tables.promotions).order_by(tables.promotions.c.id.desc()))]
