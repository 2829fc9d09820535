"""Results that a folder keeps, so that what was stopped goes on: what they are of is noted beside them, as JSON; each is written
whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from mien.training.config import TrainConfig
from mien.training.overrides import differences, merged

CONFIG = "config"


def same_or_new(note: Path, of: Mapping[str, Any], used: bool) -> None:
    """Write down what a folder's results are of; where it says so already, it must be the same. `of`: values that JSON has,
    and `config`, a TrainConfig; `used`: whether results are there.

    Raises ValueError that says how they differ, or that results are there and it is not known of what."""
    if note.exists():
        if different := next(_different(_as_json(of), _noted(note)), ""):
            raise ValueError(f"{note.parent}: what is there was made {different}; make it as before, or give another folder")
        return
    if used:
        raise ValueError(f"{note.parent}: results are there, but no {note.name} that says of what; give another folder")
    note.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(_as_json(of), indent=2) + "\n"
    replaced(note, lambda new: new.write_text(text, encoding="utf-8"))


def _as_json(of: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: asdict(value) if isinstance(value, TrainConfig) else value for name, value in of.items()}
    found: dict[str, Any] = json.loads(json.dumps(plain, default=str))
    return found


def _noted(note: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(note.read_text(encoding="utf-8")))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{note} cannot be read: {error}; give another folder") from error


def _different(now: Mapping[str, Any], then: Mapping[str, Any]) -> Iterator[str]:
    """How what was noted differs, as words."""
    for name, value in now.items():
        if name == CONFIG:
            was, own = (merged(TrainConfig(), said.get(CONFIG, {})) for said in (then, now))
            for old, new in zip(differences(was, own), differences(own, was), strict=True):
                yield f"with {old}, and now it is {new}"
        elif then.get(name) != value:
            yield f"of other {name}" if isinstance(value, dict) else f"with {name}={then.get(name)}, and now it is {name}={value}"


def replaced(path: Path, write: Callable[[Path], Any]) -> None:
    """A file that is written under another name, and takes this one when it is whole."""
    new = path.with_suffix(f".new{path.suffix}")
    write(new)
    os.replace(new, path)


def save(path: Path, array: np.ndarray) -> None:
    """As .npy."""
    replaced(path, lambda new: np.save(new, array))
