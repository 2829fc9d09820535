"""`mien feedback`: what training and the live server learn of their own mistakes, and what is done about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import numpy as np

    from mien.feedback.scores import Scores

app = typer.Typer(
    help="Find wrong labels, take in corrections, retrain, and put a better model in the place of the old one.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@app.command()
def score(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder of mien train --dynamics, or its dynamics.parquet.")],
    to: Annotated[Path, typer.Option(metavar="FILE.parquet", help="A row a training sample: index, p_mislabelled, baselines.")],
    monitor: Annotated[
        Path | None, typer.Option(metavar="DIR", help="What mien feedback monitor fitted. [default: the packaged one]")
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(metavar="FILE.npy", help="Out-of-fold probabilities of the training samples, for self_confidence."),
    ] = None,
) -> None:
    """How likely the label of each training sample is wrong, by how the net came to know it."""
    from mien.datasets.dynamics import read_histories
    from mien.feedback.monitor.labels import LabelMonitor
    from mien.feedback.scores import scored

    watch = LabelMonitor(monitor)
    histories = read_histories(run)
    found = scored(histories, watch, _predictions(predictions, len(histories), len(histories.labels)))
    found.save(to)
    _show(found)
    typer.echo(f"{len(found):,} samples: {to}", err=True)


def _predictions(file: Path | None, n: int, k: int) -> np.ndarray | None:
    if file is None:
        return None
    import numpy as np

    array = np.load(file)
    if array.shape != (n, k):
        raise ValueError(f"{file} has the shape {array.shape}; wanted ({n}, {k}), a row a training sample")
    return array


def _show(found: Scores) -> None:
    """Of each class, how many labels are likely wrong, and what they rather are."""
    from collections import Counter

    from rich.console import Console
    from rich.table import Table

    from mien.feedback.scores import P

    shown = Table("label", "samples", "likely wrong", "rather", box=None, pad_edge=False)
    wrong = found.suspicion[P] > 0.5
    for name in dict.fromkeys(found.label.tolist()):
        mine = found.label == name
        rather = Counter(found.answer[mine & wrong & (found.answer != name)].tolist()).most_common(3)
        shown.add_row(name, f"{mine.sum():,}", f"{(mine & wrong).sum():,}", ", ".join(f"{k} {n:,}" for k, n in rather))
    Console().print(shown)


@app.command()
def monitor(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Runs of mien train --dynamics --set noise.uniform=0.2, or alike.")
    ],
    to: Annotated[Path, typer.Option(metavar="DIR", help="The monitor: its card and its graph.")],
    units: Annotated[int, typer.Option(min=1, help="Of the LSTM.")] = 64,
    layers: Annotated[int, typer.Option(min=1, max=4)] = 1,
    epochs: Annotated[int, typer.Option(min=1)] = 12,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Fit the LSTM that tells wrong labels, to runs in which labels were exchanged on purpose.

    mien ships one for FER2013's seven classes; other classes want their own: two or three runs with a tenth to a third of the
    labels exchanged, evenly (`noise.uniform`) or as a net confuses them (`noise.confusion`, `noise.like`)."""
    import shlex

    from mien.cli.running import ask_for_keras
    from mien.datasets.dynamics import read_histories
    from mien.feedback.monitor.labels import fit_monitor

    ask_for_keras("mien feedback monitor")
    words = [run.name for run in runs] + ["--units", str(units), "--layers", str(layers), "--epochs", str(epochs)]
    command = f"mien feedback monitor {shlex.join([*words, '--seed', str(seed)])}"
    read = [read_histories(run) for run in runs]
    card = fit_monitor(read, to, command, units=units, layers=layers, epochs=epochs, seed=seed)
    typer.echo(f"{to}: fitted to {card.data['sequences']:,} histories, of which {card.prior:.0%} had a wrong label")


@app.command()
def curate(
    scores: Annotated[Path, typer.Argument(metavar="SCORES.parquet", help="As mien feedback score wrote them.")],
    to: Annotated[Path, typer.Option(metavar="ACTIONS.csv", help="For mien data clean; edit it first, if you like.")],
    how: Annotated[str, typer.Option(help="remove; relabel, where it is clear; or look: a person decides.")] = "remove",
    threshold: Annotated[float, typer.Option(help="P(mislabelled) from which on something is done.")] = 0.5,
    by: Annotated[str, typer.Option(help="Another column of the scores; then the share alone decides.")] = "p_mislabelled",
    share: Annotated[float, typer.Option(help="Of each class, at most.")] = 0.2,
    floor: Annotated[int, typer.Option(help="Samples that each class keeps.")] = 200,
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="Write weights, too, for mien train --set sample_weights=FILE.csv.")
    ] = None,
) -> None:
    """Propose what to do about labels that are likely wrong; `mien data clean DATA --apply ACTIONS.csv` does it.

    Nothing is changed here, and what is done there is a version of the data that can be undone."""
    from collections import Counter

    from mien.datasets.audit import write_actions
    from mien.feedback.curation import Policy, actions, told, write_weights
    from mien.feedback.scores import Scores

    found = Scores.load(scores)
    done = actions(found, Policy(how, threshold, by, share, floor))
    write_actions(done, to)
    if weights:
        write_weights(found, weights)
    for line in told(done, Counter(found.label.tolist())):
        typer.echo(line)
    typer.echo(f"{len(done):,} actions: {to}; do them with: mien data clean DATA --apply {to}", err=True)
