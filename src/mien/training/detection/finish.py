"""From a trained detector to something that serves: a run in; ONNX graph, card, scores and curves in its folder out.

The threshold is chosen on the sources named in `choose`, which were not fitted on.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import keras

from mien.card import DetectorCard
from mien.datasets.photos import Photos
from mien.detectors.mien_face import MienFace
from mien.evaluation.detection import LOW, UNKNOWN, found_in, measured, threshold_for
from mien.evaluation.report import curves_png
from mien.training.detection.mining import serving
from mien.training.detection.trainer import DetectorTrainer
from mien.training.export import export_onnx
from mien.weights import sha256

ALARMS = 0.02
"""False alarms an image, that the threshold of the card allows."""
SIDE = 320
"""Pixels, longer side of the picture that is looked at unless told otherwise."""


def scored(net: keras.Model, photos: Photos) -> dict[str, float]:
    """What the history says of a net: average precision and recall on photos that it was not fitted on."""
    found = measured(found_in(MienFace(longest_side=SIDE, score=LOW, net=serving(net)), photos.pictures()))
    return {name: found["bands"]["readable"][name] for name in ("ap", "recall_at_alarms")}


def finish(trainer: DetectorTrainer, chosen: Photos | None, command: str = "") -> DetectorCard:
    """Write model.keras, model.onnx, card.json, report.json and curves.png. `chosen`: photos to choose the threshold on."""
    run = trainer.run
    trainer.net.save(run / "model.keras")
    export_onnx(trainer.net, run / "model.onnx")
    card = DetectorCard(
        name=run.name,
        weights="model.onnx",
        longest_side=SIDE,
        score=UNKNOWN,
        sha256=sha256(run / "model.onnx"),
        parameters=int(trainer.net.count_params()),
        description="Anchor-free face detector, strides 8 to 64. Trained on photos; what it finds depends on what they showed.",
        data={
            "sha256": trainer.data_sha256(),
            "photos": len(trainer.scenes.photos),
            "faces": int(sum((~p.ignore).sum() for p in trainer.scenes.photos)),
            "sources": sorted({p.source for p in trainer.scenes.photos}),
            "close_ups": 0 if trainer.scenes.chips is None else len(trainer.scenes.chips),
            "backend": keras.backend.backend(),
        },
        command=command,
        created=datetime.now(UTC).strftime("%Y-%m-%d"),
    )
    card.save(run / "card.json")
    if chosen is not None and len(chosen):
        pairs = list(found_in(MienFace(weights=run, score=LOW), chosen.pictures()))
        score = threshold_for(pairs, ALARMS)
        card = replace(card, score=score, metrics={f"chosen on: {', '.join(chosen.sources)}": measured(pairs, score)})
        card.save(run / "card.json")
        (run / "report.json").write_text(json.dumps(card.metrics, indent=2) + "\n", encoding="utf-8")
    (run / "curves.png").write_bytes(curves_png(trainer.history))
    return card
