"""The loop that mends the data: a store and a dataset in; corrections taken in, labels curated, a net retrained, compared with
the one that answers, and promoted if it is better, out.

After each step what was done is written down, and each step can be done again from its beginning, so a cycle that was
stopped at any moment goes on where it was. Folder of a cycle: `state.json`; `watch/`, the run whose dynamics are read;
`scores.parquet`, `actions.csv`; `run/`, the challenger; `verdict.json`."""

from __future__ import annotations

import json
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from pathlib import Path

from mien.datasets import open_dataset
from mien.datasets.audit import LOOK, write_actions
from mien.datasets.base import SPLITS, WRITERS, Dataset, Sample, Through
from mien.datasets.clean import Cleaned, by_key
from mien.datasets.dynamics import read_histories
from mien.datasets.look import image_id
from mien.datasets.split import place
from mien.datasets.versions import Store as Versions
from mien.datasets.versions import VersionedDataset
from mien.datasets.votes import AsMostSaw
from mien.feedback.corrections import Corrections
from mien.feedback.curation import Policy, actions
from mien.feedback.gate import Rules
from mien.feedback.holdout import faces_of, judged
from mien.feedback.intake import Intake, erased, gathered
from mien.feedback.monitor.labels import LabelMonitor
from mien.feedback.proposals import Proposing, ask_about, proposed
from mien.feedback.scores import scored
from mien.feedback.shelf import Shelf
from mien.feedback.store import Store
from mien.feedback.tables import AGREEMENT, QUESTION
from mien.labels import LabelSet
from mien.locks import alone

FACES, HOLD_OUT, CYCLES, LOCK = "faces.mien", "holdout.parquet", "cycles", "cycle.lock"
STEPS = ("begin", "gather", "watch", "curate", "retrain", "judge", "promote")
CHOOSE = 0.05
"""Share of what is learnt from that is kept to choose on, by a hash: the hold-out is for the gate alone."""
ACTOR = "cycle"
ASKED = 100
"""Faces that the monitor doubts and a person is asked about, where it is to `look`; the most doubtful ones, in one cycle."""

Fit = Callable[[Path, Dataset, bool], None]
"""Trains a net on a dataset in a run folder, or goes on with it, and leaves a card there; True: it is the watched run, whose
dynamics are kept."""
Say = Callable[[str], None]


@dataclass
class State:
    """How far a cycle is, as its state.json says."""

    number: int
    done: list[str] = field(default_factory=list)
    begun_from: str = ""
    """Version of the faces before the cycle."""
    watched: str = ""
    """Version whose labels are looked at: with what people said."""
    gathered: int = 0
    curated: dict[str, int] = field(default_factory=dict)
    faces: str = ""
    """Version that the challenger learns from."""
    champion: str = ""
    """Version of the model that answered; empty: the packaged one."""
    challenger: str = ""
    passed: bool | None = None
    reasons: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """What a cycle is told."""

    data: Path
    """What the faces begin with, and where the hold-out is from."""
    fit: Fit
    split: str = "PublicTest"
    """The hold-out."""
    people: bool | None = None
    """Labels are what most people saw, by the data's votes, instead of the data's own; None: where there are votes."""
    policy: Policy = field(default_factory=Policy)
    rules: Rules = field(default_factory=Rules)
    intake: Intake = field(default_factory=Intake)
    proposing: Proposing = field(default_factory=Proposing)
    monitor: Path | None = None
    """Folder of a label monitor; None: the packaged one."""


