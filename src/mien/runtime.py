"""Run ONNX graphs: a path in, a graph out that leaves the cores to its neighbours when it has run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from threading import local
from typing import Any

import numpy as np

_here = local()


@contextmanager
def alone() -> Iterator[None]:
    """Graphs that run inside work in the thread that calls them and in no other: for who has a caller on each core.

    Spread over two cores small nets are ready sooner, but cost more of the processor (benchmarks/threads.py)."""
    before, _here.alone = getattr(_here, "alone", False), True
    try:
        yield
    finally:
        _here.alone = before


class Graph:
    """An ONNX graph on the CPU. `run` spreads its work over all cores, but see `alone`.

    ONNX Runtime gives each graph threads of its own. Left to themselves they go on waiting actively when they have run
    and so take the cores from the next graph, or from other programs; told to wait idly, they wake too late for nets as
    small as these. So they stop when the run ends: faster than both (benchmarks/threads.py)."""

    def __init__(self, graph: str | Path | bytes) -> None:
        """Raises what ONNX Runtime raises: a class of its own for each status."""
        self._graph = graph if isinstance(graph, bytes) else str(graph)
        self._spread = _session(self._graph, spread=True)
        self.inputs = {i.name: i.shape for i in self._spread.get_inputs()}
        """Shapes by name; a size that is free is a name or None."""
        self.outputs = {o.name: o.shape for o in self._spread.get_outputs()}

    @cached_property
    def _alone(self) -> Any:
        return _session(self._graph, spread=False)

    def run(self, image: np.ndarray, names: Sequence[str] | None = None) -> list[np.ndarray]:
        """The outputs of these names, or all, for the first input."""
        session = self._alone if getattr(_here, "alone", False) else self._spread
        return list(session.run(names, {next(iter(self.inputs)): image}))


def _session(graph: str | bytes, spread: bool) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if spread:
        options.add_session_config_entry("session.force_spinning_stop", "1")
    else:
        options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
