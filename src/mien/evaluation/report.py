"""A report to read and one to compute with: scores in, report.json, report.html and pictures of confusion out."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mien.card import ModelCard
from mien.page import drawn, page, picture, pyplot, table


def confusion_png(table: Sequence[Sequence[int]], labels: Sequence[str], title: str) -> bytes:
    """Counts (k, k) -> a PNG: shares of each true class, row by row."""
    plt = pyplot()
    counts = np.array(table, float)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    figure, axes = plt.subplots(figsize=(6.4, 5.6), layout="constrained")
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set(title=title, xlabel="called", ylabel="is")
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    for (i, j), value in np.ndenumerate(share):
        axes.text(j, i, f"{value:.2f}", ha="center", va="center", color="white" if value > 0.5 else "black", size=9)
    return drawn(figure)


def curves_png(history: Sequence[Mapping[str, Any]]) -> bytes:
    """The history of a run -> a PNG: loss, and what was scored along the way, over epochs."""
    plt = pyplot()
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.6), layout="constrained")
    _lines(left, history, (("loss", "Training, as it is fitted", "#99aabb"), ("loss_public", "labels (PublicTest)", "#3366aa")))
    left.set(xlabel="epoch", ylabel="loss")
    seen = (
        ("accuracy_training", "labels (Training)", "#99aabb"),
        ("accuracy", "labels (PublicTest)", "#3366aa"),
        ("accuracy_votes", "clear majority of votes (PublicTest)", "#cc7722"),
        ("ap", "average precision", "#3366aa"),
        ("recall_at_alarms", "recall at 0.1 false alarms an image", "#cc7722"),
    )
    _lines(right, history, seen)
    right.set(xlabel="epoch", ylabel="accuracy, or recall")
    return drawn(figure)


def _lines(axis: Any, history: Sequence[Mapping[str, Any]], what: Sequence[tuple[str, str, str]]) -> None:
    """Key, name and colour of each line, of which those are drawn that there is something of."""
    for key, name, colour in what:
        points = [(r["epoch"], r[key]) for r in history if r.get(key) is not None]
        if points:
            axis.plot(*zip(*points, strict=True), label=name, color=colour)
    if axis.lines:
        axis.legend()


def write_report(folder: Path, card: ModelCard, splits: Mapping[str, Mapping[str, Any]], notes: Sequence[str] = ()) -> None:
    """`splits`: name -> scores of mien.evaluation.scores; `notes`: sentences about the run. Writes report.json, report.html
    and confusion-<split>.png."""
    folder.mkdir(parents=True, exist_ok=True)
    told = {"model": card.name, "notes": list(notes), "splits": splits}
    (folder / "report.json").write_text(json.dumps(told, indent=2) + "\n", "utf-8")
    pictures = {name: confusion_png(s["confusion"], list(card.labels), name) for name, s in splits.items() if "confusion" in s}
    for name, png in pictures.items():
        (folder / f"confusion-{name}.png").write_bytes(png)
    (folder / "report.html").write_text(_page(card, splits, pictures, notes), encoding="utf-8")


def _page(card: ModelCard, splits: Mapping[str, Mapping[str, Any]], pictures: Mapping[str, bytes], notes: Sequence[str]) -> str:
    said = "".join(f"<p>{html.escape(note)}</p>" for note in notes)
    body = said + "".join(_section(name, s, pictures.get(name)) for name, s in splits.items())
    facts = f"{card.description} {card.parameters:,} parameters, {', '.join(card.labels)}."
    return page(f"Model {card.name}", facts, body)


def _section(name: str, s: Mapping[str, Any], confusion: bytes | None) -> str:
    whole = f"<p>accuracy {s['accuracy']:.4f}, macro-F1 {s['macro_f1']:.4f}, ECE {s['ece']:.4f}, {s['n']:,} faces</p>"
    rows = [(k, f"{v['n']:,}", f"{v['precision']:.3f}", f"{v['recall']:.3f}", f"{v['f1']:.3f}") for k, v in s["classes"].items()]
    classes = table(("class", "faces", "precision", "recall", "F1"), rows)
    image = picture(confusion, f"confusion matrix, {name}") if confusion else ""
    return f"<h2>{html.escape(name)}</h2>{whole}{classes}{image}"
