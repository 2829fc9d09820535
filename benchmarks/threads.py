"""How ONNX Runtime's threads wait: the packaged detector and classifier in turn, milliseconds and processor time of both.

python benchmarks/threads.py
"""

import statistics
import time

import numpy as np
import onnxruntime

from mien.card import DetectorCard, ModelCard
from mien.weights import find_card, find_detector, find_graph
from results import write

WAYS = {
    "stop when the run ends": {"session.force_spinning_stop": "1"},
    "go on waiting actively": {"session.intra_op.allow_spinning": "1"},
    "wait idly": {"session.intra_op.allow_spinning": "0"},
    "none but the caller": None,
}
ROUNDS, REPEATS = 100, 5


def graphs():
    detector, classifier = find_detector(), find_card()
    yield find_graph(DetectorCard.load(detector), detector), np.zeros((1, 3, 256, 320), np.float32)
    yield find_graph(ModelCard.load(classifier), classifier), np.zeros((1, 48, 48, 1), np.float32)


def opened(path, entries):
    options = onnxruntime.SessionOptions()
    for name, value in (entries or {}).items():
        options.add_session_config_entry(name, value)
    if entries is None:
        options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def timed(sessions) -> tuple[float, float]:
    """Median milliseconds of a round, and milliseconds of the processor."""
    took, before = [], time.process_time()
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        for session, name, image in sessions:
            session.run(None, {name: image})
        took.append(time.perf_counter() - begun)
    return 1e3 * statistics.median(took), 1e3 * (time.process_time() - before) / ROUNDS


def main() -> None:
    rows = {name: [] for name in WAYS}
    for _ in range(REPEATS):
        for name, entries in WAYS.items():
            sessions = [(s := opened(path, entries), s.get_inputs()[0].name, image) for path, image in graphs()]
            timed(sessions)
            rows[name].append(timed(sessions))
            del sessions
    middle = {name: [statistics.median(times) for times in zip(*row, strict=True)] for name, row in rows.items()}
    write("threads", [{"threads": name, "ms": round(ms, 2), "cpu_ms": round(cpu, 2)} for name, (ms, cpu) in middle.items()])


if __name__ == "__main__":
    main()
