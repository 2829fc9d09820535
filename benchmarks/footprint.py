"""Size, start and memory of an installation: the interpreters' environments in, megabytes and seconds out.

python benchmarks/footprint.py --photo photo.jpg mien=PYTHON fer=PYTHON
"""

import argparse
import json
import subprocess
from pathlib import Path

from results import write

IMPORTS = {"mien": "import numpy, mien", "fer": "from fer.fer import FER"}
READS = {
    "mien": "import mien; mien.Recognizer()({photo!r})",
    "fer": "import cv2; from fer.fer import FER; FER().detect_emotions(cv2.imread({photo!r}))",
}
SIZE = """
import sysconfig, json, pathlib
p = pathlib.Path(sysconfig.get_paths()["purelib"])
own = lambda f: f.relative_to(p).parts[0].split("-")[0] not in ("pip", "setuptools")
print(json.dumps(sum(f.stat().st_size for f in p.rglob("*") if f.is_file() and own(f)) / 1e6))
"""
IMPORT = "import numpy, time, json; t = time.perf_counter(); {code}; print(json.dumps(time.perf_counter() - t))"
PEAK = """
import json, resource, time
t = time.perf_counter()
{code}
print(json.dumps([time.perf_counter() - t, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3]))
"""


def inside(python: str, code: str):
    done = subprocess.run([python, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True, cwd="/")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--photo", type=Path, required=True)
    ask.add_argument("environments", nargs="+", metavar="NAME=PYTHON")
    asked = ask.parse_args()
    rows = []
    for name, python in (e.split("=") for e in asked.environments):
        photo = str(asked.photo.resolve())
        imports = sorted(inside(python, IMPORT.format(code=IMPORTS[name])) for _ in range(5))[2]
        peaks = [inside(python, PEAK.format(code=READS[name].format(photo=photo))) for _ in range(3)]
        rows.append(
            {
                "package": name,
                "site_packages_mb": round(inside(python, SIZE)),
                "import_s_beyond_numpy": round(imports, 3),
                "first_answer_s": round(sorted(p[0] for p in peaks)[1], 2),
                "peak_memory_mb": round(sorted(p[1] for p in peaks)[1]),
            }
        )
    write("footprint", rows)


if __name__ == "__main__":
    main()
