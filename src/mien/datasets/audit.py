"""Look through a set of faces: a Dataset in; what is wrong with it, and what to do about it, out. Nothing is changed here.

Each finding is an Action: a sample, what is proposed (`remove`, `relabel`, or `look`, where a person has to), and why."""

from __future__ import annotations

import csv
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from mien.datasets.base import SPLITS, Dataset, Sample, by_split
from mien.datasets.look import Look, look, thumbnail
from mien.datasets.twins import near, same
from mien.datasets.votes import most_people
from mien.labels import LabelSet

REMOVE, RELABEL, LOOK = ACTIONS = ("remove", "relabel", "look")


@dataclass(frozen=True)
class Action:
    """What is proposed for one sample."""

    key: str
    split: str
    label: str
    action: str
    reason: str
    to: str = ""
    """The name it should have, of `relabel`; for `look`, what speaks against its own."""
    twin: str = ""
    """Key of the sample that it repeats."""
    image: str = ""
    """First digits of the picture's hash, so that the action is never applied to another one."""


COLUMNS = tuple(Action.__dataclass_fields__)
DIGITS = 16
CLEAR = 0.6
"""Share of the people asked who must agree on another label for a sample to be looked at again."""


@dataclass
class Audit:
    """What was seen of each sample that could be read, row by row, and what was found."""

    labels: LabelSet
    keys: list[str] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    seen: list[Look] = field(default_factory=list)
    majority: list[int] = field(default_factory=list)
    """The label that more people chose than any other; -1 where there is none."""
    agreed: list[float] = field(default_factory=list)
    """Share of the people asked who chose the one that most chose."""
    problems: list[str] = field(default_factory=list)
    """What could not be read."""
    twins: list[list[int]] = field(default_factory=list)
    look_alikes: list[list[int]] = field(default_factory=list)
    """Groups of nearly the same pictures that are not the same."""
    faceless: list[int] | None = None
    """Rows in which the detector finds no face; None: nobody looked."""
    suspects: dict[int, int] = field(default_factory=dict)
    """Row -> the label that out-of-fold predictions speak for (confident learning)."""

    def __len__(self) -> int:
        return len(self.keys)

    def action(self, row: int, action: str, reason: str, *, to: int | None = None, twin: int | None = None) -> Action:
        return Action(
            self.keys[row], self.splits[row], self.labels[self.targets[row]], action, reason,
            "" if to is None else self.labels[to], "" if twin is None else self.keys[twin],
            self.seen[row].image.hex()[:DIGITS],
        )  # fmt: skip

    @property
    def conflicting(self) -> list[list[int]]:
        """Groups of the same picture under different labels."""
        return [group for group in self.twins if len({self.targets[row] for row in group}) > 1]

    def counts(self) -> dict[str, dict[str, int]]:
        """Samples of each label in each split that is there."""
        return by_split(Counter(zip(self.splits, self.targets, strict=True)), self.labels)

    def cross_split(self) -> dict[str, int]:
        """`first/second` -> rows of the second split whose picture is in the first, too."""
        at = {split: Counter[bytes]() for split in SPLITS}
        for split, seen in zip(self.splits, self.seen, strict=True):
            at[split][seen.image] += 1
        there = [split for split in SPLITS if at[split]]
        return {f"{a}/{b}": sum(n for image, n in at[b].items() if image in at[a]) for a, b in combinations(there, 2)}