class Cycle:
    """`run()` does the next cycle of a store, or goes on with the one that was stopped."""

    def __init__(self, folder: Path, plan: Plan, say: Say = lambda text: None) -> None:
        self.folder, self.plan, self.say = folder, plan, say

    def run(self) -> State:
        """Raises ValueError where another cycle is at work on this store, or the data will not do."""
        with alone(self.folder / LOCK, ACTOR):
            store = Store(self.folder)
            try:
                return self._run(store)
            finally:
                store.close()

    def _run(self, store: Store) -> State:
        state = self._state()
        steps: Mapping[str, Callable[[State, Store], None]] = {name: getattr(self, f"_{name}") for name in STEPS}
        for name, step in steps.items():
            if name not in state.done:
                self.say(f"cycle {state.number}: {name}")
                step(state, store)
                self._ask_for_the_store(store)
                state.done.append(name)
                self._write(state)
        return state

    def _ask_for_the_store(self, store: Store) -> None:
        """Raises FileNotFoundError where it vanished meanwhile: what was done is not written down beside an empty one."""
        if store.path is None or not store.path.exists():
            raise FileNotFoundError(f"{self.folder}: the store is gone; put it back, and call again: the cycle goes on")

    def _state(self) -> State:
        """Of the cycle that was stopped, or of a new one."""
        found = sorted((self.folder / CYCLES).glob("*/state.json"))
        if found:
            try:
                last = State(**json.loads(found[-1].read_text(encoding="utf-8")))
            except (TypeError, ValueError) as error:
                raise ValueError(f"{found[-1]} is not what a cycle is told by: {error}; remove its folder") from error
            if set(last.done) < set(STEPS):
                return last
            return State(last.number + 1)
        return State(1)

    def _write(self, state: State) -> None:
        self._of(state).mkdir(parents=True, exist_ok=True)
        new = self._of(state) / "state.new"
        new.write_text(json.dumps(asdict(state), indent=2) + "\n", encoding="utf-8")
        new.replace(self._of(state) / "state.json")

    def _of(self, state: State) -> Path:
        return self.folder / CYCLES / f"{state.number:04d}"

    def _begin(self, state: State, store: Store) -> None:
        """The hold-out, frozen for good, and the first version of the faces."""
        file, versions = self.folder / HOLD_OUT, Versions(self.folder / FACES)
        dataset = open_dataset(self.plan.data)
        if self.plan.people and not dataset.vote_labels:
            raise ValueError(f"{self.plan.data} has no votes, so what most people saw is not known")
        people = dataset.vote_labels is not None if self.plan.people is None else self.plan.people
        dataset = AsMostSaw(dataset) if people else dataset
        self._ask_for_the_same(VersionedDataset(versions.path).labels if versions.head else dataset.labels)
        if not file.exists():
            self._freeze(dataset, file)
        if not versions.head:
            held = ids_of(file)
            kept = (s for s in dataset if s.split == SPLITS[0] and image_id(s.image) not in held)
            what = "what most people saw" if people else "its labels"
            versions.commit(kept, dataset.labels, dataset.vote_labels, f"Training of {self.plan.data.name}, {what}", actor=ACTOR)
        state.begun_from = versions.head

    def _ask_for_the_same(self, labels: LabelSet) -> None:
        """Before anything is trained: raises ValueError for a monitor of other classes."""
        known = LabelMonitor(self.plan.monitor).card.labels
        if known != labels:
            raise ValueError(
                f"the monitor knows {', '.join(known)}; the faces are of {', '.join(labels)}: fit one for them with "
                "mien feedback monitor, and give it as --monitor"
            )

    def _freeze(self, dataset: Dataset, file: Path) -> None:
        faces = faces_of(dataset, self.plan.split)
        new = file.with_name(f"new.{file.name}")
        with WRITERS["parquet"](new, dataset.labels) as write:
            for number, (chip, target) in enumerate(zip(faces.chips, faces.targets.tolist(), strict=True)):
                write(Sample(chip, target, self.plan.split, str(number)))
        new.replace(file)

    def _gather(self, state: State, store: Store) -> None:
        """What people said of faces, if they may be believed: behind the samples there are, or in place of their labels."""
        versions = Versions(self.folder / FACES)
        if gone := versions.erase(erased(store, versions)):
            self.say(f"  {gone:,} faces that were taken back are erased")
        now = VersionedDataset(versions.path)
        made = proposed(store, now, self.plan.proposing)
        if sum(made.values()):
            self.say(f"  {made[AGREEMENT]:,} faces of sessions on which all models agree, {made[QUESTION]:,} to ask about")
        found = gathered(store, now.labels, self.plan.intake, ids_of(self.folder / HOLD_OUT), versions)
        if found.new or found.actions:
            samples, reasons = [sample for sample, _ in found.new], {sample.key: why for sample, why in found.new}
            cleaned = Cleaned(now.whole(), now.labels, found.actions)
            versions.commit(
                chain(cleaned, samples), now.labels, now.vote_labels, f"cycle {state.number}: said by people",
                reasons=ChainMap(reasons, cleaned.reasons), actor=ACTOR, source=str(self.folder),
            )  # fmt: skip
        Corrections(store, ()).take(found.used)
        state.watched = versions.head
        state.gathered = versions.version().samples - versions.version(state.begun_from).samples
        mended = f", {len(found.actions):,} reviewed" if found.actions else ""
        self.say(f"  {state.gathered:,} new samples{mended}")

    def _watch(self, state: State, store: Store) -> None:
        self.plan.fit(self._of(state) / "watch", self._learning(state.watched), True)

    def _curate(self, state: State, store: Store) -> None:
        """Labels that are likely wrong, out of the faces."""
        scores = scored(read_histories(self._of(state) / "watch"), LabelMonitor(self.plan.monitor))
        scores.save(self._of(state) / "scores.parquet")
        wanted = actions(scores, self.plan.policy)
        write_actions(wanted, self._of(state) / "actions.csv")
        versions = Versions(self.folder / FACES)
        now = VersionedDataset(versions.path)
        cleaned = Cleaned(now.whole(), now.labels, by_key(wanted, self._of(state) / "actions.csv"))
        made = versions.commit(
            cleaned, now.labels, now.vote_labels, f"cycle {state.number}: likely wrong", reasons=cleaned.reasons, actor="monitor"
        )
        looked_at = [a for a in wanted if a.action == LOOK][:ASKED]
        if looked_at:
            why = {action.key: (action.to, action.reason) for action in looked_at}
            asked = ask_about(store, ((s, *why[s.key]) for s in now.whole() if s.key in why), now.labels)
            self.say(f"  {asked:,} of them wait for a review")
        state.faces = made.id
        state.curated = {how: sum(a.action == how for a in wanted) for how in sorted({a.action for a in wanted})}
        self.say("  " + (", ".join(f"{n:,} to {how}" for how, n in state.curated.items()) or "nothing to do"))

    def _retrain(self, state: State, store: Store) -> None:
        self.plan.fit(self._of(state) / "run", self._learning(state.faces), False)

    def _judge(self, state: State, store: Store) -> None:
        shelf = Shelf(store)
        state.champion = shelf.current
        state.challenger = shelf.add(self._of(state) / "run", name=f"cycle-{state.number}")
        cards = str(shelf.card(state.champion)), str(shelf.card(state.challenger))
        verdict = judged(*cards, faces_of(open_dataset(self.folder / HOLD_OUT), self.plan.split), self.plan.rules)
        (self._of(state) / "verdict.json").write_text(json.dumps(verdict.to_dict(), indent=2) + "\n", encoding="utf-8")
        state.passed, state.reasons = verdict.passed, list(verdict.reasons)
        for line in verdict.told():
            self.say(f"  {line}")

    def _promote(self, state: State, store: Store) -> None:
        shelf = Shelf(store)
        if not state.passed:
            store.note(ACTOR, "keep", state.champion, challenger=state.challenger, reasons=state.reasons)
        elif shelf.current not in (state.champion, state.challenger):
            state.passed = False
            state.reasons.append("another model was promoted meanwhile; the next cycle compares with that")
            store.note(ACTOR, "keep", shelf.current, challenger=state.challenger, reasons=state.reasons)
        else:
            shelf.promote(state.challenger, ACTOR, f"cycle {state.number}")
        self.say(f"  {state.challenger} answers now" if state.passed else "  the model stays")

    def _learning(self, version: str) -> Dataset:
        return Learning(VersionedDataset(self.folder / f"{FACES}@{version}"))


class Learning(Through):
    """The faces that are learnt from, a part of them to choose on, by a hash of the person or the picture."""

    def __iter__(self) -> Iterator[Sample]:
        for sample in self.dataset:
            chosen = place(sample, purpose="choose") < CHOOSE
            yield replace(sample, split=SPLITS[1] if chosen else SPLITS[0])


def ids_of(hold_out: Path) -> set[bytes]:
    """Of the pictures that nothing may be fitted to."""
    return {image_id(sample.image) for sample in open_dataset(hold_out)}
