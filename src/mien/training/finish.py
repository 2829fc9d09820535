"""From a trained net to something that serves: a run in; ONNX graph, cards, report and curves in its folder out.

Everything here that is chosen (temperature, bend, bias, thresholds) is chosen on PublicTest.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import keras
import numpy as np

from mien.card import ModelCard
from mien.evaluation.calibration import confidence_for, fit_calibration
from mien.evaluation.diagnosis import diagnose
from mien.evaluation.report import curves_png, write_report
from mien.evaluation.scores import scores, short
from mien.training.balance import log_prior
from mien.training.config import LABELS, VOTES, TrainConfig
from mien.training.export import export_onnx
from mien.training.tensors import Tensors
from mien.training.trainer import Trainer, network, predict
from mien.weights import sha256

SURE_ERROR = 0.10
"""At most one answer in ten that is not called unsure is wrong, on PublicTest."""
CARD_FILES = {LABELS: "card.json", VOTES: "card-votes.json"}
DESCRIPTIONS = {
    LABELS: "Trained on the dataset's own labels.",
    VOTES: "Trained on what several people said they saw in each face.",
}


def finish(trainer: Trainer, data: Mapping[str, Tensors], command: str = "") -> dict[str, ModelCard]:
    """Write model.keras, model.onnx, report and curves, and last, for it says that the run is done, a card a head.

    Raises OSError where they cannot be written, such as on a full disk; the run can be gone on with."""
    try:
        return _finish(trainer, data, command)
    except OSError as error:
        raise OSError(
            f"{trainer.run}: the trained net could not be written ({error}); make room, and go on with --resume"
        ) from error


def _finish(trainer: Trainer, data: Mapping[str, Tensors], command: str) -> dict[str, ModelCard]:
    run, adjust, mirror = trainer.run, trainer.config.adjust, trainer.config.mirror
    trainer.relearn()
    trainer.net.save(run / "model.keras")
    export_onnx(trainer.net, run / "model.onnx")
    bias = logit_bias(trainer.fitted, adjust) if adjust else ()
    cards = {head: _card(head, trainer, data, command, bias if head == LABELS else (), head in mirror) for head in trainer.heads}
    logits = {split: _logits(trainer, data[split], mirror) for split in data if split != "PrivateTest"}
    if "PublicTest" in data:
        asked = {head: _asked(data["PublicTest"], head) for head in cards}
        cards = {head: calibrated(card, logits["PublicTest"][head], asked[head]) for head, card in cards.items()}
    probability = {split: cards[LABELS].probabilities(z[LABELS]) for split, z in logits.items()}
    measured = {name: scores(*of, trainer.fitted.labels) for name, of in _parts(probability, data)}
    write_report(run, cards[LABELS], measured, diagnose(trainer.history))
    (run / "curves.png").write_bytes(curves_png(trainer.history))
    for head in reversed(cards):
        cards[head].save(run / CARD_FILES[head])
    return cards


def _parts(
    probability: Mapping[str, np.ndarray], data: Mapping[str, Tensors]
) -> Iterator[tuple[str, tuple[np.ndarray, np.ndarray]]]:
    """Probabilities and labels of each split, and where it is from several sets, of each set's part of it."""
    for split, p in probability.items():
        yield split, (p, data[split].targets)
        source = data[split].source
        for number in () if source is None else np.unique(source):
            yield f"{split} of set {number + 1}", (p[source == number], data[split].targets[source == number])


def _logits(trainer: Trainer, data: Tensors, mirror: Collection[str]) -> dict[str, np.ndarray]:
    logits = predict(trainer.net, data, trainer.config.preprocessing)
    if mirror:
        turned = predict(trainer.net, replace(data, chips=data.chips[..., ::-1, :]), trainer.config.preprocessing)
        logits |= {head: (logits[head] + turned[head]) / 2 for head in mirror}
    return logits


def _card(
    head: str, trainer: Trainer, data: Mapping[str, Tensors], command: str, bias: tuple[float, ...], mirror: bool
) -> ModelCard:
    run, config = trainer.run, trainer.config
    return ModelCard(
        name=run.name,
        labels=trainer.fitted.labels,
        preprocessing=config.preprocessing,
        weights="model.onnx",
        sha256=sha256(run / "model.onnx"),
        output=head,
        bias=bias,
        mirror=mirror,
        parameters=_parameters(trainer, head),
        description=f"{config.model}. {DESCRIPTIONS[head]}",
        data={
            "sha256": {split: t.sha256() for split, t in data.items()},
            "n": {split: len(t) for split, t in data.items()},
            "backend": keras.backend.backend(),
        },
        command=command,
        created=datetime.now(UTC).strftime("%Y-%m-%d"),
    )


def _asked(data: Tensors, head: str) -> np.ndarray:
    """What this head should say (n,); -1 where people did not agree."""
    return data.targets if head == LABELS else data.plurality


def calibrated(card: ModelCard, logits: np.ndarray, targets: np.ndarray) -> ModelCard:
    """The card with its calibration, threshold of `unsure` and scores of the split that choices are made on."""
    logits, targets = logits[targets >= 0], targets[targets >= 0]
    card = fit_calibration(card, logits, np.eye(len(card.labels))[targets])
    probability = card.probabilities(logits)
    threshold = confidence_for(probability, targets, SURE_ERROR)
    sure = float((probability.max(1) >= threshold).mean())
    measured = short(scores(probability, targets, card.labels)) | {"sure_error": SURE_ERROR, "sure_share": sure}
    return replace(card, unsure_confidence=threshold, metrics={"PublicTest": measured})


def logit_bias(data: Tensors, strength: float) -> tuple[float, ...]:
    """-strength x log of each class's share of the training labels, shifted to a mean of zero."""
    bias = -strength * log_prior(data)
    return tuple(float(round(b, 6)) for b in bias - bias.mean())


def _parameters(trainer: Trainer, head: str) -> int:
    """Of the trunk and this head alone."""
    return int(network(trainer.config, trainer.fitted.labels, (head,)).count_params())


def resume(run: Path, data: Mapping[str, Tensors]) -> Trainer:
    """The trainer of an earlier run's folder, at its last whole epoch."""
    trainer = Trainer(TrainConfig.load(run / "config.json"), data, run)
    trainer.restore()
    return trainer
