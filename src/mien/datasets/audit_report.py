"""An audit as a page with small pictures: what was found in, one HTML file out."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from mien.datasets.audit import LOOK, Audit
from mien.datasets.base import Dataset
from mien.image import encode
from mien.page import page, picture, table

SHOWN = 36
"""Samples of a section that are shown; all are in the csv."""
NAMES = {
    "left_out": "could not be read", "duplicate_groups": "pictures that are there several times",
    "redundant": "samples that only repeat a picture", "conflicting_groups": "pictures under several labels",
    "near_duplicate_groups": "groups of nearly the same picture", "blank": "blank", "dark": "dark", "bright": "bright",
    "pale": "without contrast", "blurred": "blurred", "other_label_by_votes": "most people saw another expression",
    "other_label_by_predictions": "predictions speak for another label", "without_a_face": "the detector finds no face",
}  # fmt: skip


def report(found: Audit, s: Mapping[str, Any], dataset: Dataset, name: str) -> str:
    """The page; `s` is the audit's summary. The dataset is read once more, for the pictures that are shown."""
    sections = list(_sections(found))
    wanted = {row for _, _, rows, _ in sections for row in rows}
    images = _images(dataset, {found.keys[row] for row in wanted})
    across = "".join(f"<li>{html.escape(pair)}: {n:,}" for pair, n in s["cross_split"].items())
    body = [
        table(("found", "samples"), [(NAMES[k], f"{s[k]:,}") for k in NAMES if s[k] is not None]),
        f"<p>Samples of the second split whose picture is in the first, too:<ul>{across}</ul>" if across else "",
        "<h2>Samples</h2>",
        table(("split", *found.labels), [(split, *(f"{n:,}" for n in row.values())) for split, row in s["counts"].items()]),
        *(_section(found, images, *section) for section in sections),
        _left_out(found.problems),
    ]
    return page(f"Audit of {name}", f"{len(found):,} samples; proposed: {in_words(s['proposed']) or 'nothing'}.", "".join(body))


def in_words(proposed: Mapping[str, int]) -> str:
    """Counts of actions: `3 to remove, 5 to look at`."""
    return ", ".join(f"{n:,} to {'look at' if action == LOOK else action}" for action, n in proposed.items() if n)


def _sections(found: Audit) -> Iterator[tuple[str, int, list[int], Mapping[int, str]]]:
    """Title, how many there are, rows that are shown, and what is said of each beside its label."""
    conflicting = [row for group in found.conflicting for row in group]
    across = [row for group in found.twins if len({found.splits[row] for row in group}) > 1 for row in group]
    yield "The same picture under several labels", len(conflicting), conflicting[:SHOWN], {}
    yield "The same picture in several splits", len(across), across[:SHOWN], {}
    alike = [row for group in found.look_alikes for row in group]
    yield "Nearly the same picture", len(alike), alike[:SHOWN], {}
    for fault in ("blank", "dark", "bright", "pale", "blurred"):
        rows = [row for row, seen in enumerate(found.seen) if fault in seen.faults]
        yield NAMES[fault].capitalize(), len(rows), rows[:SHOWN], {}
    voted = {row: f"people: {found.labels[m]}" for row, m in enumerate(found.majority) if m not in (-1, found.targets[row])}
    surest = sorted(voted, key=lambda row: -found.agreed[row])
    yield "Most people saw another expression", len(voted), surest[:SHOWN], voted
    suspects = {row: f"predicted: {found.labels[label]}" for row, label in found.suspects.items()}
    yield "Predictions speak for another label", len(suspects), list(suspects)[:SHOWN], suspects
    yield "The detector finds no face", len(found.faceless or ()), (found.faceless or [])[:SHOWN], {}


def _images(dataset: Dataset, keys: set[str]) -> dict[str, np.ndarray]:
    samples: Iterable = (sample for sample in dataset if sample.key in keys)
    return {sample.key: sample.image for sample in islice(samples, len(keys))}


def _section(
    found: Audit, images: Mapping[str, np.ndarray], title: str, count: int, rows: Sequence[int], more: Mapping[int, str]
) -> str:
    if not count:
        return ""
    figures = "".join(
        _figure(found, images[found.keys[row]], row, more.get(row, "")) for row in rows if found.keys[row] in images
    )
    shown = f", {len(rows)} of them shown" if count > len(rows) else ""
    return f"<h2>{html.escape(title)}</h2><p class=soft>{count:,} samples{shown}</p><div class=faces>{figures}</div>"


def _figure(found: Audit, image: np.ndarray, row: int, more: str) -> str:
    label, split, key = found.labels[found.targets[row]], found.splits[row], found.keys[row]
    said = "<br>".join(html.escape(text) for text in (label, more, split, key) if text)
    return f"<figure>{picture(encode(image), f'{label}, {key}')}<figcaption>{said}</figcaption></figure>"


def _left_out(problems: Sequence[str]) -> str:
    lines = "".join(f"<li>{html.escape(line)}" for line in problems)
    return f"<h2>Could not be read</h2><ul>{lines}</ul>" if problems else ""
