"""A whole training job: a config and data in, one run or several that build on each other out.

A config file holds the fields of TrainConfig, `data`, and perhaps `stages`: each a run of its own, with its own data, layers,
loss and rate, that begins with the weights of the one before (the dissertation's multi-stage fine-tuning)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mien.card import Preprocessing
from mien.datasets import Dataset, open_dataset
from mien.datasets.label_map import read_label_map
from mien.training.config import TrainConfig
from mien.training.overrides import merged
from mien.training.tensors import Tensors, in_clips, joined, read

PREVIOUS = "previous"
"""Among a stage's teachers: the stage before."""
STAGES = "stages"


@dataclass(frozen=True)
class Source:
    """One of the sets that a run learns from."""

    path: Path
    labels: Path | None = None
    """Label map."""
    weight: float = 1.0
    """How often in an epoch each of its samples comes."""

    def open(self) -> Dataset:
        return open_dataset(self.path, read_label_map(self.labels) if self.labels else None)


@dataclass(frozen=True)
class Stage:
    """One run of a job."""

    folder: Path
    config: TrainConfig
    sources: tuple[Source, ...]

    @property
    def done(self) -> bool:
        """Whether it ended, with all that a run leaves."""
        return (self.folder / "card.json").exists()


def fields_and_sources(file: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[Source, ...]]:
    """What a config file says of the config, and of the data; its `run` and `stages` are left to who asks."""
    fields = {name: value for name, value in file.items() if name not in ("data", "run", STAGES)}
    return fields, sources_in(file["data"]) if "data" in file else ()


def sources_in(said: Any) -> tuple[Source, ...]:
    """What a config file says under `data`: a path, a table of `path`, `labels` and `weight`, or a list of these."""
    found = []
    for one in said if isinstance(said, list) else [said]:
        table = {"path": one} if isinstance(one, str) else one
        unknown = set(table) - {"path", "labels", "weight"} if isinstance(table, Mapping) else {str(table)}
        if unknown or not isinstance(table.get("path"), str):
            raise ValueError(f"data is {one!r}; wanted a path, or a table of path, labels and weight")
        labels, weight = table.get("labels"), table.get("weight", 1.0)
        if not isinstance(labels, str | None):
            raise ValueError(f"labels of {table['path']} is {labels!r}; wanted the path of a label map")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or weight < 0:
            raise ValueError(f"weight of {table['path']} is {weight!r}; wanted a number from 0 on")
        found.append(Source(Path(table["path"]), Path(labels) if labels else None, float(weight)))
    return tuple(found)


def weights_of(sources: Sequence[Source]) -> dict[str, Any]:
    """How often the samples of each set come, as fields of a config; none where all come once."""
    return {"data_weights": [source.weight for source in sources]} if any(source.weight != 1 for source in sources) else {}


def stages_of(config: TrainConfig, said: Sequence[Mapping[str, Any]], sources: tuple[Source, ...], run: Path) -> list[Stage]:
    """The runs of a job in their order; the last one is in the job's folder, the others within it."""
    stages: list[Stage] = []
    for number, fields in enumerate(said or [{}], 1):
        own = sources_in(fields["data"]) if "data" in fields else sources
        if not own:
            raise ValueError("no data to learn from; give --data, or data in the config")
        before = stages[-1].folder if stages else None
        begun = {"start": str(before)} if before else {}
        given = {name: value for name, value in fields.items() if name != "data"}
        made = merged(config, weights_of(own) | begun | given)
        if PREVIOUS in made.distil.teachers:
            if not before:
                raise ValueError(f"the first stage has no {PREVIOUS} one to be its teacher")
            names = tuple(str(before) if name == PREVIOUS else name for name in made.distil.teachers)
            made = replace(made, distil=replace(made.distil, teachers=names))
        folder = run / STAGES / str(number) if number < len(said) else run
        stages.append(Stage(folder, made, own))
    return stages


def tensors_of(config: TrainConfig, sources: Sequence[Source]) -> tuple[dict[str, Tensors], list[str]]:
    """What a run of this config learns from and is chosen on, and what was left out. Raises ValueError as `read_all` does."""
    splits, problems = read_all(sources, config.preprocessing)
    return as_taken(config, splits), problems


def as_taken(config: TrainConfig, splits: Mapping[str, Tensors]) -> dict[str, Tensors]:
    """The splits as the network takes them: frames joined into clips, where it takes several at once."""
    from mien.training.trainer import frames_of  # Keras is only needed here

    clips = any(data.clips is not None for data in splits.values())
    frames = frames_of(config, splits["Training"].labels) if clips else 0
    return {split: in_clips(data, frames) for split, data in splits.items()} if frames else dict(splits)


def read_all(sources: Sequence[Source], preprocessing: Preprocessing) -> tuple[dict[str, Tensors], list[str]]:
    """The splits of all sets, without PrivateTest, and what was left out.

    Raises ValueError where nothing is there to fit on, or a class has no samples in it."""
    sets, problems = [], list[str]()
    for source in sources:
        dataset = source.open()
        sets.append({split: data for split, data in read(dataset, preprocessing).items() if split != "PrivateTest"})
        problems += dataset.problems
    filled = [splits for splits in sets if splits]
    if not any("Training" in splits for splits in filled):
        raise ValueError(f"{', '.join(str(s.path) for s in sources)}: no samples in the split Training")
    splits = dict(filled[0]) if len(sets) == 1 else joined(filled)
    fitted, chosen = splits["Training"], splits.get("PublicTest")
    there = set(fitted.targets)
    if missing := [name for i, name in enumerate(fitted.labels) if chosen and i in set(chosen.targets) - there]:
        raise ValueError(
            f"no samples of {', '.join(missing)} in Training, but in PublicTest; a class that is not there is not learnt"
        )
    return splits, problems
