"""Score a detector: photos and what was found in them in, average precision, recall, false alarms and landmark error out.

A found box is right when it overlaps an annotated one by an IoU of one half or more; each is found once, by the best
score first. Doubtful faces, and those smaller than SMALLEST, count neither as found nor as missed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np

from mien.boxes import area, intersection, iou, longer_side
from mien.datasets.photos import Photo
from mien.detectors.mien_face import MienFace
from mien.faces import Faces

SMALLEST = 8.0
"""Pixels, longer side, of the picture as it is stored."""
BANDS = {"8-16": (8.0, 16.0), "16-32": (16.0, 32.0), "32-64": (32.0, 64.0), "over 64": (64.0, np.inf)}
READABLE = (20.0, np.inf)
"""Faces that an expression could be read from."""
ALARMS = 0.1
"""False alarms an image, at which recall is compared."""
HALF = 0.5
UNKNOWN = 0.5
"""Score from which on a box counts, where nothing was found to choose it by."""
LOW = 0.05
"""Score from which on a box is kept where a whole curve is wanted."""


@dataclass(frozen=True, eq=False)
class Truth:
    """What is annotated in one picture: boxes (n, 4), points (n, 5, 2) and which are doubtful (n,)."""

    box: np.ndarray
    landmarks: np.ndarray
    doubtful: np.ndarray

    @property
    def size(self) -> np.ndarray:
        return longer_side(self.box)


def annotated(photo: Photo) -> Truth:
    return Truth(photo.box, photo.landmarks, photo.ignore)


def drawn_by_people(photo: Photo, kinds: Iterable[str] = ()) -> Truth:
    """Only the human boxes; those of other kinds are doubtful."""
    box = np.zeros((0, 4), np.float32) if photo.human is None else photo.human
    wanted = set(kinds) or set(photo.kinds)
    other = np.array([kind not in wanted for kind in photo.kinds], bool).reshape(len(box))
    return Truth(box, np.full((len(box), 5, 2), np.nan, np.float32), other)


def found_in(
    detector: Callable[[np.ndarray], Faces],
    pictures: Iterable[tuple[np.ndarray, Photo]],
    truth: Callable[[Photo], Truth] = annotated,
) -> Iterator[tuple[Faces, Truth]]:
    """What the detector finds in each RGB picture, beside what is there."""
    return ((detector(image), truth(photo)) for image, photo in pictures)


def loosened(detector: Any) -> tuple[Any, float]:
    """A detector that gives all the boxes it has, with their scores, and the score from which on it means them.

    The same detector, and 0, where there is no `score` to set."""
    if not is_dataclass(detector) or "score" not in {f.name for f in fields(detector)}:
        return detector, 0.0
    chosen: Any = detector
    score = getattr(chosen, "least", chosen.score)
    return replace(chosen, score=min(LOW, score)), score


def fitted_on(detector: Any) -> list[str]:
    """The sources of a detector of ours, as its card names them: its scores there say little."""
    return list(detector.card.data.get("sources", [])) if isinstance(detector, MienFace) else []


def measured(pairs: Iterable[tuple[Faces, Truth]], score: float = 0.0) -> dict[str, Any]:
    """What was found beside what is there, a pair a picture -> scores over all sizes and for each band of BANDS.

    Average precision and the recall at ALARMS are of everything that was found, the rest of what scores `score` or more.
    The landmark error is a median: in profile both eyes are one, and anything over their distance is endless."""
    rows = [_matched(faces, truth) for faces, truth in pairs]
    bands = {"all": (SMALLEST, np.inf), "readable": READABLE, **BANDS}
    out: dict[str, Any] = {name: _scored(rows, *band, score) for name, band in bands.items()}
    errors = np.concatenate([row.error[row.score >= score] for row in rows]) if rows else np.zeros(0)
    errors = errors[~np.isnan(errors)]
    return {"images": len(rows), "landmark_error": float(np.median(errors)) if len(errors) else None, "bands": out}


def threshold_for(pairs: Iterable[tuple[Faces, Truth]], alarms: float) -> float:
    """The lowest score, in steps of a hundredth, from which on at most so many false alarms an image are left.

    Of a detector that gives all boxes it has, with their scores; UNKNOWN for one that finds nothing."""
    rows = [_matched(faces, truth) for faces, truth in pairs]
    faces = sum(int((~row.truth.doubtful).sum()) for row in rows)
    if not rows or (faces and not any((row.met >= 0).any() for row in rows)):
        return UNKNOWN
    wrong = np.concatenate([row.score[(row.met == -1) & (row.size >= SMALLEST)] for row in rows])
    steps = np.arange(0.05, 0.96, 0.01)
    enough = [step for step in steps if (wrong >= step).sum() <= alarms * len(rows)]
    return round(float(enough[0] if enough else steps[-1]), 2)


@dataclass(frozen=True, eq=False)
class _Row:
    """One picture: found boxes with what each met, and the annotated ones."""

    score: np.ndarray
    size: np.ndarray
    met: np.ndarray
    """(n,): index of the annotated box, -1 none, -2 a doubtful one."""
    error: np.ndarray
    truth: Truth


def _matched(found: Faces, truth: Truth) -> _Row:
    order = np.argsort(-found.score, kind="stable")
    box, pairs = found.box[order], iou(found.box[order], truth.box)
    met, free = np.full(len(order), -1), np.ones(len(truth.box), bool)
    for i in range(len(order)):
        possible = np.where(free & ~truth.doubtful, pairs[i], 0)
        if possible.max(initial=0) >= HALF:
            met[i] = possible.argmax()
            free[met[i]] = False
        elif truth.doubtful.any() and _meets_doubtful(box[i : i + 1], truth):
            met[i] = -2
    return _Row(found.score[order], longer_side(box), met, _landmark_error(found[order], met, truth), truth)


def _meets_doubtful(box: np.ndarray, truth: Truth) -> bool:
    """At least half of what was found is of doubtful faces' boxes: a large box over a small one is a false alarm."""
    shared = intersection(box, truth.box[truth.doubtful]) / np.maximum(area(box), 1e-6)[:, None]
    return bool(shared.max() >= HALF)


