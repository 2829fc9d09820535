"""`mien feedback drift`: fit the monitor that watches a live stream."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def drift(
    data: Annotated[Path, typer.Option(metavar="FILE|DIR", help="Labelled faces that the model was not fitted to.")],
    to: Annotated[Path, typer.Option(metavar="DIR", help="The monitor: its card and its graphs.")],
    model: Annotated[str, typer.Option(help="Whose answers are watched: a name, a run folder or a card.")] = "fer2013",
    split: Annotated[str, typer.Option(help="Of the data.")] = "PublicTest",
    streams: Annotated[int, typer.Option(min=100, help="That are simulated.")] = 5000,
    epochs: Annotated[int, typer.Option(min=1)] = 8,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Fit the LSTM that watches a live stream: it forecasts accuracy and says when what is seen has changed.

    Streams are made of labelled faces, and drifts are simulated: blur, darkness, compression, a turned camera, other people
    and more. mien ships one, which `mien serve` uses; it looks at how a stream differs from itself, so it serves any classes."""
    from mien.cli.running import ask_for_keras
    from mien.feedback.monitor.stream_fit import fit_stream_monitor, pool_of

    ask_for_keras("mien feedback drift")
    pool = pool_of(data, split, model, seed, lambda text: typer.echo(text, err=True))
    words = f"--data {data.name} --to {to.name} --model {Path(model).name} --split {split} --streams {streams} --epochs {epochs}"
    card = fit_stream_monitor(pool, to, f"mien feedback drift {words} --seed {seed}", streams=streams, epochs=epochs, seed=seed)
    typer.echo(f"{to}: fitted to {streams:,} streams of {len(pool.targets):,} faces; alarms from {card.threshold:.3f} on")
