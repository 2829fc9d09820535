"""A run's history for TensorBoard: a row an epoch in, event files out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mien.errors import needs


class Board:
    """`board(row)`; watch it with `tensorboard --logdir RUN`. Raises MissingExtra without TensorBoard."""

    def __init__(self, folder: Path) -> None:
        try:
            from tensorboard.summary import Writer
        except ImportError:
            raise needs("tensorboard", "--tensorboard") from None
        self._writer = Writer(str(folder))

    def __call__(self, row: Mapping[str, Any]) -> None:
        for name, value in row.items():
            if name != "epoch" and value is not None:
                self._writer.add_scalar(name, value, step=row["epoch"])
        self._writer.flush()