def _landmark_error(found: Faces, met: np.ndarray, truth: Truth) -> np.ndarray:
    """(n,): mean distance of the five points over the distance of the eyes; NaN where there is nothing to compare."""
    out = np.full(len(found), np.nan)
    if found.landmarks is None:
        return out
    hit = np.nonzero(met >= 0)[0]
    wanted = truth.landmarks[met[hit]]
    eyes = np.linalg.norm(wanted[:, 0] - wanted[:, 1], axis=1)
    far = np.linalg.norm(found.landmarks[hit] - wanted, axis=2).mean(axis=1)
    out[hit] = far / np.maximum(eyes, 1e-6)
    out[hit[~(eyes > 0)]] = np.nan
    return out


def _scored(rows: Sequence[_Row], least: float, most: float, limit: float) -> dict[str, float | int | None]:
    """Scores of the faces of one band; found boxes of other sizes that met nothing are left to other bands."""
    scores, right, faces = [], [], 0
    for row in rows:
        within = (row.truth.size >= least) & (row.truth.size < most) & ~row.truth.doubtful
        faces += int(within.sum())
        hit = row.met >= 0
        hit_within = np.zeros(len(hit), bool)
        hit_within[hit] = within[row.met[hit]]
        alarm = (row.met == -1) & (row.size >= least) & (row.size < most)
        counted = hit_within | alarm
        scores.append(row.score[counted])
        right.append(hit_within[counted])
    if not rows:
        return {"faces": 0, "ap": None, "recall": None, "recall_at_alarms": None, "alarms_per_image": None}
    score, correct = np.concatenate(scores), np.concatenate(right)
    kept = correct[score >= limit]
    alarmed = float((~kept).sum() / len(rows))
    if not faces:
        return {"faces": 0, "ap": None, "recall": None, "recall_at_alarms": None, "alarms_per_image": alarmed}
    order = np.argsort(-score, kind="stable")
    correct = correct[order]
    hits, alarms = np.cumsum(correct), np.cumsum(~correct)
    allowed = hits[alarms <= ALARMS * len(rows)]
    return {
        "faces": faces,
        "ap": _average_precision(hits / faces, hits / np.maximum(hits + alarms, 1)),
        "recall": float(kept.sum() / faces),
        "recall_at_alarms": float(allowed[-1] / faces) if len(allowed) else 0.0,
        "alarms_per_image": alarmed,
    }


def _average_precision(recall: np.ndarray, precision: np.ndarray) -> float:
    """Area under the curve, precision made to fall (Everingham et al. 2010)."""
    if not len(recall):
        return 0.0
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * falling))
