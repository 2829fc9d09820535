"""Training speed of the packaged networks with each backend of Keras that is installed: images/s of a whole step.

Where Keras runs on PyTorch, once by Keras's calls and once by mien's (mien.models.on_torch). The detector at three sizes of
its scenes.

python benchmarks/training.py
"""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

from results import write

BATCHES, ROUNDS = 12, 3
NETS = ("resnet", "mini_xception", "face_net 192", "face_net 256", "face_net 320")
STEP = """
import json, sys, tempfile
from dataclasses import replace
from pathlib import Path
import numpy as np
from PIL import Image
net, batches, rounds, calls = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
if calls == "keras":
    import mien.models.on_torch as own
    own.trained = lambda net: net
draw, folder = np.random.default_rng(0), Path(tempfile.mkdtemp())

def expressions():
    from mien.labels import FER2013
    from mien.training.config import RECIPES
    from mien.training.tensors import Tensors
    from mien.training.trainer import Trainer
    config = replace(RECIPES[net], epochs=rounds + 1)
    n = config.batch_size * batches
    chips, targets = draw.integers(0, 256, (n, 48, 48, 1), np.uint8), draw.integers(0, 7, n)
    data = {"Training": Tensors(chips, targets, np.eye(7, dtype=np.float32)[targets], targets, FER2013)}
    return Trainer(config, data, folder)

def faces():
    from mien.datasets.photos import Photo, Photos
    from mien.training.detection.config import DetectConfig
    from mien.training.detection.trainer import DetectorTrainer
    side = int(net.split()[1])
    Image.fromarray(draw.integers(0, 256, (448, 448, 3), np.uint8)).save(folder / "noise.png")
    corners = draw.uniform(0, 400, (8, 2)).astype(np.float32)
    box, points = np.hstack([corners, corners + 40]), np.full((8, 5, 2), np.nan, np.float32)
    photos = Photos([Photo(folder / "noise.png", "noise", box, points, np.zeros(8, bool))])
    config = DetectConfig(epochs=rounds + 1, side=side, last_side=side, mine=1)
    config = replace(config, scenes_an_epoch=batches * config.batch_size)
    return DetectorTrainer(config, photos, folder)

done = []
(faces if net.startswith("face_net") else expressions)().fit(report=done.append)
print(json.dumps(sorted(row["images_per_second"] for row in done[1:])[rounds // 2]))
"""


def images_per_second(net: str, backend: str, calls: str) -> float:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", STEP, net, str(BATCHES), str(ROUNDS), calls],
        env={**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return float(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    backends = [name for name in ("tensorflow", "torch", "jax") if find_spec(name)]
    asked = [(backend, "keras") for backend in backends] + ([("torch", "mien")] if "torch" in backends else [])
    write(
        "training",
        [
            {"model": net, "backend": b, "calls": calls, "images_per_second": round(images_per_second(net, b, calls))}
            for net in NETS
            for b, calls in asked
        ],
    )


if __name__ == "__main__":
    main()
