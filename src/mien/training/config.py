"""One typed record is a training run: options in, the same run out, on any machine."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from mien.card import Preprocessing
from mien.datasets.balance import WEIGHTS
from mien.errors import config_in, insist
from mien.models import MODELS
from mien.training.augmentation import NONE, Augmentation
from mien.training.overrides import merged

OPTIMIZERS = SGD, ADAM, ADAMW = "sgd", "adam", "adamw"
SAMPLING = OVERSAMPLE, SMOTE, SMOTE_EMBEDDINGS = "oversample", "smote", "smote_embeddings"
STANDARDISE = FEATURE, ZCA = "feature", "zca"
HEADS = LABELS, VOTES = "labels", "votes"
"""What the dataset's annotators said, and what a jury of people saw."""
SCHEDULES = COSINE, CONSTANT, PLATEAU = "cosine", "constant", "plateau"
KINDS = CROSS_ENTROPY, FOCAL = "cross_entropy", "focal"
METRICS = CENTER, ISLAND, LOCALITY, TRIPLET, TUPLET = "center", "island", "locality", "triplet", "tuplet"
PRECISIONS = "float32", "mixed_bfloat16", "mixed_float16"


@dataclass(frozen=True)
class Loss:
    """What is made small, beside the second head's own loss (mien.training.losses, mien.training.metric)."""

    kind: str = CROSS_ENTROPY
    """Of the head on labels: `cross_entropy`, or `focal`, which counts what is right already for less (Lin et al. 2017)."""
    gamma: float = 2.0
    """Of the focal loss: how much less."""
    weight: float = 1.0
    """Of that head's loss; 0: the metric alone, and the head is fitted to the embedding at the end."""
    metric: str = ""
    """A loss on the embedding that draws a class's faces together: `center`, `island`, `locality`, `triplet`, `tuplet`. Alone,
    `center` and `locality` are least where all faces lie at one point."""
    metric_weight: float = 0.01
    views: int = 1
    """So many times each image comes in a batch, varied differently, their losses added (the Keras paper's sum over T)."""


@dataclass(frozen=True)
class Schedule:
    """How the learning rate goes, and when it is enough; `plateau` and `stop_after` look at PublicTest's accuracy."""

    kind: str = COSINE
    """`cosine`: to zero along a cosine; `constant`; `plateau`: times `factor` after `patience` epochs without a better one."""
    factor: float = 0.5
    patience: int = 5
    stop_after: int = 0
    """Epochs without a better one after which the run ends, with the best one's weights; 0: never."""
    plain: int = 0
    """The last so many epochs are without mixup and cutmix."""


@dataclass(frozen=True)
class Distillation:
    """Other models whose answers are learnt beside the labels (Hinton et al. 2015)."""

    teachers: tuple[str, ...] = ()
    """Run folders, cards or names of packaged models; the mean of what several say. One of the same network as the run's own
    is self-distillation (Furlanello et al. 2018)."""
    weight: float = 0.5
    """Of what they say; the labels have the rest."""
    temperature: float = 2.0
    """Logits, theirs and the net's, are divided by it."""


@dataclass(frozen=True)
class Curriculum:
    """Easy faces first (Bengio et al. 2009): an epoch draws from the easiest part of each class, and that part grows."""

    ease: str = ""
    """What `mien data ease` wrote, ease.csv; empty: all samples from the beginning."""
    begin: float = 0.3
    """Share of each class that is drawn from in the first epoch."""
    until: float = 0.5
    """Share of the epochs after which all are."""

    def share(self, epoch: int, epochs: int) -> float:
        """Of each class, in this epoch."""
        grown = 1.0 if not self.until else epoch / (self.until * epochs)
        return min(1.0, self.begin + (1 - self.begin) * grown)


