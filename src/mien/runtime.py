"""Open ONNX graphs: a path in, a session out that shares the processor with its neighbours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_shared: bool | None = None


def share(threads: int = 0) -> bool:
    """Size the pool of threads that all sessions of this process share; 0: a thread for each core. The first call decides.

    1 has each session work in the thread that calls it: for who has a caller on each core. Spread over threads a small
    net is ready sooner, but costs half as much again: for 32 cameras a frame took a server 14 ms of the processor on a pool
    of two, 9 ms on one of one. False where this ONNX Runtime knows no common pool."""
    global _shared
    if _shared is None:
        import onnxruntime

        size = getattr(onnxruntime, "set_global_thread_pool_sizes", None)
        if size:
            size(threads, 1)
        _shared = size is not None
    return _shared


def session(graph: str | Path | bytes) -> Any:
    """An ONNX Runtime session on the CPU, on the threads that all sessions of mien share.

    Each session would have a pool of its own, whose threads wait actively for work and so take the cores from the
    pools of the others; told to wait idly, they wake too late for nets as small as these. One pool has neither fault:
    on two cores a frame with five faces took 75 ms with active pools, 52 with idle ones, 42 with one for all."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if share():
        options.use_per_session_threads = False
    else:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    source = graph if isinstance(graph, bytes) else str(graph)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