def audit(
    dataset: Dataset,
    *,
    alike: bool = True,
    faces: Callable[[np.ndarray], Any] | None = None,
    predictions: np.ndarray | None = None,
    step: Callable[[int], None] = lambda done: None,
) -> Audit:
    """Read the set once. `alike`: look for near twins, too; `faces`: a detector, which each picture is shown;
    `predictions`: out-of-fold probabilities (n, k) in the set's order. `step` is told how many are read.

    Raises ValueError for predictions of another form, MissingExtra where they are given and cleanlab is not installed."""
    found = Audit(dataset.labels)
    small: list[np.ndarray] = []
    for number, sample in enumerate(dataset, 1):
        _add(found, sample, dataset.vote_labels)
        if alike:
            small.append(thumbnail(sample.image))
        if faces:
            _face(found, sample, faces)
        step(number)
    found.problems = list(dataset.problems)
    found.twins = same([seen.image for seen in found.seen])
    if alike and small:
        found.look_alikes = _look_alikes(found, np.stack(small))
    if predictions is not None:
        found.suspects = _suspects(found, predictions)
    return found


def _add(found: Audit, sample: Sample, voters: LabelSet | None) -> None:
    found.keys.append(sample.key)
    found.splits.append(sample.split)
    found.targets.append(sample.label)
    found.seen.append(look(sample.image))
    found.majority.append(most_people(sample, voters, found.labels))
    found.agreed.append(0.0 if sample.votes is None else float(sample.votes.max() / max(sample.votes.sum(), 1)))


def _face(found: Audit, sample: Sample, detector: Callable[[np.ndarray], Any]) -> None:
    from mien.preprocess.landmarks import framed

    found.faceless = found.faceless or []
    if not len(detector(framed(sample.image))):
        found.faceless.append(len(found) - 1)


def _look_alikes(found: Audit, small: np.ndarray) -> list[list[int]]:
    """Among one of each picture, blank ones left out."""
    first: dict[bytes, int] = {}
    for row, seen in enumerate(found.seen):
        if not seen.blank:
            first.setdefault(seen.image, row)
    rows = np.array(sorted(first.values()), int)
    hashes = np.array([found.seen[row].perceptual for row in rows], np.uint64)
    return [[int(rows[i]) for i in group] for group in near(hashes, small[rows])]


def _suspects(found: Audit, predictions: np.ndarray) -> dict[int, int]:
    """Confident learning (Northcutt et al. 2021) by cleanlab."""
    from mien.errors import needs

    wanted = (len(found), len(found.labels))
    if predictions.shape != wanted:
        raise ValueError(f"predictions of shape {predictions.shape}; wanted {wanted}, a row a sample and a column a label")
    try:
        from cleanlab.filter import find_label_issues
    except ImportError:
        raise needs("data", "finding wrong labels (cleanlab)") from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of classes with few samples, of which it flags fewer
        wrong = find_label_issues(np.array(found.targets), predictions, n_jobs=1)
    return {int(row): int(predictions[row].argmax()) for row in np.flatnonzero(wrong)}


def actions(found: Audit) -> list[Action]:
    """What is proposed, the surest first; a sample that is to be removed is named once."""
    out: dict[str, Action] = {}
    for action in _proposed(found):
        known = out.get(action.key)
        if known is None or (known.action == LOOK and action.action != LOOK):
            out[action.key] = action
        elif known.action == action.action == LOOK:
            both = f"{known.reason}; {action.reason}"
            out[action.key] = replace(known, reason=both, to=known.to or action.to, twin=known.twin or action.twin)
    return sorted(out.values(), key=lambda action: ACTIONS.index(action.action))


def _proposed(found: Audit) -> Iterator[Action]:
    for row, seen in enumerate(found.seen):
        if seen.blank:
            yield found.action(row, REMOVE, "blank")
    for group in found.twins:
        yield from _of_twins(found, group)
    for group in found.look_alikes:
        yield from (found.action(row, LOOK, "nearly the same picture", twin=group[0]) for row in group[1:])
    sizes = Counter((seen.height, seen.width) for seen in found.seen)
    usual = sizes.most_common(1)[0][0] if sizes else (0, 0)
    for row, seen in enumerate(found.seen):
        if faults := [*seen.faults, *(["of another size"] if (seen.height, seen.width) != usual else [])]:
            yield found.action(row, LOOK, ", ".join(faults))
    for row, label in enumerate(found.majority):
        if label not in (-1, found.targets[row]) and found.agreed[row] >= CLEAR:
            yield found.action(row, LOOK, "most people saw another expression", to=label)
    for row, label in found.suspects.items():
        yield found.action(row, LOOK, "predictions speak for another label", to=label)
    for row in found.faceless or ():
        yield found.action(row, LOOK, "the detector finds no face")


