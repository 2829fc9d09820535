"""Classify with ONNX Runtime: a card and its graph; uint8 chips in, float32 probabilities out."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mien.card import ModelCard
from mien.labels import LabelSet
from mien.runtime import session
from mien.weights import find_graph


class OnnxClassifier:
    """Reads the card at once, so a wrong path fails here; opens the graph on the first call."""

    def __init__(self, card: str | os.PathLike[str]) -> None:
        self.path = Path(card)
        self.card = ModelCard.load(self.path)
        self._graph = find_graph(self.card, self.path)

    @property
    def labels(self) -> LabelSet:
        return self.card.labels

    @cached_property
    def _session(self) -> Any:
        try:
            graph = session(self._graph)
        except Exception as error:  # ONNX Runtime has a class of its own for each status
            raise ValueError(f"{self._graph}: ONNX Runtime cannot open it ({error})") from error
        outputs, size = {o.name: o.shape for o in graph.get_outputs()}, self.card.preprocessing.size
        if outputs.get(self.card.output, [None])[-1] != len(self.labels):
            raise ValueError(f"{self.path}: no output {self.card.output!r} of {len(self.labels)} names in {self._graph.name}")
        if graph.get_inputs()[0].shape[1:3] != [size, size]:
            raise ValueError(f"{self.path}: {self._graph.name} takes chips of {graph.get_inputs()[0].shape[1:3]}, not {size}")
        return graph

    def __call__(self, chips: np.ndarray) -> np.ndarray:
        return self.card.probabilities(self.logits(chips))

    def logits(self, chips: np.ndarray) -> np.ndarray:
        """uint8 chips -> float32 (n, k) before bias, temperature and softmax."""
        x = self.card.preprocessing(chips)
        if not len(x):
            return np.zeros((0, len(self.labels)), np.float32)
        logits = self._run(x)
        return (logits + self._run(x[:, :, ::-1])) / 2 if self.card.mirror else logits

    def _run(self, x: np.ndarray) -> np.ndarray:
        name = self._session.get_inputs()[0].name
        (logits,) = self._session.run([self.card.output], {name: np.ascontiguousarray(x)})
        return np.asarray(logits)

    def __repr__(self) -> str:
        return f"OnnxClassifier({self.card.name!r}, {self.path})"
