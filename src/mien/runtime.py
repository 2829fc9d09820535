"""Open ONNX graphs: a path in, a session out that shares the processor with its neighbours."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def session(graph: str | Path | bytes) -> Any:
    """An ONNX Runtime session on the CPU.

    Spinning is off: the pools of several sessions that wait actively for work take the cores from each other
    (MTCNN's three sessions: 34 ms a frame with, 13 ms without, on two cores)."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    source = graph if isinstance(graph, bytes) else str(graph)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
