"""Apply what an audit proposed: samples and actions in; the samples that are left, and why the others are not, out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from mien.datasets.audit import RELABEL, REMOVE, Action
from mien.datasets.base import Sample
from mien.datasets.look import image_id
from mien.labels import LabelSet


def by_key(actions: Iterable[Action], file: Path) -> dict[str, Action]:
    """Raises ValueError for a sample of which a file wants two different things."""
    found: dict[str, Action] = {}
    for action in actions:
        other = found.setdefault(action.key, action)
        if (other.action, other.to) != (action.action, action.to):
            raise ValueError(f"{file}: {action.key} is there twice, with {other.action} and with {action.action}; leave one line")
    return found


@dataclass
class Cleaned:
    """Iterate once; afterwards `reasons` and `problems` are whole."""

    samples: Iterable[Sample]
    labels: LabelSet
    actions: Mapping[str, Action]
    """By the key of their sample."""
    reasons: dict[str, str] = field(default_factory=dict)
    """Of each key that was removed or has another label now."""
    problems: list[str] = field(default_factory=list)
    """Actions that were not done: of another picture, a name that is none, a key that is not there."""

    def __iter__(self) -> Iterator[Sample]:
        waiting = {key: action for key, action in self.actions.items() if action.action in (REMOVE, RELABEL)}
        for sample in self.samples:
            action = waiting.pop(sample.key, None)
            if action is None:
                yield sample
                continue
            try:
                kept = self._done(sample, action)
            except ValueError as error:
                self.problems.append(f"{sample.key}: {error}")
                yield sample
                continue
            self.reasons[sample.key] = action.reason or action.action
            if kept is not None:
                yield kept
        self.problems += [f"{key}: there is no such sample" for key in waiting]

    def _done(self, sample: Sample, action: Action) -> Sample | None:
        """The sample as it is to be; None: not at all. Raises ValueError for an action that does not fit it."""
        if action.image and not image_id(sample.image).hex().startswith(action.image):
            raise ValueError("it is another picture than the one that was looked at")
        return None if action.action == REMOVE else replace(sample, label=self.labels.index(action.to))
