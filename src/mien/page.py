"""Pages and plots that a program leaves behind for a person: texts, tables and pictures in, one HTML file or PNG bytes out."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Sequence
from typing import Any

from mien.errors import needs

STYLE = """
:root{color-scheme:light dark;--ink:#1d2330;--soft:#667;--line:#dde;--paper:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaf0;--soft:#99a;--line:#334;--paper:#14161c}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:1rem 0;display:block;overflow-x:auto}
td,th{padding:.3rem .8rem;border-bottom:1px solid var(--line);text-align:right}
td:first-child,th:first-child{text-align:left}.soft{color:var(--soft)}img{max-width:100%;background:#fff;border-radius:8px}
.faces{display:flex;flex-wrap:wrap;gap:.8rem}
.faces figure{margin:0;width:7rem;font-size:.75rem;line-height:1.3;overflow-wrap:anywhere}
.faces img{width:4.5rem;height:4.5rem;object-fit:contain;image-rendering:pixelated;display:block}
"""


def page(title: str, about: str, body: str) -> str:
    """A whole page; `body` is HTML, the others are text."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style><h1>{html.escape(title)}</h1>"
        f"<p class=soft>{html.escape(about)}</p>{body}</html>\n"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Text cells."""
    lines = ["".join(f"<th>{html.escape(str(cell))}" for cell in head)]
    lines += ["".join(f"<td>{html.escape(str(cell))}" for cell in row) for row in rows]
    return f"<table>{''.join(f'<tr>{line}' for line in lines)}</table>"


def picture(png: bytes, alt: str) -> str:
    return f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{base64.b64encode(png).decode()}">'


def pyplot() -> Any:
    """matplotlib without a window. Raises MissingExtra where it is not installed."""
    try:
        import matplotlib
    except ImportError:
        raise needs("data", "drawing (matplotlib)") from None
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def drawn(figure: Any) -> bytes:
    """A figure of `pyplot` as a PNG; the figure is closed."""
    file = io.BytesIO()
    figure.savefig(file, dpi=120)
    pyplot().close(figure)
    return file.getvalue()
