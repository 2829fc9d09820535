"""Many runs that differ in some fields of their config: a space in, a table, a picture and the best run's folder out.

Optuna (Akiba et al. 2019) chooses what to try, or a grid is gone through; its SQLite file and the run folders keep what is
done, so a sweep that was stopped goes on, its half-trained runs after their last epoch. A run that fails is one of the sweep's
runs: it is counted, and the table says why. Workers are processes of their own: `python -m mien.training.sweep FOLDER`.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from itertools import islice, product
from pathlib import Path
from typing import Any

from mien.errors import needs
from mien.labels import FER2013
from mien.locks import alone, locked
from mien.training.config import TrainConfig, from_mapping
from mien.training.job import Source, as_taken, read_all, weights_of
from mien.training.overrides import merged, overridden

STUDY, PLAN, TABLE, PICTURE = "sweep.db", "sweep.json", "sweep.csv", "sweep.png"
BUSY, NEXT, TRAINED = "sweep.lock", "next.lock", "run.lock"
"""Held while somebody sweeps in the folder; while a worker takes what is next; and while it trains a run."""
RUN, FAILED = "run", "failed"
"""What a trial remembers: its run's folder, and why it failed."""
METRICS = "accuracy", "macro_f1"
SPLIT = "PublicTest"
"""What runs are compared on."""
TRIED = 256
"""Combinations, at most, among which one that a config can have is looked for."""
LONGEST = 300
"""Characters of a reason that are kept."""


@dataclass(frozen=True)
class Range:
    """What a field may be: one of `values`, or from `low` to `high`."""

    values: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False

    @property
    def some(self) -> tuple[Any, ...]:
        """Its values, or its ends."""
        return self.values or (self.low, self.high)

    def drawn(self, trial: Any, name: str) -> Any:
        if self.values:
            return json.loads(trial.suggest_categorical(name, [json.dumps(value) for value in self.values]))
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(name, self.low, self.high, log=self.log)
        return trial.suggest_float(name, self.low, self.high, log=self.log)


@dataclass(frozen=True)
class Sweep:
    """What is tried."""

    config: dict[str, Any]
    """Fields of the config that all runs share, as a file has them."""
    settings: tuple[str, ...]
    """And as `name=value`."""
    sources: tuple[Source, ...]
    space: dict[str, Range]
    trials: int
    metric: str = "accuracy"
    prune: bool = False
    """Stop runs that are worse than the median of the others in the same epoch."""
    seed: int = 0
    whole: bool = False
    """Try all combinations, a grid, instead of what Optuna chooses."""

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=2, default=str) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Sweep:
        raw = json.loads(path.read_text(encoding="utf-8"))
        sources = tuple(Source(Path(s["path"]), s["labels"] and Path(s["labels"]), s["weight"]) for s in raw.pop("sources"))
        space = {name: Range(**{**r, "values": tuple(r["values"])}) for name, r in raw.pop("space").items()}
        return cls(sources=sources, space=space, **{**raw, "settings": tuple(raw["settings"])})

    def grid(self) -> list[dict[str, Any]]:
        """All combinations, each once. Raises ValueError for a field that is given as a range."""
        for name, field in self.space.items():
            if not field.values:
                raise ValueError(f"{name} is a range; a grid wants values, such as {name}=1,2,3")
        return [dict(zip(self.space, values, strict=True)) for values in product(*(_once(f.values) for f in self.space.values()))]


def range_of(said: str) -> tuple[str, Range]:
    """`name=a,b,c`, `name=low..high` or `name=log:low..high` -> the field and what it may be. Raises ValueError."""
    name, equals, text = said.partition("=")
    log, plain = text.startswith("log:"), text.removeprefix("log:")
    low, dots, high = plain.partition("..")
    if not equals or not text:
        raise ValueError(f"{said!r}: wanted NAME=A,B,C or NAME=LOW..HIGH or NAME=log:LOW..HIGH")
    if not dots:
        return name.strip(), Range(_once(_value(part) for part in _parts(plain)))
    ends = _value(low), _value(high)
    if not all(isinstance(end, int | float) for end in ends) or ends[0] >= ends[1] or (log and ends[0] <= 0):
        raise ValueError(f"{said!r}: a range goes from a smaller number to a larger one, on a logarithmic scale from above 0")
    return name.strip(), Range((), *ends, log)


def _parts(text: str) -> Iterable[Any]:
    """A JSON list's values, or what stands between commas."""
    try:
        found = json.loads(f"[{text}]")
    except ValueError:
        return text.split(",")
    return [json.dumps(value) for value in found]


