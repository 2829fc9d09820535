"""What the papers claim, and what their own recipes give here under the clean protocol; and every network, trained alike.

Recipes are those of examples/recipes; a run that is done is not made again, one that was stopped goes on. Scored on the
training samples, PublicTest and, once, PrivateTest. About 40 hours on two cores with KERAS_BACKEND=torch; --only takes names.

python benchmarks/papers.py --data fer2013.npz --runs FOLDER [--only NAME ...] [--table]
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from mien.classifiers import load_classifier
from mien.datasets import open_dataset
from mien.evaluation.measure import measure
from mien.evaluation.scores import short
from results import write

RECIPES = Path(__file__).parents[1] / "examples" / "recipes"
SPLITS = ("PublicTest", "PrivateTest")
RUNS: dict[str, list[str]] = {
    "dissertation_sequential": ["--config", str(RECIPES / "dissertation_sequential.toml")],
    "dissertation_mini_xception": ["--config", str(RECIPES / "dissertation_mini_xception.toml")],
    "web_api": ["--config", str(RECIPES / "web_api.toml")],
    "keras_views": ["--config", str(RECIPES / "keras_views.toml")],
    "tutorial": ["--config", str(RECIPES / "tutorial.toml")],
    "tutorial_256": ["--config", str(RECIPES / "tutorial.toml"), "--batch-size", "256"],
    "multi_stage": ["--config", str(RECIPES / "multi_stage.toml")],
    "big_xception": ["--model", "big_xception", "--epochs", "50"],
    "vgg": ["--model", "vgg", "--epochs", "40"],
    "transfer": ["--model", "transfer", "--epochs", "40"],
    "cnn_lstm": ["--model", "cnn_lstm", "--epochs", "12", "--set", "options.frames=4"],
}
"""Name of the run -> what `mien train` is asked for."""


CLAIMS = (
    ("dissertation, sequential CNN", "98.25 % on the training set", "dissertation_sequential", "Training"),
    ("dissertation, sequential CNN", "62.50 % on PublicTest and PrivateTest", "dissertation_sequential", "PrivateTest"),
    ("dissertation, mini-Xception", "92.5 % on the training set", "dissertation_mini_xception", "Training"),
    ("dissertation, mini-Xception", "on other faces: not said", "dissertation_mini_xception", "PrivateTest"),
    ("tutorial, batches of 128, 50 epochs", "67.76 %, on a tenth of its data", "tutorial", "PublicTest"),
    ("tutorial, batches of 256, 50 epochs", "64.12 %", "tutorial_256", "PublicTest"),
    ("web-API paper, fully convolutional", "around 84.2 %, on what is not said", "web_api", "PrivateTest"),
    ("Keras paper, FER2013", "over 90 %", "keras_views", "PrivateTest"),
    ("Keras paper, CK+", "over 90 %", "", "not run: the set cannot be passed on; command in the recipe"),
    ("dissertation, multi-stage fine-tuning", "not said", "multi_stage", "PrivateTest"),
)
"""Paper, claim, our run of its recipe, and the split that is held against it."""


def trained(name: str, data: Path, runs: Path) -> Path:
    """The run's folder, once it has ended."""
    run = runs / name
    if not (run / "card.json").exists():
        go_on = ["--resume"] if (run / "config.json").exists() else []
        given = ["--data", str(data), "--run", str(run), *go_on]
        asked = given if go_on and "--config" not in RUNS[name] else [*RUNS[name], *given]
        subprocess.run([sys.executable, "-W", "ignore", "-m", "mien", "train", *asked], check=True)
    return run


def scored(run: Path, data: Path) -> dict:
    """Scores of the splits, kept beside the run, so that PrivateTest is looked at once."""
    kept = run / "scores.json"
    if not kept.exists():
        found = measure(load_classifier(run), open_dataset(data), SPLITS)
        told = {
            name: short(s) | {k: short(s[k]) for k in ("deduplicated", "votes") if k in s} | {"calibrated_p": s["calibrated_p"]}
            for name, s in found.items()
        }
        kept.write_text(json.dumps(told, indent=1) + "\n")
    history = (run / "history.csv").read_text().splitlines()
    seen = json.loads((run / "report.json").read_text())["splits"]["Training"]["accuracy"]
    return {"epochs": len(history) - 1, "Training": seen, **json.loads(kept.read_text())}


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--data", type=Path, required=True)
    ask.add_argument("--runs", type=Path, required=True)
    ask.add_argument("--only", action="append", choices=list(RUNS))
    ask.add_argument("--table", action="store_true", help="train nothing: write down what is done")
    asked = ask.parse_args()
    for name in [] if asked.table else asked.only or list(RUNS):
        trained(name, asked.data, asked.runs)
    done = [name for name in RUNS if (asked.runs / name / "card.json").exists()]
    write("papers", {name: scored(asked.runs / name, asked.data) for name in done})


if __name__ == "__main__":
    main()