@dataclass(frozen=True)
class Noise:
    """Labels of training samples that are exchanged on purpose, to see what a net makes of wrong ones (mien.training.noise)."""

    uniform: float = 0.0
    """Share that gets any other class."""
    confusion: float = 0.0
    """Share that gets a class for which its own is mistaken."""
    like: str = ""
    """Run folder whose report.json says which that is, by PublicTest's confusions."""


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
    optimizer: str = SGD
    learning_rate: float = 0.1
    """At the top, after `warmup` epochs."""
    warmup: float = 2.0
    schedule: Schedule = field(default_factory=Schedule)
    momentum: float = 0.9
    weight_decay: float = 5e-3
    """Decoupled: each step takes weight_decay x learning rate of every kernel."""
    clip: float = 0.0
    """Longest gradient, over all weights; longer ones are shortened to it; 0: none is."""
    precision: str = "float32"
    """Of the computation; weights stay float32. The mixed ones are for accelerators."""
    label_smoothing: float = 0.1
    loss: Loss = field(default_factory=Loss)
    class_weights: str = ""
    """`inverse` or `effective` (mien.datasets.balance): rare classes weigh more in the loss; empty: all samples alike."""
    sampling: str = ""
    """`oversample`: samples of rare classes come more often, each time augmented anew; `smote`: faces are made up between
    others; `smote_embeddings`: the head is fitted anew on embeddings made up so. An epoch has as many steps as without."""
    data_weights: tuple[float, ...] = ()
    """Of several sets in turn: how often in an epoch each sample comes, 0.5 every other time; empty: each once."""
    sample_weights: str = ""
    """A csv with the columns key and weight, as `mien feedback curate --weights` writes it: how much each training sample
    counts in the losses; empty: all alike."""
    curriculum: Curriculum = field(default_factory=Curriculum)
    adjust_loss: float = 0.0
    """Strength of the logit adjustment in the loss of the head on labels (Menon et al. 2021): the net learns what the
    labels say beyond how frequent they are."""
    standardise: str = ""
    """`feature` or `zca` (mien.training.standardise): by the training set's statistics, in the net itself; empty: not."""
    votes: float = 1.0
    """Weight of the second head's loss, over people's votes; 0: one head. Without votes in the data it is 0."""
    distil: Distillation = field(default_factory=Distillation)
    noise: Noise = field(default_factory=Noise)
    dynamics: bool = False
    """Whether what the net says of each sample in each epoch is kept, in dynamics.parquet."""
    ema: float = 0.998
    """Momentum of the moving average of the weights that is evaluated and saved; 0: none."""
    evaluate_every: int = 1
    """Epochs."""
    seed: int = 0
    start: str = ""
    """Run folder whose averaged weights are begun with; empty: from nothing."""
    trainable: tuple[str, ...] = ()
    """Names or patterns, such as block_1*, of the layers that learn, beside the heads; empty: all."""
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
            ("learning_rate", 0 < self.learning_rate < float("inf"), "more than 0, and finite"),
            ("warmup", self.warmup >= 0, "0 or more"),
            ("optimizer", self.optimizer in OPTIMIZERS, _either(OPTIMIZERS)),
            ("clip", self.clip >= 0, "0 or more"),
            ("precision", self.precision in PRECISIONS, _either(PRECISIONS)),
            ("label_smoothing", 0 <= self.label_smoothing < 1, "0 to less than 1"),
            ("ema", 0 <= self.ema < 1, "0 to less than 1"),
            ("class_weights", self.class_weights in ("", *WEIGHTS), _either(WEIGHTS)),
            ("sampling", self.sampling in ("", *SAMPLING), _either(SAMPLING)),
            ("data_weights", all(isinstance(w, float | int) and w >= 0 for w in self.data_weights), "numbers from 0 on"),
            ("data_weights", not (self.data_weights and self.sampling), "none beside sampling"),
            ("sample_weights", not self.sample_weights or self.sampling in ("", OVERSAMPLE), "none beside SMOTE's sampling"),
            ("adjust_loss", self.adjust_loss >= 0, "0 or more"),
            ("standardise", self.standardise in ("", *STANDARDISE), _either(STANDARDISE)),
            ("sampling", self.sampling != SMOTE_EMBEDDINGS or not self.standardise, "another one beside standardise"),
            ("votes", self.votes >= 0, "0 or more"),
            ("adjust", self.adjust >= 0, "0 or more"),
            ("mirror", set(self.mirror) <= set(HEADS), _either(HEADS)),
            ("evaluate_every", self.evaluate_every >= 1, "at least 1"),
            ("seed", self.seed >= 0, "0 or more"),
            ("evaluate_every", self.evaluate_every == 1 or not self.watches, "1, since the schedule looks at every epoch"),
            ("standardise", not (self.standardise and self.loss.metric), "nothing beside loss.metric"),
            ("augmentation", not (self.augmentation.mixes and self.loss.metric), "no mixup and no cutmix beside loss.metric"),
            ("adjust_loss", not (self.adjust_loss and not self.loss.weight), "0 where loss.weight is 0"),
            ("schedule", bool(self.loss.weight) or not self.watches, "one that looks at no scores where loss.weight is 0"),
            ("dynamics", bool(self.loss.weight) or not self.dynamics, "false where loss.weight is 0: the net says no class"),
        )
        a, s, d = self.loss, self.schedule, self.distil
        insist(
            a,
            ("kind", a.kind in KINDS, _either(KINDS)),
            ("gamma", a.gamma >= 0, "0 or more"),
            ("weight", a.weight >= 0, "0 or more"),
            ("weight", a.weight > 0 or bool(a.metric), "more than 0 where there is no metric"),
            ("metric", a.metric in ("", *METRICS), _either(METRICS)),
            ("metric_weight", a.metric_weight > 0, "more than 0"),
            ("views", 1 <= a.views <= 16, "1 to 16"),
            within="loss",
        )
        insist(
            s,
            ("kind", s.kind in SCHEDULES, _either(SCHEDULES)),
            ("factor", 0 < s.factor < 1, "more than 0, less than 1"),
            ("patience", s.patience >= 1, "at least 1"),
            ("stop_after", s.stop_after >= 0, "0 or more"),
            ("plain", 0 <= s.plain <= self.epochs, f"0 to the {self.epochs} epochs"),
            within="schedule",
        )
        insist(
            self.curriculum,
            ("begin", 0 < self.curriculum.begin <= 1, "more than 0, up to 1"),
            ("until", 0 <= self.curriculum.until <= 1, "0 to 1"),
            (
                "ease",
                not (self.curriculum.ease and (self.sampling or self.data_weights)),
                "none beside sampling and data_weights",
            ),
            within="curriculum",
        )
        insist(
            self.noise,
            ("uniform", 0 <= self.noise.uniform <= 1, "0 to 1"),
            ("confusion", 0 <= self.noise.confusion <= 1 - self.noise.uniform, "0 to 1, both shares together"),
            ("like", not self.noise.confusion or bool(self.noise.like), "a run folder, whose confusions are copied"),
            within="noise",
        )
        insist(
            d,
            ("weight", 0 < d.weight <= 1, "more than 0, up to 1"),
            ("temperature", d.temperature > 0, "more than 0"),
            within="distil",
        )

    @property
    def watches(self) -> bool:
        """Whether what is scored decides how the run goes on."""
        return self.schedule.kind == PLATEAU or self.schedule.stop_after > 0

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> TrainConfig:
        """What `save` wrote; fields that were not yet there when it did have their defaults."""
        with config_in(path, "classifier"):
            return merged(cls(), json.loads(path.read_text(encoding="utf-8")))


