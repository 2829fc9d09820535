"""Training speed of the packaged networks with each backend of Keras that is installed: images/s of a whole step.

python benchmarks/training.py
"""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

from results import write

BATCHES, ROUNDS = 12, 3
STEP = """
import json, sys, tempfile
from dataclasses import replace
from pathlib import Path
import numpy as np
from mien.labels import FER2013
from mien.training.config import RECIPES
from mien.training.tensors import Tensors
from mien.training.trainer import Trainer
model, batches, rounds, own = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "fused"
if not own:
    import keras
    import mien.models.layers
    mien.models.layers.BatchNorm.call = keras.layers.BatchNormalization.call
config = replace(RECIPES[model], epochs=rounds + 1)
draw, n = np.random.default_rng(0), config.batch_size * batches
chips, targets = draw.integers(0, 256, (n, 48, 48, 1), np.uint8), draw.integers(0, 7, n)
data = {"Training": Tensors(chips, targets, np.eye(7, dtype=np.float32)[targets], targets, FER2013)}
rows = []
Trainer(config, data, Path(tempfile.mkdtemp())).fit(report=rows.append)
print(json.dumps(sorted(row["images_per_second"] for row in rows[1:])[rounds // 2]))
"""


def images_per_second(model: str, backend: str, normalisation: str) -> float:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", STEP, model, str(BATCHES), str(ROUNDS), normalisation],
        env={**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return float(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    backends = [name for name in ("tensorflow", "torch", "jax") if find_spec(name)]
    asked = [(backend, "keras") for backend in backends] + ([("torch", "fused")] if "torch" in backends else [])
    write(
        "training",
        [
            {"model": m, "backend": b, "batch_normalisation": n, "images_per_second": round(images_per_second(m, b, n))}
            for m in ("resnet", "mini_xception")
            for b, n in asked
        ],
    )


if __name__ == "__main__":
    main()