def _of_twins(found: Audit, group: Sequence[int]) -> Iterator[Action]:
    """Of a picture that is there several times, one is kept: where it is tested on, lest the test be of what was learnt. Where
    the labels differ, none is kept for training, unless most people agree on one of them."""
    if found.seen[group[0]].blank:
        return
    kept = max(group, key=lambda row: (SPLITS.index(found.splits[row]), -row))
    labels = {found.targets[row] for row in group}
    if len(labels) == 1:
        yield from (found.action(row, REMOVE, _where(found, row, kept), twin=kept) for row in group if row != kept)
        return
    right = {found.majority[row] for row in group} - {-1}
    for row in group:
        agreed = found.targets[row] in right and len(right) == 1
        if row == kept and (agreed or found.splits[row] != SPLITS[0]):
            yield from () if agreed else (found.action(row, LOOK, "the same picture under another label"),)
        else:
            other = kept if row != kept else next(one for one in group if one != row)
            yield found.action(row, REMOVE, "the same picture under another label", twin=other)


def _where(found: Audit, row: int, kept: int) -> str:
    same_split = found.splits[row] == found.splits[kept]
    return "the same picture" if same_split else f"the same picture in {found.splits[kept]}"


def summary(found: Audit) -> dict[str, Any]:
    """Counts of all that was found."""
    faults = Counter(fault for seen in found.seen for fault in seen.faults)
    proposed = Counter(action.action for action in actions(found))
    sizes = Counter(f"{seen.width}x{seen.height}" for seen in found.seen)
    return {
        "samples": len(found),
        "left_out": len(found.problems),
        "duplicate_groups": len(found.twins),
        "redundant": sum(len(group) - 1 for group in found.twins),
        "conflicting_groups": len(found.conflicting),
        "cross_split": found.cross_split(),
        "near_duplicate_groups": len(found.look_alikes),
        "near_duplicates": sum(len(group) - 1 for group in found.look_alikes),
        **{name: faults[name] for name in ("blank", "dark", "bright", "pale", "blurred")},
        "sizes": dict(sizes.most_common(20)),
        "other_label_by_votes": sum(m not in (-1, t) for m, t in zip(found.majority, found.targets, strict=True)),
        "other_label_by_predictions": len(found.suspects),
        "without_a_face": None if found.faceless is None else len(found.faceless),
        "empty_classes": found.labels.without(found.targets),
        "counts": found.counts(),
        "proposed": {name: proposed[name] for name in ACTIONS},
    }


def write_actions(proposed: Sequence[Action], path: Path) -> None:
    """A csv to read, to edit in a spreadsheet and to apply (mien.datasets.clean)."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows([getattr(action, name) for name in COLUMNS] for action in proposed)


def read_actions(path: Path) -> list[Action]:
    """Raises ValueError that names the line for what is no action."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        if not {"key", "action"} <= set(rows.fieldnames or ()):
            raise ValueError(f"{path}: the first line must have key and action; it is {','.join(rows.fieldnames or ())[:100]!r}")
        found, line = [], rows.line_num
        for row in rows:
            if rows.line_num > line + 1:
                raise ValueError(f"{path}, line {line + 1}: a quote is not closed")
            line = rows.line_num
            given = {name: (row.get(name) or "").strip() for name in COLUMNS}
            if given["action"] not in (*ACTIONS, ""):
                raise ValueError(
                    f"{path}, line {rows.line_num}: action {given['action']!r:.40}; wanted {', '.join(ACTIONS)} or none"
                )
            found.append(Action(**given))
    return found
