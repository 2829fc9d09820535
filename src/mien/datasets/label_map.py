"""What the data says into class names: a file or a mapping in, the label of each sample out.

A mapping is from numbers or names, also of folders: `{"0": "angry", "Joy": "happy", "7": null}`; null leaves such samples
out. A list has the names of 0, 1, 2 and so on: `["angry", null, "happy"]`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mien.errors import needs
from mien.labels import FER2013, SYNONYMS, LabelSet

WANTED = 'a mapping, as {"0": "angry", "1": null}, or a list of names'


class LeftOut(Exception):
    """A sample that a label map leaves out; the text says why, and is empty where the map says so itself."""


class LabelMap:
    """Case does not matter. A number may be in the map as itself or by the name that the data gives it.

    `labels` are FER2013's seven where all classes are of them, else the classes in the order in which they first appear.
    Raises ValueError for a map that names no class, or one thing twice."""

    def __init__(self, names: Mapping[str, str | None]) -> None:
        given = [_checked(said, name) for said, name in names.items()]
        self._said = LabelSet(tuple(_spelled(said) for said, _ in given))
        classes = {_plain(name): name for _, name in reversed(given) if name is not None}
        first = tuple(classes[plain] for plain in dict.fromkeys(_plain(name) for _, name in given if name is not None))
        if not first:
            raise ValueError("a label map without a class; a name for at least one label is wanted")
        self.labels = FER2013 if all(name in FER2013 for name in first) else LabelSet(first)
        self._labels = [None if name is None else self.labels.index(classes[_plain(name)]) for _, name in given]

    def index(self, said: str | float, names: LabelSet | None = None) -> int:
        """The label of what the data says; `names` is what its numbers stand for. Raises LeftOut."""
        number, spellings = number_of(said), [_spelled(said)]
        if names is not None and number is not None and 0 <= number < len(names):
            spellings.append(names[number])
        there = next((spelling for spelling in spellings if spelling in self._said), None)
        if there is None:
            raise LeftOut(f"label {said!r} is not in the label map, which has: {', '.join(self._said)}")
        label = self._labels[self._said.index(there)]
        if label is None:
            raise LeftOut
        return label


def read_label_map(path: str | Path) -> dict[str, str | None]:
    """What the data says -> its class, or None to leave such samples out; for `open_dataset(path, labels)`.

    The file is .json, .yaml or .yml: a mapping, or a list of names in the order of the numbers. Raises FileNotFoundError,
    ValueError for a file of another kind, MissingExtra for YAML without PyYAML."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no label map at {path}")
    if path.suffix.lower() not in (".json", ".yaml", ".yml"):
        raise ValueError(f"{path}: label maps are .json, .yaml or .yml")
    try:
        found = _parsed(path.read_text(encoding="utf-8-sig"), path.suffix.lower())
        names = dict(enumerate(found)) if isinstance(found, list) else found
        if not isinstance(names, dict):
            raise ValueError(f"it holds {str(names)[:40]!r}; wanted {WANTED}")
        LabelMap(names)
    except ValueError as error:
        raise ValueError(f"{path} is no label map: {error}") from error
    return {_spelled(said): name for said, name in names.items()}


def _parsed(text: str, suffix: str) -> Any:
    """The text of a file with this ending. Raises ValueError."""
    if suffix == ".json":
        return json.loads(text)
    try:
        import yaml
    except ImportError:
        raise needs("data", "a label map in YAML (PyYAML; JSON works without)") from None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _checked(said: Any, name: Any) -> tuple[str | float, str | None]:
    if isinstance(said, bool) or not isinstance(said, str | int | float):
        raise ValueError(f"{said!r} stands for a label; wanted a number or a name (in YAML put yes, no and null in quotes)")
    if name is not None and (not isinstance(name, str) or not name.strip()):
        raise ValueError(f"label {said!r} is {name!r}; wanted the name of a class, or null to leave such samples out")
    return said, name and name.strip()


def _spelled(said: str | float) -> str:
    """One spelling of what may be written in several ways: `Happy` and `happy `, 3, `03` and 3.0."""
    number = number_of(said)
    return str(said).strip().lower() if number is None else str(number)


def number_of(said: str | float) -> int | None:
    """The whole number that is written, `3`, `03` or `3.0`; None for anything else."""
    try:
        value = float(said)
    except ValueError:
        return None
    return int(value) if value.is_integer() else None


def _plain(name: str) -> str:
    plain = name.strip().lower()
    return SYNONYMS.get(plain, plain)
