"""Classify with ONNX Runtime: a card and its graph; uint8 chips in, float32 probabilities out."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path

import numpy as np

from mien.card import ModelCard, as_input
from mien.labels import LabelSet
from mien.runtime import Graph
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
    def _net(self) -> Graph:
        try:
            graph = Graph(self._graph)
        except Exception as error:  # ONNX Runtime has a class of its own for each status
            raise ValueError(f"{self._graph}: ONNX Runtime cannot open it ({error})") from error
        size, given = self.card.preprocessing.size, next(iter(graph.inputs.values()))
        if graph.outputs.get(self.card.output, [None])[-1] != len(self.labels):
            raise ValueError(f"{self.path}: no output {self.card.output!r} of {len(self.labels)} names in {self._graph.name}")
        if given[-3:-1] != [size, size]:
            raise ValueError(f"{self.path}: {self._graph.name} takes chips of {given[-3:-1]}, not {size}")
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
        x = as_input(x, next(iter(self._net.inputs.values())))
        return self._net.run(np.ascontiguousarray(x), [self.card.output])[0]

    def __repr__(self) -> str:
        return f"OnnxClassifier({self.card.name!r}, {self.path})"
