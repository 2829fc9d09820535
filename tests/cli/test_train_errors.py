"""What is wrong with a command that trains is said at once, before seconds go into importing Keras."""

import subprocess
import sys

import pytest

pytest.importorskip("keras")
ASKED = """
import sys
from mien.cli import main
sys.argv = ["mien", *sys.argv[1:]]
try:
    main()
finally:
    print("keras" in sys.modules, "tensorflow" in sys.modules)
"""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("train", "--run", "r"), "no data to learn from"),
        (("train", "--run", "r", "--data", "a.npz", "--set", "epoch=3"), "no field 'epoch'"),
        (("train", "--run", "r", "--data", "a.npz", "--model", "vgg19"), "no model named 'vgg19'"),
        (("feedback", "cycle", "--data", "a.npz", "--set", "epochs=0"), "epochs is 0; wanted"),
    ],
)
def test_what_is_wrong_is_said_before_keras_is_imported(tmp_path, words, said):
    done = subprocess.run(
        [sys.executable, "-c", ASKED, *words], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout, said in done.stderr) == (2, "False False\n", True), done.stderr
