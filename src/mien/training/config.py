"""One typed record is a training run: options in, the same run out, on any machine."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from mien.card import Preprocessing
from mien.datasets.balance import WEIGHTS
from mien.errors import config_in, insist
from mien.training.augmentation import NONE, Augmentation
from mien.training.standardise import STANDARDISE

OPTIMIZERS = ("sgd", "adam")
SAMPLING = OVERSAMPLE, SMOTE, SMOTE_EMBEDDINGS = "oversample", "smote", "smote_embeddings"
HEADS = LABELS, VOTES = "labels", "votes"
"""What the dataset's annotators said, and what a jury of people saw."""


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a run's result; saved in the run folder and read back by `--resume`."""

    model: str = "resnet"
    options: dict[str, Any] = field(default_factory=dict)
    """Keyword arguments of the network, such as widths."""
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    augmentation: Augmentation = field(default_factory=Augmentation)
    epochs: int = 60
    batch_size: int = 128
    optimizer: str = "sgd"
    learning_rate: float = 0.1
    """At the top, after `warmup` epochs; from there it falls along a cosine to zero."""
    warmup: float = 2.0
    momentum: float = 0.9
    weight_decay: float = 5e-3
    """Decoupled: each step takes weight_decay x learning rate of every kernel."""
    label_smoothing: float = 0.1
    class_weights: str = ""
    """`inverse` or `effective` (mien.datasets.balance): rare classes weigh more in the loss; empty: all samples alike."""
    sampling: str = ""
    """`oversample`: samples of rare classes come more often, each time augmented anew; `smote`: faces are made up between
    others; `smote_embeddings`: the head is fitted anew on embeddings made up so. An epoch has as many steps as without."""
    adjust_loss: float = 0.0
    """Strength of the logit adjustment in the loss of the head on labels (Menon et al. 2021): the net learns what the
    labels say beyond how frequent they are."""
    standardise: str = ""
    """`feature` or `zca` (mien.training.standardise): by the training set's statistics, in the net itself; empty: not."""
    votes: float = 1.0
    """Weight of the second head's loss, over people's votes; 0: one head. Without votes in the data it is 0."""
    ema: float = 0.998
    """Momentum of the moving average of the weights that is evaluated and saved; 0: none."""
    evaluate_every: int = 1
    """Epochs."""
    seed: int = 0
    start: str = ""
    """Run folder whose averaged weights are begun with; empty: from nothing."""
    adjust: float = 0.0
    """Strength of the logit adjustment of the head on labels (Menon et al. 2021): 0 none, 1 as if all classes were
    equally frequent. Of what is made of the trained net, like `mirror`."""
    mirror: tuple[str, ...] = ()
    """Heads that average the logits of a face and of its mirror image."""

    def __post_init__(self) -> None:
        insist(
            self,
            ("epochs", self.epochs >= 1, "at least 1"),
            ("batch_size", self.batch_size >= 2, "at least 2"),
            ("learning_rate", self.learning_rate > 0, "more than 0"),
            ("optimizer", self.optimizer in OPTIMIZERS, " or ".join(OPTIMIZERS)),
            ("label_smoothing", 0 <= self.label_smoothing < 1, "0 to less than 1"),
            ("ema", 0 <= self.ema < 1, "0 to less than 1"),
            ("class_weights", self.class_weights in ("", *WEIGHTS), " or ".join(WEIGHTS)),
            ("sampling", self.sampling in ("", *SAMPLING), " or ".join(SAMPLING)),
            ("adjust_loss", self.adjust_loss >= 0, "0 or more"),
            ("standardise", self.standardise in ("", *STANDARDISE), " or ".join(STANDARDISE)),
            ("sampling", self.sampling != SMOTE_EMBEDDINGS or not self.standardise, "another one beside standardise"),
            ("votes", self.votes >= 0, "0 or more"),
            ("adjust", self.adjust >= 0, "0 or more"),
            ("mirror", set(self.mirror) <= set(HEADS), " or ".join(HEADS)),
            ("evaluate_every", self.evaluate_every >= 1, "at least 1"),
        )

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> TrainConfig:
        with config_in(path, "classifier"):
            raw = json.loads(path.read_text(encoding="utf-8"))
            augmentation = raw.pop("augmentation")
            augmentation["erase_side"] = tuple(augmentation["erase_side"])
            raw["mirror"] = tuple(raw.get("mirror", ()))
            return cls(preprocessing=Preprocessing(**raw.pop("preprocessing")), augmentation=Augmentation(**augmentation), **raw)


RECIPES = {
    "resnet": TrainConfig(),
    "mini_xception": TrainConfig(
        model="mini_xception",
        preprocessing=Preprocessing(normalise="range"),
        augmentation=replace(NONE, mirror=True, rotation=10, scale=0.1, shift=0.05),
        optimizer="adam",
        learning_rate=1e-3,
        weight_decay=0.0,
        label_smoothing=0.0,
        votes=0.0,
        ema=0.0,  # its strong L2 leaves variances near batch normalisation's epsilon; averaged weights do not fit them
    ),
}
"""What each network is trained with unless told otherwise; mini-Xception as the dissertation says (10 degrees, 10 %)."""