def _once(values: Iterable[Any]) -> tuple[Any, ...]:
    """Without those that were there before."""
    return tuple({json.dumps(value): value for value in values}.values())


def _value(text: str) -> Any:
    try:
        return json.loads(text.strip())
    except ValueError:
        return text.strip()


def check(sweep: Sweep) -> None:
    """Before anything is trained. Raises ValueError for an unknown field, where no combination is one that a run can have, for a
    network that cannot be built, or where the data has nothing to compare runs on."""
    config = _possible(sweep)
    from mien.training.trainer import network

    network(config, FER2013)
    there: set[str] = set()
    for sample in (sample for source in sweep.sources for sample in source.open()):
        there.add(sample.split)
        if {"Training", SPLIT} <= there:
            return
    paths = ", ".join(str(source.path) for source in sweep.sources)
    missing = "Training, which runs learn from" if "Training" not in there else f"{SPLIT}, which runs are compared on"
    raise ValueError(f"{paths}: no samples in the split {missing}")


def _possible(sweep: Sweep) -> TrainConfig:
    """Of the first combination that is one; some may not be, such as an epoch to change at that is none of a short run's."""
    wrong = None
    for values in islice(product(*(field.some for field in sweep.space.values())), TRIED):
        try:
            return config_of(sweep, dict(zip(sweep.space, values, strict=True)))
        except ValueError as error:
            wrong = wrong or error
    raise wrong or ValueError("nothing to try: a field has no values")


@contextmanager
def prepared(sweep: Sweep, folder: Path) -> Iterator[None]:
    """Begin a sweep in its folder, or go on with it, alone. Raises ValueError as `check` does, and where another one is there,
    or at work."""
    cells = sweep.grid() if sweep.whole else []
    check(sweep)
    with alone(folder / BUSY, "sweep"):
        _prepare(sweep, folder, cells)
        yield


def _prepare(sweep: Sweep, folder: Path, cells: Iterable[Mapping[str, Any]]) -> None:
    if (folder / PLAN).exists():
        there = Sweep.load(folder / PLAN)
        if replace(there, trials=0) != replace(sweep, trials=0):
            raise ValueError(f"{folder}: another sweep is there; call it as before, or give another folder")
    sweep.save(folder / PLAN)
    study = _study(sweep, folder)
    states = _optuna().trial.TrialState
    for trial in study.get_trials(deepcopy=False, states=(states.RUNNING,)):  # of a process that is no more
        study.tell(trial.number, state=states.FAIL)
        study.enqueue_trial({**trial.system_attrs.get("fixed_params", {}), **trial.params})
    for cell in cells:
        study.enqueue_trial({name: json.dumps(value) for name, value in cell.items()}, skip_if_exists=True)


def work(folder: Path) -> None:
    """Try what is next, until there are enough. Raises OSError, such as of a full disk, and leaves the trial to the next call."""
    sweep = Sweep.load(folder / PLAN)
    study, states = _study(sweep, folder), _optuna().trial.TrialState
    while (trial := _next(sweep, folder, study)) is not None:
        try:
            score = _score(sweep, folder, trial)
        except _optuna().TrialPruned:
            study.tell(trial, state=states.PRUNED)
        except OSError:
            raise
        except Exception as error:  # whatever it is, it is this run's, and others may do
            why = _in_a_line(error)
            trial.set_user_attr(FAILED, why)
            study.tell(trial, state=states.FAIL)
            print(f"{trial.user_attrs.get(RUN, trial.number)}  failed: {why}", flush=True)
        else:
            study.tell(trial, score)


def _next(sweep: Sweep, folder: Path, study: Any) -> Any:
    """A trial that has begun; None where there are enough: of a grid, where none waits."""
    states = _optuna().trial.TrialState
    with locked(folder / NEXT, wait=True):
        waits = study.get_trials(deepcopy=False, states=(states.WAITING,))
        enough = sweep.whole or len(_counted(study)) >= sweep.trials
        return study.ask() if waits or not enough else None


def _counted(study: Any) -> list[Any]:
    """The trials that ended, also those that failed of themselves, or are at work."""
    states = _optuna().trial.TrialState
    begun = (states.RUNNING, states.COMPLETE, states.PRUNED, states.FAIL)
    return [t for t in study.get_trials(deepcopy=False, states=begun) if t.state != states.FAIL or FAILED in t.user_attrs]


def _in_a_line(error: Exception) -> str:
    said = " ".join(str(error).split())[:LONGEST]
    return said if said and isinstance(error, ValueError | OSError) else f"{type(error).__name__}: {said}"


