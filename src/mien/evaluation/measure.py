"""Score a classifier on splits of a dataset: both in, a dict of scores a split out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from mien.classifiers import Classifier
from mien.datasets import Dataset, Sample
from mien.datasets.votes import most_people
from mien.evaluation.calibration import calibrated_p
from mien.evaluation.scores import first_of_each, interval, scores
from mien.labels import LabelSet
from mien.preprocess.landmarks import aligned

BATCH = 64


def measure(classifier: Classifier, dataset: Dataset, splits: Iterable[str] | None = None) -> dict[str, Any]:
    """{split: scores}, each with the same on rows that are copies of no other (`deduplicated`) and, where people voted,
    against the name that most of them chose (`votes`). `accuracy_interval` is that of 95 %, `calibrated_p` how likely so large
    a calibration error is of a model that is calibrated. Raises ValueError for a split or a class that is not there.
    What the dataset leaves out, it names in its `problems`."""
    samples: dict[str, list[Sample]] = {}
    _ = dataset.labels  # a folder without folders for the classes says so here
    for sample in dataset:
        samples.setdefault(sample.split, []).append(sample)
    if not samples:
        first = f", such as {dataset.problems[0]}" if dataset.problems else ""
        raise ValueError(f"no sample could be read; {len(dataset.problems)} were left out{first}")
    splits = splits or (["PublicTest"] if "PublicTest" in samples else list(samples))
    return {split: _measure(classifier, dataset, samples, split) for split in splits}


def _measure(classifier: Classifier, dataset: Dataset, samples: Mapping[str, list[Sample]], split: str) -> dict[str, Any]:
    if split not in samples:
        raise ValueError(f"the data has no split named {split!r}; there are: {', '.join(samples)}")
    rows, place = samples[split], _places(dataset.labels, classifier.labels)
    probability = np.concatenate([_read(classifier, rows[i : i + BATCH]) for i in range(0, len(rows), BATCH)])
    targets = place[[row.label for row in rows]]
    others = {row.image.tobytes() for name, more in samples.items() if name != split for row in more}
    fresh = first_of_each([row.image for row in rows], others)
    out = scores(probability, targets, classifier.labels)
    out["accuracy_interval"] = interval(out["accuracy"], len(targets))
    out["calibrated_p"] = calibrated_p(probability, targets)
    out["deduplicated"] = scores(probability[fresh], targets[fresh], classifier.labels)
    seen = np.array([most_people(row, dataset.vote_labels, classifier.labels) for row in rows])
    if (seen >= 0).any():
        out["votes"] = scores(probability[seen >= 0], seen[seen >= 0], classifier.labels)
    return out


def _read(classifier: Classifier, rows: list[Sample]) -> np.ndarray:
    """Pictures may differ in size: each is brought to the card's first."""
    wanted = classifier.card.preprocessing
    return classifier(np.concatenate([wanted.sized(aligned(row.image[None], wanted.align)) for row in rows]))


def _places(labels: LabelSet, wanted: LabelSet) -> np.ndarray:
    missing = [name for name in labels if name not in wanted]
    if missing:
        raise ValueError(f"the model has no class named {', '.join(missing)}; it has: {', '.join(wanted)}")
    return np.array([wanted.index(name) for name in labels])
