"""Data work: FER2013's csv read by mien and by pandas; memory on a Parquet of a million faces; what augmentation costs.

python benchmarks/data.py --data fer2013.npz [--rows 1000000]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mien.datasets import open_dataset
from mien.datasets.convert import convert
from results import write

READ = {
    "mien": "from mien.datasets import open_dataset\nn = sum(1 for _ in open_dataset(path))",
    "pandas": (
        "import numpy as np, pandas as pd\nframe = pd.read_csv(path)\n"
        "n = len(np.stack([np.array(p.split(), np.uint8).reshape(48, 48) for p in frame['pixels']]))"
    ),
    "pandas, as in many notebooks": (
        "import numpy as np, pandas as pd\nframe = pd.read_csv(path)\n"
        "n = len([np.array([int(v) for v in p.split(' ')], np.uint8).reshape(48, 48) for p in frame['pixels']])"
    ),
}
MEASURED = """
import json, resource, sys, time
path, start = sys.argv[1], time.perf_counter()
{work}
took, peak = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({{"samples": n, "seconds": round(took, 2), "peak_mb": peak // 1024}}))
"""
MADE = """
import numpy as np
from pathlib import Path
from mien.datasets.base import Sample, WRITERS
from mien.labels import FER2013
draw, n = np.random.default_rng(0), int(sys.argv[2])
with WRITERS["parquet"](Path(path), FER2013, None) as put:
    for i in range(n):
        put(Sample(draw.integers(0, 256, (48, 48), np.uint8), i % 7, "Training", str(i), None, f"s{i % 1000}"))
"""
AUGMENTED = """
import tempfile
from dataclasses import replace
from pathlib import Path
import numpy as np
from mien.labels import FER2013
from mien.training.augmentation import NONE, Augmentation
from mien.training.config import RECIPES
from mien.training.tensors import Tensors
from mien.training.trainer import Trainer
draw, n = np.random.default_rng(0), 128 * 12
chips, targets = draw.integers(0, 256, (n, 48, 48, 1), np.uint8), draw.integers(0, 7, n)
data = {"Training": Tensors(chips, targets, np.eye(7, dtype=np.float32)[targets], targets, FER2013)}
every, speed = Augmentation(crop=0.2, mixup=0.2, cutmix=1.0), {"none": [], "all": []}
made = {
    name: Trainer(replace(RECIPES[path], augmentation=a, epochs=50, batch_size=128), data, Path(tempfile.mkdtemp()))
    for name, a in (("none", NONE), ("all", every))
}
for number in range(6):  # in turn, for the machine is not always as fast
    for name, trainer in made.items():
        begun = time.perf_counter()
        trainer.epoch(number, [])
        speed[name].append(n / (time.perf_counter() - begun))
none, all_ = (sorted(speed[name][1:])[2] for name in ("none", "all"))
"""


TOLD = "import json, sys, time\npath = sys.argv[1]\n{work}\nprint(json.dumps({told}))"


def run(work: str, *args: object, told: str = "") -> dict:
    """What a program in a process of its own says at its end: `told`, or samples, seconds and memory."""
    code = TOLD.format(work=work, told=told) if told else MEASURED.format(work=work)
    command = [sys.executable, "-W", "ignore", "-c", code, *map(str, args)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", type=Path, required=True)
    ask.add_argument("--rows", type=int, default=1_000_000)
    asked = ask.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        csv, parquet = Path(folder, "fer2013.csv"), Path(folder, "many.parquet")
        convert(open_dataset(asked.data), asked.data, csv)
        reading = [{"by": name, **run(work, csv)} for name, work in READ.items()]
        begun = time.perf_counter()
        many = {"write": run(MADE, parquet, asked.rows), "read": run(READ["mien"], parquet)}
        many |= {"bytes": parquet.stat().st_size, "seconds": round(time.perf_counter() - begun)}
    shares = [
        {"model": net, **run(AUGMENTED, net, told='{"none": round(none), "all": round(all_), "share": round(all_ / none, 2)}')}
        for net in ("resnet", "mini_xception")
    ]
    write("data", {"reading": reading, "parquet": many, "augmentation": shares})


if __name__ == "__main__":
    main()
