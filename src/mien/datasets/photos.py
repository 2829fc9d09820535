"""Photos with the boxes and points of their faces, for detectors: a path in, Photos out.

Three formats: a folder with annotations.json, WIDER FACE's text (Yang et al. 2016; with five points as in RetinaFace),
and COCO's JSON (Lin et al. 2014; with five keypoints where there are some). What cannot be used is counted and named.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mien.boxes import iou
from mien.errors import MienError
from mien.image import SUFFIXES, load, size_of

Entry = tuple[str, str, Any, Mapping[str, Any]]
"""Name of a picture, source, faces with `box`, `landmarks` and `ignore` as they were written, and what else was."""
POINTS = 5
STRAY = 1.0
"""How far outside its box, in sizes of the box, a face's landmark may lie: boxes end where the picture does."""
SAME = 0.4
"""IoU from which on a machine's box and a person's are one face; the two draw faces differently."""


@dataclass(frozen=True, eq=False)
class Photo:
    """One picture and its faces."""

    path: Path
    source: str
    """What it was collected with; photos are held out by source, never one by one."""
    box: np.ndarray
    """float32 (n, 4): left, top, right, bottom in pixels of the upright picture."""
    landmarks: np.ndarray
    """float32 (n, 5, 2) in the order of mien.faces.LANDMARKS; NaN where nobody marked them."""
    ignore: np.ndarray
    """bool (n,): doubtful; neither a face nor none."""
    human: np.ndarray | None = None
    """float32 (m, 4): boxes drawn by people, where `box` is a machine's; `kinds` names each."""
    kinds: tuple[str, ...] = ()
    score: np.ndarray | None = None
    """float32 (n,): how sure of each the machine was that drew `box`, as far as it said so; NaN where it did not."""

    def __len__(self) -> int:
        return len(self.box)


@dataclass
class Photos:
    """The photos of a set, and what was left out of it."""

    photos: list[Photo] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """A line for each annotation or picture that was skipped."""

    def __len__(self) -> int:
        return len(self.photos)

    def __iter__(self) -> Iterator[Photo]:
        return iter(self.photos)

    @property
    def sources(self) -> list[str]:
        return sorted({photo.source for photo in self.photos})

    def only(self, sources: Iterable[str]) -> Photos:
        """The photos of these sources. Raises ValueError for one that is not there."""
        wanted = set(sources)
        if wanted - set(self.sources):
            absent = ", ".join(sorted(wanted - set(self.sources)))
            raise ValueError(f"no photos from the source {absent}; there are: {', '.join(self.sources)}")
        return Photos([p for p in self.photos if p.source in wanted], self.problems)

    def without(self, sources: Iterable[str]) -> Photos:
        held_out = set(self.only(sources).sources)
        return Photos([p for p in self.photos if p.source not in held_out], self.problems)

    def pictures(self) -> Iterator[tuple[np.ndarray, Photo]]:
        """RGB pictures with their photos; one that cannot be read becomes a line of `problems`."""
        for photo in self.photos:
            try:
                image = load(photo.path)
            except MienError as error:
                self.problems.append(str(error))
            else:
                yield image, photo

    def completed(self) -> Photos:
        """The same photos, and among their faces those that only people saw; what both saw is no longer doubtful."""
        return Photos([_completed(photo) for photo in self.photos], self.problems)


def _completed(photo: Photo) -> Photo:
    if photo.human is None:
        return photo
    same = iou(photo.box, photo.human) >= SAME
    more = photo.human[~same.any(axis=0)]
    return replace(
        photo,
        box=np.concatenate([photo.box, more]),
        landmarks=np.concatenate([photo.landmarks, np.full((len(more), POINTS, 2), np.nan, np.float32)]),
        ignore=np.concatenate([photo.ignore & ~same.any(axis=1), np.zeros(len(more), bool)]),
        score=None,
    )


def some_readable(photos: Sequence[Photo], why: str) -> None:
    """Raises ValueError where there is no photo, or none of them can be read."""
    wrong = ""
    for photo in photos:
        try:
            load(photo.path)
        except MienError as error:
            wrong = wrong or f": none of {len(photos)} can be read, such as {error}"
        else:
            return
    raise ValueError(f"there is no photo with a face {why}{wrong}")


def open_photos(path: str | Path) -> Photos:
    """The photos at `path`: a folder with annotations.json, WIDER FACE's .txt, or COCO's .json.

    A picture is taken once. Raises FileNotFoundError for a missing path, ValueError for a file of another kind or a set in
    which nothing can be used."""
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no photos at {path}")
    file = path / "annotations.json" if path.is_dir() else path
    if not file.is_file():
        raise ValueError(f"{path}: no annotations.json in this folder; a WIDER FACE .txt or a COCO .json works too")
    read = _wider if file.suffix.lower() == ".txt" else _json
    found, taken = Photos(), set()
    entries = list(read(file, found.problems))
    folder = _folder(file, [name for name, *_ in entries])
    for name, source, rows, more in entries:
        if name in taken:
            found.problems.append(f"{folder / name}: named twice; the first counts")
            continue
        taken.add(name)
        _take(found, folder / name, source, rows, more)
    if not len(found):
        first = f"; the first of {len(found.problems)} problems: {found.problems[0]}" if found.problems else ""
        raise ValueError(f"{path}: no picture that can be used{first}")
    return found


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} is no text: {error}") from error


