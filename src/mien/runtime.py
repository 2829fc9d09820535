"""Open ONNX graphs: a path in, a session out that shares the processor with its neighbours."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any


def session(graph: str | Path | bytes) -> Any:
    """An ONNX Runtime session on the CPU, on the threads that all sessions of mien share.

    Each session would have a pool of its own, whose threads wait actively for work and so take the cores from the
    pools of the others; told to wait idly, they wake too late for nets as small as these. One pool has neither fault:
    on two cores a frame with five faces took 75 ms with active pools, 52 with idle ones, 42 with one for all."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if _one_pool():
        options.use_per_session_threads = False
    else:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    source = graph if isinstance(graph, bytes) else str(graph)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


@cache
def _one_pool() -> bool:
    """Whether this ONNX Runtime knows a pool for the whole process; asked for once, before the first session."""
    import onnxruntime

    ask = getattr(onnxruntime, "set_global_thread_pool_sizes", None)
    if ask is None:
        return False
    ask(0, 1)  # as many threads as there are cores
    return True
