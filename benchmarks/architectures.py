"""Every network that mien trains: parameters, operations, size of its graph, milliseconds a face alone and in a batch of 64.

With seven classes at 48x48 and the options that it has unless told otherwise; the rounds of all are interleaved, medians are
shown. What it measures is also what `mien models list` shows.

python benchmarks/architectures.py
"""

import json
import tempfile
import time
from pathlib import Path

import numpy as np

from mien.models import MODELS, measured
from mien.models.flops import flops
from mien.runtime import Graph
from mien.training.export import export_onnx
from results import FOLDER, write

BATCHES = (1, 64)
WARM, ROUNDS = 5, 60


def built(folder: Path) -> tuple[list[dict], dict[str, tuple[Graph, tuple]]]:
    rows, graphs = [], {}
    for name in MODELS:
        net, path = MODELS[name]({"labels": 7}), folder / f"{name}.onnx"
        export_onnx(net, path)
        mega = round(flops(net) / 1e6, 1)
        rows.append({"name": name, "parameters": net.count_params(), "megaflops": mega, "bytes": path.stat().st_size})
        graphs[name] = Graph(path), net.input_shape[1:]
    return rows, graphs


def milliseconds(graphs: dict[str, tuple[Graph, tuple]], batch: int) -> dict[str, float]:
    """Median of a face in a batch of so many."""
    took = {name: [] for name in graphs}
    inputs = {name: np.zeros((batch, *shape), np.float32) for name, (_, shape) in graphs.items()}
    for _ in range(WARM + ROUNDS // (1 if batch == 1 else 6)):
        for name, (graph, _) in graphs.items():
            start = time.perf_counter()
            graph.run(inputs[name])
            took[name].append((time.perf_counter() - start) * 1e3 / batch)
    return {name: float(np.median(t[WARM:])) for name, t in took.items()}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        rows, graphs = built(Path(folder))
        for batch in BATCHES:
            for row, ms in zip(rows, milliseconds(graphs, batch).values(), strict=True):
                row[f"ms_{batch}"] = round(ms, 3)
    write("architectures", rows)
    measured.FILE.write_text(json.dumps(json.loads((FOLDER / "architectures.json").read_text()), indent=1) + "\n")


if __name__ == "__main__":
    main()