def _json(file: Path, problems: list[str]) -> Iterator[Entry]:
    try:
        raw = json.loads(_text(file))
    except json.JSONDecodeError as error:
        raise ValueError(f"{file} is no JSON: {error}") from error
    if isinstance(raw, dict) and isinstance(raw.get("images"), dict):
        return _own(raw)
    if isinstance(raw, dict) and isinstance(raw.get("images"), list) and isinstance(raw.get("annotations"), list):
        return _coco(file, raw, problems)
    raise ValueError(f"{file}: neither COCO (lists `images` and `annotations`) nor our own (`images` by name)")


def _folder(file: Path, names: Sequence[str]) -> Path:
    """Where the pictures lie: in `images` beside the annotations, with them, or, as the official sets come, beside their folder
    (WIDER_train/images, train2017)."""
    near = [file.parent / "images", file.parent]
    beside = sorted(p for p in file.parent.parent.glob("*") if p.is_dir())
    for folder in [*near, *(p / "images" for p in beside), *beside]:
        if any((folder / name).is_file() for name in names[:10]):
            return folder
    return near[0] if near[0].is_dir() else near[1]


def _own(raw: Mapping[str, Any]) -> Iterator[Entry]:
    for name, entry in raw["images"].items():
        entry = entry if isinstance(entry, Mapping) else {"faces": [entry]}
        yield name, str(entry.get("source", "")), entry.get("faces"), entry


def _coco(file: Path, raw: Mapping[str, Any], problems: list[str]) -> Iterator[Entry]:
    """Boxes of the category `face`, or of the only one; crowds are doubtful; keypoints are taken where there are five."""
    faces: dict[Any, list[dict[str, Any]]] = {}
    wanted = _faces_among(file, raw.get("categories"))
    for annotation in _objects(file, raw, "annotations", problems):
        if wanted is not None and annotation.get("category_id") not in wanted:
            continue
        row = {
            "box": annotation.get("bbox"),
            "landmarks": _keypoints(annotation.get("keypoints")),
            "ignore": bool(annotation.get("iscrowd")),
        }
        faces.setdefault(str(annotation.get("image_id")), []).append(row)
    for image in _objects(file, raw, "images", problems):
        name = str(image.get("file_name", ""))
        yield name, Path(name).parent.as_posix(), faces.pop(str(image.get("id")), []), {}
    problems += [f"{file}: {len(rows)} faces of the image {image!r:.100}, which is not listed" for image, rows in faces.items()]


def _objects(file: Path, raw: Mapping[str, Any], what: str, problems: list[str]) -> Iterator[Mapping[str, Any]]:
    for number, item in enumerate(raw[what]):
        if isinstance(item, Mapping):
            yield item
        else:
            problems.append(f"{file}, {what} {number}: {item!r:.100}; an object was wanted")


def _faces_among(file: Path, categories: Any) -> list[Any] | None:
    """Numbers of the categories that are faces; None where nothing is said. Raises ValueError where none is."""
    named = [c for c in _listed(categories) if isinstance(c, Mapping)]
    if not named:
        return None
    faces = named if len(named) == 1 else [c for c in named if str(c.get("name")).lower() in ("face", "faces")]
    if not faces:
        raise ValueError(f"{file}: no category is named face; there are: {', '.join(str(c.get('name')) for c in named)}")
    return [c.get("id") for c in faces]


def _keypoints(flat: Any) -> list[float] | None:
    """Five points of x, y and a flag that says whether they are marked -> ten numbers; None for anything else."""
    try:
        points = np.array(flat, float).reshape(-1, 3)
    except (TypeError, ValueError):
        return None
    return points[:, :2].reshape(-1).tolist() if len(points) == POINTS and (points[:, 2] > 0).all() else None


def _wider(file: Path, problems: list[str]) -> Iterator[Entry]:
    """A picture's name, a count, then a line a face: x y w h and, if there, ten more of which the tenth is `invalid`;
    or, as RetinaFace has it, `# name` and a line a face with five points of x, y and a flag after the box."""
    name = ""
    rows: list[dict[str, Any]] = []
    for line in _text(file).splitlines():
        words = line.split()
        if not words or (len(words) == 1 and words[0].isdigit()):
            continue
        if _is_name(words):
            if name:
                yield name, Path(name).parent.as_posix(), rows, {}
            name, rows = line.removeprefix("#").strip(), []
        elif name:
            rows += [] if _nobody(words) else [_wider_face(words)]
        else:
            problems.append(f"{file}: a face before any picture: {line:.100}")
    if name:
        yield name, Path(name).parent.as_posix(), rows, {}