def run(folder: Path, workers: int) -> None:
    """Work in so many processes, which share the cores. Raises ChildProcessError where one could not go on; the others are
    stopped, then."""
    threads = max((os.cpu_count() or 1) // workers, 1)
    given = {name: str(threads) for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS") if workers > 1}
    command = [sys.executable, "-W", "ignore", "-m", "mien.training.sweep", str(folder)]
    started = [subprocess.Popen(command, env={**os.environ, **given}, stdin=subprocess.PIPE) for _ in range(workers)]
    try:
        while any(process.poll() is None for process in started):
            if any(process.poll() for process in started):
                break
            time.sleep(0.1)
    finally:
        failed = sum(bool(process.poll()) for process in started)
        for process in started:
            process.terminate()
            process.wait()
    if failed:
        raise ChildProcessError(f"{failed} of {workers} workers could not go on, for what is said above; call it again to go on")


def config_of(sweep: Sweep, chosen: Mapping[str, Any]) -> TrainConfig:
    """The shared config with the weights of the data, and with what was chosen."""
    words = [f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in chosen.items()]
    model = {"model": chosen["model"]} if "model" in chosen else {}
    weights = {} if "data_weights" in chosen else weights_of(sweep.sources)
    return overridden(merged(from_mapping({**sweep.config, **model}), weights), [*_but(sweep.settings, weights), *words])


def _but(settings: Iterable[str], weights: Mapping[str, Any]) -> list[str]:
    """The settings without those that the data's weights stand for, as in a run of its own."""
    return [setting for setting in settings if setting.partition("=")[0].strip() not in weights]


def _score(sweep: Sweep, folder: Path, trial: Any) -> float:
    """Train one run, go on with it, or take what it came to: its score."""
    from mien.training.finish import finish
    from mien.training.trainer import Trainer

    chosen = {name: field.drawn(trial, name) for name, field in sweep.space.items()}
    run = folder / name_of(chosen)
    trial.set_user_attr(RUN, run.name)
    config = config_of(sweep, chosen)
    with locked(run / TRAINED, wait=True):  # another worker may be at the same values
        if not (run / "card.json").exists():
            splits = as_taken(config, _read(sweep.sources, config.preprocessing))
            trainer = Trainer(config, splits, run)
            trainer.fit(report=lambda row: _report(sweep, trial, run.name, row))
            finish(trainer, splits)
    return float(json.loads((run / "report.json").read_text(encoding="utf-8"))["splits"][SPLIT][sweep.metric])


def _report(sweep: Sweep, trial: Any, name: str, row: Mapping[str, Any]) -> None:
    told = "  ".join(f"{k} {row[k]:.4g}" for k in ("loss", "accuracy", "images_per_second") if row.get(k) is not None)
    print(f"{name}  epoch {row['epoch']}  {told}", flush=True)
    if sweep.prune and row.get("accuracy") is not None:
        trial.report(row["accuracy"], row["epoch"])
        if trial.should_prune():
            raise _optuna().TrialPruned


def name_of(chosen: Mapping[str, Any]) -> str:
    """The folder of a run: what was chosen, and a hash of it, as not all that can be chosen can stand in a name."""
    said = json.dumps(chosen, sort_keys=True)
    plain = "-".join(
        f"{k.rpartition('.')[2]}-{v:.3g}" if isinstance(v, float) else f"{k.rpartition('.')[2]}-{v}" for k, v in chosen.items()
    )
    kept = "".join(c if c.isalnum() or c in "-._" else "" for c in plain)[:60]
    return f"{kept}-{hashlib.sha256(said.encode()).hexdigest()[:6]}"


@lru_cache(maxsize=1)
def _read(sources: tuple[Source, ...], preprocessing: Any) -> dict[str, Any]:
    return read_all(sources, preprocessing)[0]


def table(folder: Path) -> list[dict[str, Any]]:
    """A row a run that ended, the best first, those that failed last; writes it as csv, and a picture."""
    sweep = Sweep.load(folder / PLAN)
    states = _optuna().trial.TrialState
    ended = [trial for trial in _counted(_study(sweep, folder)) if trial.state != states.RUNNING]
    rows = {row["run"]: row for row in (_row(sweep, trial) for trial in ended)}
    found = sorted(rows.values(), key=lambda row: (bool(row["failed"]), row["pruned"], -(row[sweep.metric] or 0)))
    if found:
        with (folder / TABLE).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(found[0]))
            writer.writeheader()
            writer.writerows(found)
    if any(row[sweep.metric] is not None for row in found):
        (folder / PICTURE).write_bytes(picture(found, sweep.space, sweep.metric))
    return found


def _row(sweep: Sweep, trial: Any) -> dict[str, Any]:
    """What was chosen, and what it came to."""
    drawn = {name: trial.params.get(name) for name in sweep.space}
    fields = {n: json.loads(v) if sweep.space[n].values and v is not None else v for n, v in drawn.items()}
    pruned, why = trial.state == _optuna().trial.TrialState.PRUNED, trial.user_attrs.get(FAILED, "")
    return {**fields, sweep.metric: trial.value, "pruned": pruned, "failed": why, "run": trial.user_attrs.get(RUN, "")}


def picture(rows: Sequence[Mapping[str, Any]], space: Mapping[str, Range], metric: str) -> bytes:
    """The score over each field. Where there are two: over one, the values of the other beside each other; or, both being
    ranges, the plane of them with the scores as colours."""
    from mien.page import drawn, pyplot

    plt = pyplot()
    done = [row for row in rows if row[metric] is not None]
    panels = 1 if len(space) == 2 else len(space)
    figure, axes = plt.subplots(1, panels, figsize=(max(4.2 * panels, 6.4), 3.8), squeeze=False)
    if len(space) != 2:
        for axis, name in zip(axes[0], space, strict=True):
            _dots(axis, done, name, space[name], metric)
    elif any(field.values for field in space.values()):
        _beside(axes[0, 0], done, space, metric)
    else:
        _plane(figure, axes[0, 0], done, space, metric)
    figure.tight_layout()
    return drawn(figure)


def _dots(axis: Any, rows: Sequence[Mapping[str, Any]], name: str, field: Range, metric: str, **how: Any) -> None:
    """A row a dot, over one field: a range is an axis of numbers, values stand side by side as they were given."""
    at = [field.values.index(row[name]) if field.values else row[name] for row in rows]
    ordered = sorted(zip(at, (row[metric] for row in rows), strict=True))
    axis.plot([x for x, _ in ordered], [y for _, y in ordered], **{"linestyle": "", "marker": "o", **how})
    if field.values:
        shown = [_short(value) for value in field.values]
        crowded = sum(map(len, shown)) > 40
        axis.set_xticks(range(len(shown)), shown, rotation=30 if crowded else 0, ha="right" if crowded else "center")
        axis.set_xlim(-0.5, len(shown) - 0.5)
    else:
        axis.set_xscale("log" if field.log else "linear")
    axis.set(xlabel=name, ylabel=f"{metric}, {SPLIT}")


def _beside(axis: Any, rows: Sequence[Mapping[str, Any]], space: Mapping[str, Range], metric: str) -> None:
    """Over the range of the two fields, or the first; a line for each value of the other."""
    over, other = sorted(space, key=lambda name: bool(space[name].values))
    for value in space[other].values:
        mine = [row for row in rows if row[other] == value]
        line = {"linestyle": "-"} if space[over].values else {}
        _dots(axis, mine, over, space[over], metric, label=_short(value), **line)
    axis.legend(title=other)


def _plane(figure: Any, axis: Any, rows: Sequence[Mapping[str, Any]], space: Mapping[str, Range], metric: str) -> None:
    (x, across), (y, up) = space.items()
    dots = axis.scatter([row[x] for row in rows], [row[y] for row in rows], c=[row[metric] for row in rows], cmap="viridis")
    axis.set(xlabel=x, ylabel=y, xscale="log" if across.log else "linear", yscale="log" if up.log else "linear")
    figure.colorbar(dots, ax=axis, label=f"{metric}, {SPLIT}")


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _study(sweep: Sweep, folder: Path) -> Any:
    optuna = _optuna()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pruner = optuna.pruners.MedianPruner() if sweep.prune else optuna.pruners.NopPruner()
    storage = f"sqlite:///{(folder / STUDY).resolve().as_posix()}"
    sampler = optuna.samplers.TPESampler(seed=sweep.seed + os.getpid() % 1000)  # workers shall not all try the same
    return optuna.create_study(
        storage=storage, study_name="sweep", direction="maximize", sampler=sampler, pruner=pruner, load_if_exists=True
    )


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise needs("sweep", "mien sweep (Optuna)") from None
    return optuna


def _end_with_the_one_who_called() -> None:
    """A worker whose caller was killed must not go on beside the next one's: the pipe from it is closed then."""

    def watch() -> None:
        sys.stdin.read()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    _end_with_the_one_who_called()
    try:
        work(Path(sys.argv[1]))
    except (OSError, _optuna().exceptions.StorageInternalError) as error:  # Optuna's, where its file cannot be written
        sys.exit(f"mien: {_in_a_line(error)}")
