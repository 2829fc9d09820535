"""Put a detector into the package: the graph and card of a run, and what benchmarks/faces.py found of it.

Where the run was fitted on the photos with people's boxes too, `--measured` names the run of the same recipe that was not, on
which faces.py was run first: its scores on people's boxes stand in the card as such. What faces.py finds of `mien` itself
(harder photos, brightness, close-ups) is there when it was run after the net was put in; then call this once more.

python benchmarks/release_detector.py RUN [--measured HELD_OUT_RUN]
"""

import argparse
import json
import shutil
from dataclasses import replace
from pathlib import Path

from mien.card import DetectorCard
from mien.weights import PACKAGED
from results import FOLDER

DESCRIPTION = (
    "Anchor-free face detector, strides 8 to 64; fitted on the sources in `data`, its threshold chosen and its scores measured "
    "on others, those on people's boxes by a run of the same recipe without them. Whether it finds people of all skin tones "
    "alike was not measured, for nothing here names them; recall by the brightness of the face (`brightness`) is the nearest "
    "thing. Boxes and points it learned from are mostly another detector's, whose misses it may share."
)


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("run", type=Path)
    ask.add_argument("--measured", type=Path, help="where it is not the run itself")
    asked = ask.parse_args()
    held_out_run = asked.measured or asked.run
    folder = PACKAGED / "detectors"
    folder.mkdir(parents=True, exist_ok=True)
    measured = json.loads((FOLDER / "faces.json").read_text())["rows"]
    if (of := measured["detectors"][0]["detector"]) != held_out_run.name:
        raise SystemExit(f"benchmarks/faces.py was last run on {of} first, not on {held_out_run.name}")
    people = [row for row in measured["detectors"] if row["detector"] == of and row["on"].startswith("people")]
    whose = "a run of this recipe without them: " if asked.measured else ""
    own = DetectorCard.load(asked.run / "card.json")
    metrics = dict(own.metrics)
    metrics |= {f"{whose}{', '.join(measured['sources']['people'])}, {row['on']}": row["bands"]["readable"] for row in people}
    metrics |= measured.get("ours", {}).get("mien", {})
    card = replace(own, name="mien", weights="mien.onnx", description=DESCRIPTION, metrics=metrics)
    shutil.copy(asked.run / "model.onnx", folder / "mien.onnx")
    card.save(folder / "mien.json")
    print(
        f"mien: {(folder / 'mien.onnx').stat().st_size:,} bytes, score {card.score}, fitted on {', '.join(card.data['sources'])}"
    )


if __name__ == "__main__":
    main()
