"""Name the expressions: ordered class names in, indices and mappings between label sets out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

SYNONYMS = {
    "anger": "angry", "angry": "angry", "disgusted": "disgust", "fearful": "fear", "afraid": "fear",
    "happiness": "happy", "joy": "happy", "sadness": "sad", "surprised": "surprise", "suprise": "surprise",
}  # fmt: skip


@dataclass(frozen=True)
class LabelSet:
    """An ordered set of class names; the position of a name is its integer label."""

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        twice = {name for name in self.names if self.names.count(name) > 1}
        if twice:
            raise ValueError(f"label names must be unique; given twice: {', '.join(sorted(twice))}")

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __getitem__(self, index: int) -> str:
        return self.names[index]

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names)}

    def index(self, name: str) -> int:
        """The integer of a class name; case and common synonyms (`happiness` for `happy`) are understood."""
        plain = name.strip().lower()
        for candidate in (name, plain, SYNONYMS.get(plain, plain)):
            if candidate in self._index:
                return self._index[candidate]
        if len(alike := [i for i, known in enumerate(self.names) if known.lower() == plain]) == 1:
            return alike[0]
        raise ValueError(f"no class named {name!r}; there are: {', '.join(self.names)}")

    def __contains__(self, name: object) -> bool:
        try:
            self.index(str(name))
        except ValueError:
            return False
        return True

    def without(self, targets: Iterable[int]) -> list[str]:
        """Names that none of these integer labels stands for."""
        there = set(targets)
        return [name for i, name in enumerate(self.names) if i not in there]

    def mapping_to(self, other: LabelSet) -> np.ndarray:
        """A 0/1 matrix (len(self), len(other)): `votes @ a.mapping_to(b)`; a class that `other` lacks has an empty row."""
        matrix = np.zeros((len(self), len(other)), np.float32)
        for row, name in enumerate(self.names):
            plain = SYNONYMS.get(name.lower(), name.lower())
            if plain in other:
                matrix[row, other.index(plain)] = 1
        return matrix


FER2013 = LabelSet(("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"))
"""The seven classes of FER2013 in its own order (Goodfellow et al. 2013)."""

CKPLUS = LabelSet((*FER2013, "contempt"))
"""FER2013's seven in its order, then the eighth of CK+ (Lucey et al. 2010)."""

FERPLUS = LabelSet(("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF"))
"""The ten columns of votes of FER+ (Barsoum et al. 2016); NF: not a face."""