def _nobody(words: list[str]) -> bool:
    """WIDER's line under a picture without a face: zeros."""
    return set(words) == {"0"} and len(words) >= 4


def _is_name(words: list[str]) -> bool:
    """Of a line that is not one number: a mark, a file's ending, or one word that is no number says that it names a picture."""
    ending = Path(words[-1]).suffix
    return words[0].startswith("#") or ending.lower() in SUFFIXES or ending[1:2].isalpha() or len(words) == 1


def _wider_face(words: list[str]) -> dict[str, Any]:
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        return {"box": " ".join(words)}
    points = np.array(numbers[4:19]).reshape(-1, 3) if len(numbers) >= 19 else np.zeros((0, 3))
    marked = points[:, :2].reshape(-1).tolist() if len(points) and (points[:, :2] >= 0).all() else None
    invalid = len(numbers) == 10 and numbers[7] == 1
    return {"box": numbers[:4], "landmarks": marked, "ignore": invalid}


def _take(found: Photos, path: Path, source: str, faces: Any, more: Mapping[str, Any]) -> None:
    """Check one picture and its faces; what is wrong becomes a line of `problems`."""
    size = size_of(path)
    if size is None:
        found.problems.append(f"{path}: absent or no picture")
        return
    boxes, points, doubtful, scores = [], [], [], []
    for number, face in enumerate(_listed(faces)):
        try:
            boxes.append(_box(face.get("box") if isinstance(face, Mapping) else face, size))
        except ValueError as wrong:
            found.problems.append(f"{path}, face {number}: {wrong}")
            continue
        told = face if isinstance(face, Mapping) else {}
        points.append(_marked(told.get("landmarks"), boxes[-1]))
        if told.get("landmarks") is not None and np.isnan(points[-1]).any():
            said = f"{told['landmarks']!r:.100}; x and y of five points on the face were wanted"
            found.problems.append(f"{path}, face {number}: kept without its landmarks {said}")
        doubtful.append(bool(told.get("ignore")))
        scores.append(_share(told.get("score")))
    drawn, kinds = _drawn(found, path, more, size)
    found.photos.append(
        Photo(
            path,
            source,
            np.array(boxes, np.float32).reshape(-1, 4),
            np.array(points, np.float32).reshape(-1, POINTS, 2),
            np.array(doubtful, bool),
            drawn,
            kinds,
            np.array(scores, np.float32),
        )
    )


def _drawn(
    found: Photos, path: Path, more: Mapping[str, Any], size: tuple[int, int]
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """What people drew: boxes (m, 4) and the name of each; None where nobody was asked."""
    if more.get("human_boxes") is None:
        return None, ()
    boxes, kinds = [], []
    for number, row in enumerate(_listed(more["human_boxes"])):
        try:
            boxes.append(_box(row[1:] if isinstance(row, list) else row, size))
            kinds.append(str(row[0]))
        except ValueError as wrong:
            found.problems.append(f"{path}, box {number} of a person: {wrong}")
    return np.array(boxes, np.float32).reshape(-1, 4), tuple(kinds)


def _listed(rows: Any) -> list[Any]:
    """A list as it is; nothing is none."""
    return rows if isinstance(rows, list) else [] if rows is None else [rows]


def _marked(landmarks: Any, box: Sequence[float]) -> np.ndarray:
    """Ten numbers, points at or near the box, or as many NaN: a face without points is a face."""
    try:
        marks = np.array(landmarks, np.float64).reshape(POINTS, 2)
    except (TypeError, ValueError):
        return np.full(2 * POINTS, np.nan, np.float32)
    low, high = np.array(box[:2]), np.array(box[2:])
    away = STRAY * (high - low)
    good = ((marks >= low - away) & (marks <= high + away)).all() and np.ptp(marks, axis=0).any()  # -1 stands for none
    return (marks if good else np.full(marks.shape, np.nan)).reshape(-1).astype(np.float32)


def _share(score: Any) -> float:
    return float(score) if isinstance(score, int | float) and 0 <= score <= 1 else float("nan")


def _box(box: Any, size: tuple[int, int]) -> list[float]:
    """x, y, width, height -> left, top, right, bottom of what lies in the picture. Raises ValueError that says what is wrong."""
    try:
        x, y, w, h = (float(v) for v in box)
    except (TypeError, ValueError):
        raise ValueError(f"the box is {box!r:.100}; x, y, width and height were wanted") from None
    if not np.isfinite([x, y, w, h]).all():
        raise ValueError(f"the box is {box!r:.100}; numbers were wanted")
    if w <= 0 or h <= 0:
        raise ValueError(f"the box is {w:g} wide and {h:g} high")
    if x + w / 2 < 0 or y + h / 2 < 0 or x + w / 2 > size[0] or y + h / 2 > size[1]:
        raise ValueError(f"the box {x:g}, {y:g}, {w:g}, {h:g} lies outside the picture of {size[0]} x {size[1]}")
    return [max(x, 0.0), max(y, 0.0), min(x + w, float(size[0])), min(y + h, float(size[1]))]
