"""`mien models`: the models that name expressions, and the weights of others that detectors need."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from mien.card import ModelCard

app = typer.Typer(help="List the packaged models; fetch weights that are not packaged.", no_args_is_help=True)

PULLS = {
    "yunet": (
        "yunet.onnx",
        "https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet/face_detection_yunet_2023mar.onnx",
        "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
    ),
    "blazeface": ("blazeface.onnx", None, None),
}
"""File in the cache, address, sha256; None: it must be given."""
MOST_BYTES = 500_000_000


@app.command("list")
def list_models(
    json: Annotated[bool, typer.Option("--json", help="The cards, as JSON.")] = False,
    networks: Annotated[bool, typer.Option("--networks", help="Only the networks that can be trained.")] = False,
) -> None:
    """The packaged models, and the networks that can be trained; --json adds calibration and scores."""
    from json import dumps
    from json import loads as parse

    from mien.card import ModelCard
    from mien.models.measured import measured
    from mien.weights import find_card, packaged

    cards = [] if networks else [ModelCard.load(find_card(name)) for name in packaged()]
    if json:
        typer.echo(dumps(measured() if networks else [parse(card.to_json()) for card in cards], indent=2))
        return
    if cards:
        _show_models(cards)
        typer.echo("")
    _show_networks(measured())


def _show_models(cards: list[ModelCard]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("model", "parameters", "input", "expressions", "what it is", box=None, pad_edge=False)
    for card in cards:
        p = card.preprocessing
        table.add_row(
            card.name, f"{card.parameters:,}", f"{p.size}x{p.size} {p.channels}", ", ".join(card.labels), card.description
        )
    Console().print(table)


def _show_networks(told: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("network", "parameters", "MFLOPs", "ms, one face", "ms each, of 64", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in told["rows"]:
        times = (f"{row[name]:.2f}" for name in ("ms_1", "ms_64"))
        table.add_row(row["name"], f"{row['parameters']:,}", f"{row['megaflops']:,.1f}", *times)
    Console().print(table)
    typer.echo(f"train one: mien train --model NAME; times of {told['date']}, {told['machine']}", err=True)


@app.command()
def pull(
    name: Annotated[str, typer.Argument(help="yunet or blazeface.")],
    source: Annotated[str | None, typer.Option("--from", metavar="URL|FILE", help="Another place to take it from.")] = None,
    sha256: Annotated[str | None, typer.Option(help="Refuse a file whose SHA-256 is another.")] = None,
    allow_private: Annotated[bool, typer.Option(help="Read URLs on private networks and this machine, too.")] = False,
) -> None:
    """Fetch the weights of a detector that is not ours into the cache, checked by SHA-256."""
    from mien.fetch import fetch
    from mien.image import read_file
    from mien.runtime import Graph
    from mien.weights import readable, store

    if name not in PULLS:
        raise ValueError(f"nothing to pull is named {name!r}; there are: {', '.join(PULLS)}")
    file, address, known = PULLS[name]
    place = source or address
    if place is None:
        raise ValueError(f"{name} has no address of its own; give one with --from URL or --from FILE")
    web = "://" in place
    data = fetch(place, MOST_BYTES, timeout=600, private=allow_private) if web else read_file(Path(place), MOST_BYTES)
    with readable(place):
        Graph(data)  # what is no network is not kept
    target = store(data, file, sha256 or known)
    typer.echo(f"{name}: {len(data):,} bytes in {target}" + ("" if sha256 or known else " (no SHA-256 to check it by)"))
