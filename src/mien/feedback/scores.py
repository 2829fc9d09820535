"""How suspicious the label of each training sample is, as a file: histories and a monitor in, scores.parquet out, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mien.arrow import arrow
from mien.datasets.dynamics import Histories
from mien.feedback.monitor.baselines import baselines
from mien.feedback.monitor.histories import seen_mean
from mien.feedback.monitor.labels import LabelMonitor

P = "p_mislabelled"
SAID = ("index", "key", "label", "answer", P)


@dataclass(frozen=True)
class Scores:
    """A row a training sample."""

    keys: np.ndarray
    """str (n,)."""
    label: np.ndarray
    """str (n,): the name it was fitted to."""
    answer: np.ndarray
    """str (n,): the name that the net gave it, on the whole, late in the run."""
    suspicion: Mapping[str, np.ndarray]
    """`p_mislabelled`, 0 to 1, and by each baseline's name a number that is larger for what is more likely wrong, (n,) each."""

    def __len__(self) -> int:
        return len(self.keys)

    def save(self, path: Path) -> None:
        """Columns index, key, label, answer, p_mislabelled and one a baseline."""
        a = arrow()
        columns = {"index": np.arange(len(self), dtype=np.int32), "key": a.array(self.keys.tolist(), a.string())}
        columns |= {"label": a.array(self.label.tolist()), "answer": a.array(self.answer.tolist())}
        table = a.table({**columns, P: self.suspicion[P], **{k: v for k, v in self.suspicion.items() if k != P}})
        new = path.with_name(path.name + ".new")
        a.parquet.write_table(table, new)
        new.replace(path)

    @classmethod
    def load(cls, path: Path) -> Scores:
        """Raises FileNotFoundError, and ValueError for a file of another kind."""
        if not path.is_file():
            raise FileNotFoundError(f"no scores at {path}; mien feedback score writes them")
        try:
            table = arrow().parquet.read_table(path)
        except (OSError, arrow().ArrowException) as error:
            raise ValueError(f"{path} is no Parquet file: {error}") from error
        if missing := [name for name in SAID if name not in table.column_names]:
            raise ValueError(f"{path} has no {', '.join(missing)}; scores as mien feedback score writes them are wanted")
        keys, label, answer = (np.array(table[name].to_pylist(), str) for name in ("key", "label", "answer"))
        others = [name for name in table.column_names if name not in SAID[:-1]]
        return cls(keys, label, answer, {name: table[name].to_numpy() for name in others})


def scored(h: Histories, watch: LabelMonitor, predictions: np.ndarray | None = None) -> Scores:
    """What the monitor and the baselines say; `predictions`: out-of-fold probabilities (n, k), for `self_confidence`."""
    names = np.array(h.labels)
    suspicion = {P: watch(h), **baselines(h, predictions)}
    return Scores(h.keys, names[h.label], names[late_answers(h)], suspicion)


def late_answers(h: Histories) -> np.ndarray:
    """int64 (n,): the class with the highest mean probability in the last third of the epochs; of what never came, its label."""
    epochs = h.p.shape[1]
    mean = seen_mean(h.p[:, -max(epochs // 3, 1) :].astype(np.float32))
    never = np.isnan(mean).any(1)
    return np.where(never, h.label, np.nan_to_num(mean).argmax(1))
