"""Faces: the currency. What the detector found and what the classifier says of it, a row a face, never changed in place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from mien.card import ModelCard
from mien.errors import needs
from mien.labels import LabelSet

LANDMARKS = ("right_eye", "left_eye", "nose", "right_mouth", "left_mouth")
"""The subject's own sides: in an upright picture the right eye is the left one."""


@dataclass(frozen=True, eq=False)
class Faces:
    """The faces of one picture, in the detector's order (best score first). `len`, indexing, slicing and masks work."""

    box: np.ndarray
    """float32 (n, 4): left, top, right, bottom in pixels of the upright picture."""
    score: np.ndarray
    """float32 (n,): the detector's own, 0..1."""
    landmarks: np.ndarray | None = None
    """float32 (n, 5, 2): x, y of LANDMARKS in pixels; None where the detector gives none."""
    track_id: np.ndarray | None = None
    """int64 (n,): the same number for the same face along a video."""
    quality: np.ndarray | None = None
    """float32 (n,): 0..1, see mien.quality."""
    probability: np.ndarray | None = None
    """float32 (n, k): sums to one, in the order of `labels`."""
    raw: np.ndarray | None = None
    """float32 (n, k): what the classifier said of the single frame, where `probability` was steadied along a track."""
    unsure: np.ndarray | None = None
    """bool (n,): confidence or quality is under the model card's thresholds."""
    labels: LabelSet | None = None
    card: ModelCard | None = None
    """Of the model that said so."""

    def __post_init__(self) -> None:
        n = len(self.box)
        if np.shape(self.box) != (n, 4):
            raise ValueError(f"box must be (n, 4); got {np.shape(self.box)}")
        said = (n, len(self.labels)) if self.labels else None
        shapes = {"landmarks": (n, 5, 2), "probability": said, "raw": said}
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None or isinstance(value, LabelSet | ModelCard):
                continue
            value = np.asarray(value).view()  # the caller's own array stays writeable
            if len(value) != n:
                raise ValueError(f"{field.name} has {len(value)} rows; there are {n} faces")
            wanted = shapes.get(field.name)
            if wanted and value.shape != wanted:
                raise ValueError(f"{field.name} must be {wanted}; got {value.shape}")
            value.flags.writeable = False
            object.__setattr__(self, field.name, value)

    @classmethod
    def none(cls) -> Faces:
        """No face found: a value like any other."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32))

    def having(self, **columns: Any) -> Faces:
        """The same faces with more, or other, columns."""
        return replace(self, **columns)

    def __len__(self) -> int:
        return len(self.box)

    def __getitem__(self, index: int | slice | np.ndarray | list[int]) -> Faces:
        """Always Faces: `faces[0]` is one face. Raises IndexError beyond the last."""
        if isinstance(index, int | np.integer):
            if not -len(self) <= index < len(self):
                raise IndexError(f"face {index} of {len(self)}")
            index = [int(index)]
        columns: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        picked: dict[str, Any] = {name: v[index] if isinstance(v, np.ndarray) else v for name, v in columns.items()}
        return Faces(**picked)

    def __iter__(self) -> Iterator[Faces]:
        return (self[i] for i in range(len(self)))

    @property
    def expression(self) -> list[str]:
        """The most probable name of each face; raises ValueError before a classifier has seen them."""
        probability, labels = self._classified()
        return [labels[i] for i in probability.argmax(1)]

    @property
    def confidence(self) -> np.ndarray:
        """float32 (n,): the probability of that name."""
        probability, _ = self._classified()
        return probability.max(1, initial=0)

    def _classified(self) -> tuple[np.ndarray, LabelSet]:
        if self.probability is None or self.labels is None:
            raise ValueError("these faces are detected, not classified; a Recognizer does both")
        return self.probability, self.labels

    def to_dict(self) -> list[dict[str, Any]]:
        """One plain dict a face, ready for JSON; the keys of the answer (docs/answer.md)."""
        return [self._row(i) for i in range(len(self))]

    def _row(self, i: int) -> dict[str, Any]:
        row: dict[str, Any] = {
            "box": [float(v) for v in self.box[i]],
            "score": float(self.score[i]),
            "landmarks": None if self.landmarks is None else [[float(x), float(y)] for x, y in self.landmarks[i]],
            "expression": None,
            "confidence": None,
            "unsure": None if self.unsure is None else bool(self.unsure[i]),
            "quality": None if self.quality is None else float(self.quality[i]),
            "probability": None,
            "track_id": None if self.track_id is None else int(self.track_id[i]),
            "raw": None,
        }
        if self.probability is not None and self.labels is not None:
            p, raw = (self._named(column, i) for column in (self.probability, self.raw))
            best = self.labels[int(self.probability[i].argmax())]
            row |= {"expression": best, "confidence": p[best], "probability": p, "raw": raw or None}
        return row

    def _named(self, column: np.ndarray | None, i: int) -> dict[str, float]:
        """Name -> probability of one face."""
        return {} if column is None or self.labels is None else dict(zip(self.labels, map(float, column[i]), strict=True))

    def to_frame(self) -> Any:
        """A pandas DataFrame, a row a face, a column a number. Raises MissingExtra without pandas."""
        try:
            import pandas
        except ImportError:
            raise needs("data", "Faces.to_frame (pandas)") from None
        return pandas.DataFrame([flat(row) for row in self.to_dict()])

    def __repr__(self) -> str:
        if self.probability is None or self.labels is None:
            return f"Faces({len(self)})"
        said = (f"{name} {p:.2f}" for name, p in zip(self.expression, self.confidence, strict=True))
        return f"Faces({len(self)}: {', '.join(said)})"


def flat(face: Mapping[str, Any]) -> dict[str, Any]:
    """One face's dict with a plain value a key: box_left ..., right_eye_x ..., probability_happy ..."""
    box = dict(zip(("box_left", "box_top", "box_right", "box_bottom"), face["box"], strict=True))
    points = zip(LANDMARKS, face["landmarks"] or (), strict=False)
    plain = ("score", "expression", "confidence", "unsure", "quality", "track_id")
    return {
        **box,
        **{name: face[name] for name in plain},
        **{f"{name}_{axis}": value for name, point in points for axis, value in zip("xy", point, strict=True)},
        **{f"probability_{name}": value for name, value in (face["probability"] or {}).items()},
    }
