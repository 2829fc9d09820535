"""From a trained net to something that serves: a run in; ONNX graph, cards, report and curves in its folder out.

Everything here that is chosen (temperature, bias, thresholds) is chosen on PublicTest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mien.card import ModelCard
from mien.evaluation.calibration import confidence_for, fit_temperature
from mien.evaluation.report import curves_png, write_report
from mien.evaluation.scores import scores, short
from mien.training.config import TrainConfig
from mien.training.export import export_onnx
from mien.training.tensors import Tensors
from mien.training.trainer import LABELS, VOTES, Trainer, predict
from mien.weights import sha256

SURE_ERROR = 0.10
"""At most one answer in ten that is not called unsure is wrong, on PublicTest."""
CARD_FILES = {LABELS: "card.json", VOTES: "card-votes.json"}
DESCRIPTIONS = {
    LABELS: "Trained on the dataset's own labels.",
    VOTES: "Trained on what several people said they saw in each face.",
}


def finish(trainer: Trainer, data: Mapping[str, Tensors], command: str = "", adjust: float = 0.0) -> dict[str, ModelCard]:
    """Write model.keras, model.onnx, a card a head, report and curves. `adjust`: strength of the logit adjustment
    of the head on labels (Menon et al. 2021): 0 none, 1 as if all classes were equally frequent."""
    run, net, p = trainer.run, trainer.net, trainer.config.preprocessing
    net.save(run / "model.keras")
    export_onnx(net, run / "model.onnx")
    logits = {name: predict(net, data[name], p) for name in data if name != "PrivateTest"}
    cards = {head: _card(head, trainer, data, logits, command, adjust) for head in trainer.heads}
    for head, card in cards.items():
        card.save(run / CARD_FILES[head])
    measured = {
        split: scores(cards[LABELS].probabilities(z[LABELS]), data[split].targets, data[split].labels)
        for split, z in logits.items()
    }
    write_report(run, cards[LABELS], measured)
    (run / "curves.png").write_bytes(curves_png(trainer.history))
    return cards


def _card(
    head: str, trainer: Trainer, data: Mapping[str, Tensors], logits: Mapping[str, Any], command: str, adjust: float
) -> ModelCard:
    run, config, fitted = trainer.run, trainer.config, trainer.fitted
    card = ModelCard(
        name=run.name,
        labels=fitted.labels,
        preprocessing=config.preprocessing,
        weights="model.onnx",
        sha256=sha256(run / "model.onnx"),
        output=head,
        bias=logit_bias(fitted, adjust) if head == LABELS and adjust else (),
        parameters=_parameters(trainer.net, head, trainer.heads),
        description=f"{config.model}. {DESCRIPTIONS[head]}",
        data={"sha256": {split: t.sha256() for split, t in data.items()}, "n": {s: len(t) for s, t in data.items()}},
        command=command,
        created=datetime.now(UTC).strftime("%Y-%m-%d"),
    )
    chosen = data.get("PublicTest")
    return calibrated(card, logits["PublicTest"][head], *_asked(chosen, head)) if chosen is not None else card


def _asked(data: Tensors, head: str) -> tuple[np.ndarray, np.ndarray]:
    """What this head should say: shares (n, k), and one label each (n,), -1 where people did not agree."""
    one_hot = np.eye(len(data.labels), dtype=np.float32)[data.targets]
    return (one_hot, data.targets) if head == LABELS else (data.votes, data.plurality)


def calibrated(card: ModelCard, logits: np.ndarray, shares: np.ndarray, targets: np.ndarray) -> ModelCard:
    """The card with temperature, threshold of `unsure` and scores of the split that choices are made on."""
    clear = targets >= 0
    one_hot = np.eye(len(card.labels), dtype=np.float32)[targets[clear]]
    card = replace(card, temperature=fit_temperature(card, logits[clear], one_hot))
    probability = card.probabilities(logits)[clear]
    threshold = confidence_for(probability, targets[clear], SURE_ERROR)
    measured = short(scores(probability, targets[clear], card.labels))
    sure = probability.max(1) >= threshold
    measured |= {"sure_error": SURE_ERROR, "sure_share": float(sure.mean())}
    return replace(card, unsure_confidence=threshold, metrics={"PublicTest": measured})


def logit_bias(data: Tensors, strength: float) -> tuple[float, ...]:
    """-strength x log of each class's share of the training labels, shifted to a mean of zero."""
    share = np.bincount(data.targets, minlength=len(data.labels)) / len(data)
    bias = -strength * np.log(np.maximum(share, 1e-9))
    return tuple(float(round(b, 6)) for b in bias - bias.mean())


def _parameters(net: keras.Model, head: str, heads: tuple[str, ...]) -> int:
    """Of the trunk and this head alone."""
    others = [net.get_layer(h).count_params() for h in heads if h != head]
    return int(net.count_params() - sum(others))


def resume(run: Path, data: Mapping[str, Tensors]) -> Trainer:
    """The trainer of an earlier run's folder, at its last whole epoch."""
    trainer = Trainer(TrainConfig.load(run / "config.json"), data, run)
    trainer.restore()
    return trainer
