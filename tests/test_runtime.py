"""Sessions of ONNX Runtime share a pool of threads."""

import subprocess
import sys

import numpy as np
import pytest

from mien.classifiers import load_classifier

SAID = """
import numpy as np
from mien.classifiers import load_classifier
from mien.runtime import share
assert share(1) and share(2)
chips = np.random.default_rng(0).integers(0, 256, (3, 48, 48), np.uint8)
print(*load_classifier("mini")(chips).ravel().tolist())
"""


def test_the_answers_are_the_same_however_many_threads_share_the_work():
    run = subprocess.run([sys.executable, "-c", SAID], capture_output=True, text=True, timeout=60, check=True)
    chips = np.random.default_rng(0).integers(0, 256, (3, 48, 48), np.uint8)
    assert [float(v) for v in run.stdout.split()] == pytest.approx(load_classifier("mini")(chips).ravel(), abs=1e-6)
