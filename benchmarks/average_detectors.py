"""A detector whose weights are the mean of two runs' of one recipe, one begun with the other's (Wortsman et al. 2022).

The threshold is chosen as for a run, on sources that neither was fitted on.

python benchmarks/average_detectors.py RUN RUN --to FOLDER --faces DIR --choose SOURCE
"""

import argparse
import json
import shlex
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import keras
import numpy as np

from mien.card import DetectorCard
from mien.datasets.photos import open_photos
from mien.detectors.mien_face import MienFace
from mien.evaluation.detection import LOW, found_in, measured, threshold_for
from mien.training.detection.finish import ALARMS
from mien.training.export import export_onnx
from mien.weights import sha256


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("runs", type=Path, nargs=2)
    ask.add_argument("--to", type=Path, required=True)
    ask.add_argument("--faces", type=Path, required=True)
    ask.add_argument("--choose", required=True)
    asked = ask.parse_args()
    cards = [DetectorCard.load(run / "card.json") for run in asked.runs]
    sources = sorted({source for card in cards for source in card.data["sources"]})
    if asked.choose in sources:
        raise SystemExit(f"{asked.choose} was fitted on; name a source that was not")
    nets = [keras.models.load_model(run / "model.keras", compile=False) for run in asked.runs]
    nets[0].set_weights([np.mean(pair, axis=0) for pair in zip(*(net.get_weights() for net in nets), strict=True)])
    asked.to.mkdir(parents=True, exist_ok=True)
    nets[0].save(asked.to / "model.keras")
    export_onnx(nets[0], asked.to / "model.onnx")
    command = f"python benchmarks/average_detectors.py {shlex.join(run.name for run in asked.runs)} --choose {asked.choose}"
    card = replace(
        cards[0], name=asked.to.name, sha256=sha256(asked.to / "model.onnx"), metrics={}, command=command,
        created=datetime.now(UTC).strftime("%Y-%m-%d"), data=cards[0].data | {"sources": sources},
    )  # fmt: skip
    card.save(asked.to / "card.json")
    photos = open_photos(asked.faces).only([asked.choose])
    pairs = list(found_in(MienFace(weights=asked.to, score=LOW), photos.pictures()))
    score = threshold_for(pairs, ALARMS)
    card = replace(card, score=score, metrics={f"chosen on: {asked.choose}": measured(pairs, score)})
    card.save(asked.to / "card.json")
    print(json.dumps({"score": score, **card.metrics[f"chosen on: {asked.choose}"]["bands"]["readable"]}, indent=1))


if __name__ == "__main__":
    main()
