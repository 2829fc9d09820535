"""How fast mien trains beside Keras's own `model.fit` of the same net on arrays in memory: images/s of a whole step.

`plain`: normalised float32 chips, the same optimizer and loss; `none`, `usual`, `all`: mien's run without augmentation, with
what it does unless told otherwise, and with crops, mixup and cutmix, too. `recorded`: as usual, with the record of dynamics;
`half`: as usual, in bfloat16. In turn, for the machine is not always as fast.

python benchmarks/throughput.py
"""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

from results import write

NETS = ("resnet", "mini_xception")
STEP = """
import json, sys, tempfile, time
from dataclasses import replace
from pathlib import Path
import keras
import numpy as np
from mien.labels import FER2013
from mien.training.augmentation import NONE, Augmentation
from mien.training.config import RECIPES
from mien.training.losses import soft_cross_entropy
from mien.training.run import compiled
from mien.training.tensors import Tensors
from mien.training.trainer import Trainer, network

recipe = replace(RECIPES[sys.argv[1]], votes=0.0, epochs=50, batch_size=128)
draw, n = np.random.default_rng(0), 128 * 12
chips, targets = draw.integers(0, 256, (n, 48, 48, 1), np.uint8), draw.integers(0, 7, n)
data = {"Training": Tensors(chips, targets, np.eye(7, dtype=np.float32)[targets], targets, FER2013)}
kinds = {"none": NONE, "usual": Augmentation(), "all": Augmentation(crop=0.2, mixup=0.2, cutmix=1.0)}
configs = {name: replace(recipe, augmentation=a) for name, a in kinds.items()}
configs |= {"recorded": replace(recipe, dynamics=True), "half": replace(recipe, precision="mixed_bfloat16")}
runs = {name: Trainer(config, data, Path(tempfile.mkdtemp())) for name, config in configs.items()}
calls = {name: lambda number, run=run: run.epoch(number, []) for name, run in runs.items()}

net = network(recipe, FER2013, ("labels",))
optimizer = keras.optimizers.SGD(0.1, 0.9, nesterov=True, weight_decay=5e-3)
optimizer = optimizer if recipe.optimizer == "sgd" else keras.optimizers.Adam(1e-3)
compiled(net, optimizer, {"labels": soft_cross_entropy})
x, y = recipe.preprocessing.normalised(chips.astype(np.float32)), {"labels": np.eye(7, dtype=np.float32)[targets]}
calls["plain"] = lambda number: net.fit(x, y, batch_size=128, verbose=0)

speed = {name: [] for name in calls}
for number in range(7):
    for name, call in calls.items():
        begun = time.perf_counter()
        call(number)
        speed[name].append(n / (time.perf_counter() - begun))
print(json.dumps({name: float(np.median(found[1:])) for name, found in speed.items()}))
"""


def main() -> None:
    rows = []
    for backend in (name for name in ("tensorflow", "torch") if find_spec(name)):
        for net in NETS:
            environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
            command = [sys.executable, "-W", "ignore", "-c", STEP, net]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
            speed = json.loads(done.stdout.splitlines()[-1])
            shares = {f"{name}_over_plain": round(v / speed["plain"], 3) for name, v in speed.items() if name != "plain"}
            shares |= {f"{name}_over_usual": round(speed[name] / speed["usual"], 3) for name in ("recorded", "half")}
            rows.append({"model": net, "backend": backend, **{k: round(v) for k, v in speed.items()}, **shares})
            print(rows[-1], flush=True)
    write("throughput", rows)


if __name__ == "__main__":
    main()
