"""Many runs that differ in some fields of their config: a space in, a table, a picture and the best run's folder out.

Optuna (Akiba et al. 2019) chooses what to try, or a grid is gone through; its SQLite file and the run folders keep what is
done, so a sweep that was stopped goes on, its half-trained runs after their last epoch. Workers are processes of their own:
`python -m mien.training.sweep FOLDER`.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

from mien.errors import needs
from mien.training.config import TrainConfig, from_mapping
from mien.training.job import Source, read_all
from mien.training.overrides import overridden

STUDY, PLAN, TABLE, PICTURE = "sweep.db", "sweep.json", "sweep.csv", "sweep.png"
METRICS = "accuracy", "macro_f1"
SPLIT = "PublicTest"
"""What runs are compared on."""


@dataclass(frozen=True)
class Range:
    """What a field may be: one of `values`, or from `low` to `high`."""

    values: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False

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

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=2, default=str) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Sweep:
        raw = json.loads(path.read_text(encoding="utf-8"))
        sources = tuple(Source(Path(s["path"]), s["labels"] and Path(s["labels"]), s["weight"]) for s in raw.pop("sources"))
        space = {name: Range(**{**r, "values": tuple(r["values"])}) for name, r in raw.pop("space").items()}
        return cls(sources=sources, space=space, **{**raw, "settings": tuple(raw["settings"])})

    def grid(self) -> list[dict[str, Any]]:
        """All combinations. Raises ValueError for a field that is given as a range."""
        for name, field in self.space.items():
            if not field.values:
                raise ValueError(f"{name} is a range; a grid wants values, such as {name}=1,2,3")
        return [dict(zip(self.space, values, strict=True)) for values in product(*(f.values for f in self.space.values()))]


def range_of(said: str) -> tuple[str, Range]:
    """`name=a,b,c`, `name=low..high` or `name=log:low..high` -> the field and what it may be. Raises ValueError."""
    name, equals, text = said.partition("=")
    log, plain = text.startswith("log:"), text.removeprefix("log:")
    low, dots, high = plain.partition("..")
    if not equals or not text:
        raise ValueError(f"{said!r}: wanted NAME=A,B,C or NAME=LOW..HIGH or NAME=log:LOW..HIGH")
    if not dots:
        return name.strip(), Range(tuple(_value(part) for part in _parts(plain)))
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


def _value(text: str) -> Any:
    try:
        return json.loads(text.strip())
    except ValueError:
        return text.strip()


def prepare(sweep: Sweep, folder: Path, grid: bool) -> None:
    """Begin a sweep in its folder, or go on with it. Raises ValueError where another one is there, or a field is unknown."""
    for combination in sweep.grid() if grid else [{}]:
        config_of(sweep, combination)
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / PLAN).exists():
        there = Sweep.load(folder / PLAN)
        if replace(there, trials=0) != replace(sweep, trials=0):
            raise ValueError(f"{folder}: another sweep is there; call it as before, or give another folder")
    sweep.save(folder / PLAN)
    study = _study(sweep, folder)
    states = _optuna().trial.TrialState
    for trial in study.get_trials(deepcopy=False, states=(states.RUNNING,)):  # of a process that is no more
        study.tell(trial.number, state=states.FAIL)
        study.enqueue_trial(trial.params)
    if grid and not study.trials:
        for combination in sweep.grid():
            study.enqueue_trial({name: json.dumps(value) for name, value in combination.items()})


def work(folder: Path) -> None:
    """Try what is next, until there are enough."""
    sweep = Sweep.load(folder / PLAN)
    optuna = _optuna()
    states = optuna.trial.TrialState
    enough = optuna.study.MaxTrialsCallback(sweep.trials, states=(states.COMPLETE, states.PRUNED))
    study = _study(sweep, folder)
    if _ended(study) < sweep.trials:
        study.optimize(lambda trial: _score(sweep, folder, trial), callbacks=[enough], catch=(ValueError, OSError))


def run(folder: Path, workers: int) -> None:
    """Work in so many processes, which share the cores."""
    threads = max((os.cpu_count() or 1) // workers, 1)
    given = {name: str(threads) for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS") if workers > 1}
    command = [sys.executable, "-W", "ignore", "-m", "mien.training.sweep", str(folder)]
    started = [subprocess.Popen(command, env={**os.environ, **given}, stdin=subprocess.PIPE) for _ in range(workers)]
    try:
        failed = [process.wait() for process in started]
    except BaseException:
        for process in started:
            process.terminate()
        raise
    if any(failed):
        raise ValueError(f"{sum(map(bool, failed))} of {workers} workers ended early; call it again to go on")


def config_of(sweep: Sweep, chosen: Mapping[str, Any]) -> TrainConfig:
    """The shared config with what was chosen."""
    words = [f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in chosen.items()]
    model = {"model": chosen["model"]} if "model" in chosen else {}
    return overridden(from_mapping({**sweep.config, **model}), [*sweep.settings, *words])


def _score(sweep: Sweep, folder: Path, trial: Any) -> float:
    """Train one run, or go on with it: its score."""
    from mien.training.finish import finish
    from mien.training.trainer import Trainer

    chosen = {name: field.drawn(trial, name) for name, field in sweep.space.items()}
    config = config_of(sweep, chosen)
    run = folder / name_of(chosen)
    trial.set_user_attr("run", run.name)
    if not (run / "report.json").exists():
        splits = _data(sweep.sources, config)
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


def _data(sources: tuple[Source, ...], config: TrainConfig) -> dict[str, Any]:
    splits = _read(sources, config.preprocessing)
    if SPLIT not in splits:
        raise ValueError(f"no samples in the split {SPLIT}, which runs are compared on")
    return splits


def table(folder: Path) -> list[dict[str, Any]]:
    """A row a run that ended, the best first; writes it as csv, and a picture."""
    sweep = Sweep.load(folder / PLAN)
    states = _optuna().trial.TrialState
    rows = {}
    for trial in _study(sweep, folder).get_trials(deepcopy=False, states=(states.COMPLETE, states.PRUNED)):
        fields = {n: json.loads(v) if sweep.space[n].values else v for n, v in trial.params.items() if n in sweep.space}
        pruned = trial.state == states.PRUNED
        rows[trial.user_attrs.get("run", "")] = {
            **fields,
            sweep.metric: trial.value,
            "pruned": pruned,
            "run": trial.user_attrs.get("run", ""),
        }
    found = sorted(rows.values(), key=lambda row: (row["pruned"], -(row[sweep.metric] or 0)))
    if found:
        with (folder / TABLE).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(found[0]))
            writer.writeheader()
            writer.writerows(found)
        (folder / PICTURE).write_bytes(picture(found, list(sweep.space), sweep.metric))
    return found


def picture(rows: Sequence[Mapping[str, Any]], names: Sequence[str], metric: str) -> bytes:
    """The score over each field; where there are two, over the first, a line for each value of the second."""
    from mien.page import drawn, pyplot

    plt = pyplot()
    figure, axes = plt.subplots(1, 1 if len(names) == 2 else len(names), figsize=(max(4.2 * len(names), 6), 3.6), squeeze=False)
    done = [row for row in rows if row[metric] is not None]
    if len(names) == 2:
        for value in sorted({json.dumps(row[names[1]]) for row in done}, key=_in_order):
            line = sorted((str(row[names[0]]).zfill(12), row[metric]) for row in done if json.dumps(row[names[1]]) == value)
            axes[0, 0].plot(
                [at.lstrip("0") or "0" for at, _ in line], [y for _, y in line], marker="o", label=f"{names[1]} {value}"
            )
        axes[0, 0].set(xlabel=names[0], ylabel=f"{metric}, {SPLIT}")
        axes[0, 0].legend()
    else:
        for axis, name in zip(axes[0], names, strict=True):
            numbers = all(isinstance(row[name], int | float) and not isinstance(row[name], bool) for row in done)
            axis.plot([row[name] if numbers else str(row[name]) for row in done], [row[metric] for row in done], "o")
            axis.set(xlabel=name, ylabel=f"{metric}, {SPLIT}")
    figure.tight_layout()
    return drawn(figure)


def _in_order(text: str) -> tuple[float, str]:
    """Numbers by their size, all else by the alphabet."""
    value = json.loads(text)
    return (float(value), "") if isinstance(value, int | float) else (0.0, text)


def _study(sweep: Sweep, folder: Path) -> Any:
    optuna = _optuna()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pruner = optuna.pruners.MedianPruner() if sweep.prune else optuna.pruners.NopPruner()
    storage = f"sqlite:///{(folder / STUDY).resolve().as_posix()}"
    sampler = optuna.samplers.TPESampler(seed=sweep.seed + os.getpid() % 1000)  # workers shall not all try the same
    return optuna.create_study(
        storage=storage, study_name="sweep", direction="maximize", sampler=sampler, pruner=pruner, load_if_exists=True
    )


def _ended(study: Any) -> int:
    states = _optuna().trial.TrialState
    return len(study.get_trials(deepcopy=False, states=(states.COMPLETE, states.PRUNED)))


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
    work(Path(sys.argv[1]))
