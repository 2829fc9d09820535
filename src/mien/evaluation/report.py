"""A report to read and one to compute with: scores in, report.json, report.html and pictures of confusion out."""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mien.card import ModelCard
from mien.errors import needs

STYLE = """
:root{color-scheme:light dark;--ink:#1d2330;--soft:#667;--line:#dde;--paper:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaf0;--soft:#99a;--line:#334;--paper:#14161c}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.3rem .8rem;border-bottom:1px solid var(--line);text-align:right}
td:first-child,th:first-child{text-align:left}.soft{color:var(--soft)}img{max-width:100%;background:#fff;border-radius:8px}
"""


def pyplot() -> Any:
    """matplotlib without a window. Raises MissingExtra where it is not installed."""
    try:
        import matplotlib
    except ImportError:
        raise needs("train", "drawing reports (matplotlib)") from None
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


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
    return _png(figure, plt)


def curves_png(history: Sequence[Mapping[str, Any]]) -> bytes:
    """The history of a run -> a PNG: loss, and what was scored along the way, over epochs."""
    plt = pyplot()
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.6), layout="constrained")
    left.plot([r["epoch"] for r in history], [r["loss"] for r in history], color="#3366aa")
    left.set(xlabel="epoch", ylabel="training loss")
    for key, name, colour in (
        ("accuracy", "labels (PublicTest)", "#3366aa"),
        ("accuracy_votes", "clear majority of votes (PublicTest)", "#cc7722"),
        ("ap", "average precision", "#3366aa"),
        ("recall_at_alarms", "recall at 0.1 false alarms an image", "#cc7722"),
    ):
        points = [(r["epoch"], r[key]) for r in history if r.get(key) is not None]
        if points:
            right.plot(*zip(*points, strict=True), label=name, color=colour)
    right.set(xlabel="epoch", ylabel="on data that was not fitted on")
    if right.lines:
        right.legend()
    return _png(figure, plt)


def _png(figure: Any, plt: Any) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, dpi=120)
    plt.close(figure)
    return file.getvalue()


def write_report(folder: Path, card: ModelCard, splits: Mapping[str, Mapping[str, Any]]) -> None:
    """`splits`: name -> scores of mien.evaluation.scores. Writes report.json, report.html and confusion-<split>.png."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps({"model": card.name, "splits": splits}, indent=2) + "\n", "utf-8")
    pictures = {name: confusion_png(s["confusion"], list(card.labels), name) for name, s in splits.items() if "confusion" in s}
    for name, png in pictures.items():
        (folder / f"confusion-{name}.png").write_bytes(png)
    (folder / "report.html").write_text(_page(card, splits, pictures), encoding="utf-8")


def _page(card: ModelCard, splits: Mapping[str, Mapping[str, Any]], pictures: Mapping[str, bytes]) -> str:
    body = "".join(_section(name, s, pictures.get(name)) for name, s in splits.items())
    title = html.escape(f"Model {card.name}")
    facts = html.escape(f"{card.description} {card.parameters:,} parameters, {', '.join(card.labels)}.")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{STYLE}</style><h1>{title}</h1><p class=soft>{facts}</p>{body}</html>\n"
    )


def _section(name: str, s: Mapping[str, Any], picture: bytes | None) -> str:
    whole = f"<p>accuracy {s['accuracy']:.4f}, macro-F1 {s['macro_f1']:.4f}, ECE {s['ece']:.4f}, {s['n']:,} faces</p>"
    rows = "".join(
        f"<tr><td>{html.escape(k)}<td>{v['n']:,}<td>{v['precision']:.3f}<td>{v['recall']:.3f}<td>{v['f1']:.3f}"
        for k, v in s["classes"].items()
    )
    image = (
        f'<img alt="confusion matrix, {html.escape(name)}" src="data:image/png;base64,{base64.b64encode(picture).decode()}">'
        if picture
        else ""
    )
    head = "<tr><th>class<th>faces<th>precision<th>recall<th>F1"
    return f"<h2>{html.escape(name)}</h2>{whole}<table>{head}{rows}</table>{image}"