def _either(names: tuple[str, ...]) -> str:
    return " or ".join(names)


def read_file(path: Path) -> dict[str, Any]:
    """The mapping in a .toml or .json file. Raises ValueError that names the file and, where it can, the line."""
    if path.suffix not in (".toml", ".json"):
        raise ValueError(f"{path} is no config; a .toml or .json file was wanted")
    text = path.read_text(encoding="utf-8")
    try:
        found = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except ValueError as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path} is no config: names with values were wanted")
    return found


def from_mapping(fields: Mapping[str, Any]) -> TrainConfig:
    """The recipe of the network that is named, with these fields set."""
    model = fields.get("model", TrainConfig.model)
    return merged(recipe(model) if isinstance(model, str) else TrainConfig(), fields)


PAPER = TrainConfig(
    optimizer=ADAM,
    learning_rate=1e-3,
    weight_decay=0.0,
    label_smoothing=0.0,
    votes=0.0,
    ema=0.0,  # mini-Xception's strong L2 leaves variances near batch normalisation's epsilon; averaged weights do not fit them
)
"""What the papers leave at Keras's defaults."""
GENTLE = replace(NONE, mirror=True, rotation=10, scale=0.1, shift=0.05)
RANGE, UNIT = Preprocessing(normalise="range"), Preprocessing(normalise="unit")
RECIPES = {
    "big_xception": replace(PAPER, model="big_xception", preprocessing=RANGE, augmentation=GENTLE),
    "cnn_lstm": TrainConfig(model="cnn_lstm", batch_size=32, votes=0.0),
    "fully_convolutional": replace(PAPER, model="fully_convolutional", preprocessing=RANGE, augmentation=GENTLE),
    "mini_xception": replace(PAPER, model="mini_xception", preprocessing=RANGE, augmentation=GENTLE),
    "resnet": TrainConfig(),
    "sequential_cnn": replace(PAPER, model="sequential_cnn", preprocessing=UNIT, augmentation=NONE),
    "transfer": replace(PAPER, model="transfer", preprocessing=RANGE, augmentation=GENTLE, options={"enlarge": 2}),
    "tutorial_cnn": replace(PAPER, model="tutorial_cnn", preprocessing=UNIT, augmentation=GENTLE),
    "vgg": TrainConfig(model="vgg"),
}
"""What each network is trained with unless told otherwise; mini-Xception as the dissertation says (10 degrees, 10 %)."""


def watcher() -> TrainConfig:
    """Of the small net whose training is watched for wrong labels: mirrored alone, as variety hides what is learnt late."""
    options = {"stem": 8, "widths": (16, 32, 64, 128), "depths": (1, 1, 1, 1), "excited": 0}
    mirror = replace(NONE, mirror=True)
    return TrainConfig(options=options, augmentation=mirror, epochs=30, votes=0.0, evaluate_every=30, dynamics=True)


def recipe(model: str) -> TrainConfig:
    """The network's own, or the first one's for a network that has none. Raises ValueError for a name that is no network's."""
    if model not in MODELS:
        raise ValueError(f"no model named {model!r}; there are: {', '.join(MODELS)}")
    return RECIPES.get(model, TrainConfig(model=model))
