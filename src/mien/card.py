"""The model card: what a weights file needs beside it to be of use. JSON in, ModelCard out, and back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mien.catalog import Catalog
from mien.errors import insist
from mien.labels import LabelSet

FLAT = 1.0
"""Gray levels; a chip whose standard deviation is below it counts as blank and is not amplified."""


def _per_sample(x: Any, xp: Any) -> Any:
    mean, deviation = xp.mean(x, axis=(1, 2, 3), keepdims=True), xp.std(x, axis=(1, 2, 3), keepdims=True)
    return (x - mean) / xp.maximum(deviation, FLAT)


def _to_range(x: Any, xp: Any) -> Any:
    return x / 127.5 - 1


def _to_unit(x: Any, xp: Any) -> Any:
    return x / 255


NORMALISE: dict[str, Callable[[Any, Any], Any]] = {"sample": _per_sample, "range": _to_range, "unit": _to_unit}
"""`sample`: zero mean and unit deviation, so light and contrast of the photo do not matter; `range`: -1..1; `unit`: 0..1."""


ILLUMINATION = Catalog(
    "illumination",
    {
        "equalised": "mien.preprocess.illumination:histogram_equalisation",
        "equalised_linear": "mien.preprocess.illumination:equalisation_and_linear",
        "clahe": "mien.preprocess.illumination:clahe",
        "dct": "mien.preprocess.illumination:log_dct",
        "dog": "mien.preprocess.illumination:difference_of_gaussians",
        "homomorphic": "mien.preprocess.illumination:homomorphic",
        "diffusion": "mien.preprocess.illumination:isotropic_diffusion",
    },
    group="mien.illumination",
)
"""Gray chips (n, h, w) -> the same without what the light did."""
ALIGNMENT = Catalog(
    "alignment",
    {"eyes": "mien.preprocess.align:align", "frontal": "mien.preprocess.pose:frontalised"},
    group="mien.alignment",
)
"""Chips (n, h, w[, 3]) and landmarks (n, 5, 2) in them -> the same, turned."""


@dataclass(frozen=True)
class Preprocessing:
    """What happens to a chip before the net sees it; training, evaluation and serving all read it from the card."""

    size: int = 48
    channels: str = "gray"
    normalise: str = "sample"
    illumination: str = ""
    """Name of ILLUMINATION; empty: the light stays."""
    align: str = ""
    """Name of ALIGNMENT, done while the chip is cut, where its landmarks are known; empty: upright as the picture is."""

    def __post_init__(self) -> None:
        if self.channels not in ("gray", "rgb"):
            raise ValueError(f"channels {self.channels!r}: wanted gray or rgb")
        if self.normalise not in NORMALISE:
            raise ValueError(f"normalise {self.normalise!r}: wanted {' or '.join(NORMALISE)}")
        if self.illumination and (self.illumination not in ILLUMINATION or self.channels != "gray"):
            raise ValueError(f"illumination {self.illumination!r}: wanted, for gray chips, {' or '.join(ILLUMINATION)}")
        if self.align and self.align not in ALIGNMENT:
            raise ValueError(f"align {self.align!r}: wanted {' or '.join(ALIGNMENT)}")
        if self.size < 1:
            raise ValueError(f"size {self.size}: wanted at least 1 pixel")

    @property
    def depth(self) -> int:
        return 1 if self.channels == "gray" else 3

    def __call__(self, chips: np.ndarray) -> np.ndarray:
        """uint8 chips (n, h, w) or (n, h, w, 3) in RGB -> float32 (n, size, size, depth), as the net wants them."""
        return self.normalised(self.pixels(chips).astype(np.float32))

    def pixels(self, chips: np.ndarray) -> np.ndarray:
        """The same chips in the card's size, channels and light, still uint8: (n, size, size, depth)."""
        chips = self.sized(chips)
        return ILLUMINATION[self.illumination](chips[..., 0])[..., None] if self.illumination else chips

    def sized(self, chips: np.ndarray) -> np.ndarray:
        """The same chips in the card's size and channels alone: what a classifier may be given instead."""
        from mien.image import gray, resize

        chips = np.asarray(chips)
        if chips.dtype != np.uint8 or chips.ndim not in (3, 4) or (chips.ndim == 4 and chips.shape[3] not in (1, 3)):
            raise ValueError(f"chips must be uint8 of shape (n, h, w) or (n, h, w, 3); got {chips.dtype} of shape {chips.shape}")
        if 0 in chips.shape[1:] or (chips.ndim == 3 and chips.shape[2] == 3):
            raise ValueError(f"chips of shape {chips.shape}: wanted (n, h, w) or (n, h, w, 3); one chip alone is chip[None]")
        chips = chips[..., None] if chips.ndim == 3 else chips
        if chips.shape[3] == 3 and self.depth == 1:
            chips = gray(chips)[..., None]
        elif chips.shape[3] < self.depth:
            chips = np.repeat(chips, self.depth, axis=3)
        if chips.shape[1:3] == (self.size, self.size):
            return chips
        small = [resize(chip, self.size, self.size) for chip in chips]
        return np.stack(small) if small else np.zeros((0, self.size, self.size, self.depth), np.uint8)

    def normalised(self, x: Any, xp: Any = np) -> Any:
        """Gray levels 0..255 (n, h, w, c) -> the net's input; `xp` is numpy, or keras.ops inside a graph."""
        return NORMALISE[self.normalise](x, xp)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and bool(np.isfinite(value))


def _read(path: str | Path, kind: type, wanted: tuple[str, ...]) -> dict[str, Any]:
    """The fields of a card; raises ValueError for what is missing or unknown."""
    raw = json.loads(Path(path).read_text(encoding="utf-8"))
    if not isinstance(raw, dict) or not set(wanted) <= set(raw):
        raise ValueError(f"{', '.join(wanted[:-1])} and {wanted[-1]} are wanted")
    unknown = set(raw) - {f.name for f in fields(kind)}
    if unknown:
        raise ValueError(f"unknown fields: {', '.join(sorted(unknown))}")
    return raw


def as_input(x: np.ndarray, shape: Sequence[Any]) -> np.ndarray:
    """Normalised chips (n, size, size, depth) as a net of this input takes them: a still is a clip (n, frames, size, size,
    depth) in which nothing moves."""
    return np.repeat(x[:, None], shape[1], axis=1) if len(shape) == 5 else x


def softmax(logits: np.ndarray) -> np.ndarray:
    """(n, k) -> float32 shares that sum to one."""
    return np.exp(_log_softmax(logits.astype(np.float64))).astype(np.float32)


def _log_softmax(scores: np.ndarray) -> np.ndarray:
    """(n, k) -> logarithms of shares that sum to one."""
    scores = scores - scores.max(axis=1, keepdims=True, initial=-np.inf)
    return scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))


ABOUT = ("name", "weights", "parameters", "description", "data", "metrics", "command", "created")
"""Fields of a model's card that change no answer."""


@dataclass(frozen=True)
class ModelCard:
    """A model's identity, its preprocessing, how its scores become probabilities, and what it was measured at."""

    name: str
    labels: LabelSet
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    weights: str = ""
    """File name of the ONNX graph, beside the card."""
    sha256: str = ""
    output: str = ""
    """Name of the graph's output that holds this model's logits (n, k)."""
    temperature: float = 1.0
    """Logits are divided by it before softmax; fitted on PublicTest (Guo et al. 2017)."""
    bend: float = 0.0
    """Of the calibration: log-probabilities z become z (1 + bend |z|) before they are divided by the temperature. It keeps
    their order; 0 is temperature scaling alone. Fitted with the temperature."""
    bias: tuple[float, ...] = ()
    """Added to the logits first (logit adjustment, Menon et al. 2021); empty: none."""
    mirror: bool = False
    """Average the logits of the chip and of its mirror image."""
    unsure_confidence: float = 0.0
    unsure_quality: float = 0.0
    """An answer below either threshold is `unsure`."""
    parameters: int = 0
    description: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    command: str = ""
    created: str = ""

    def __post_init__(self) -> None:
        insist(
            self,
            ("temperature", _number(self.temperature) and self.temperature > 0, "a number above 0"),
            ("bend", _number(self.bend) and self.bend >= 0, "a number from 0 on"),
            ("weights", isinstance(self.weights, str), "a file name"),
            ("unsure_confidence", _number(self.unsure_confidence), "a number"),
            ("unsure_quality", _number(self.unsure_quality), "a number"),
            ("bias", len(self.bias) in (0, len(self.labels)), f"none or {len(self.labels)} numbers, one a label"),
        )

    @cached_property
    def version(self) -> str:
        """Of what answers: a hash of the graph's and of all that is done before and after it; its name does not matter."""
        told = {name: value for name, value in {**asdict(self), "labels": list(self.labels)}.items() if name not in ABOUT}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Logits (n, k) -> float32 probabilities (n, k): bias, bend, temperature, softmax."""
        scores = logits.astype(np.float64)
        if self.bias:
            scores = scores + np.array(self.bias)
        if self.bend:
            scores = _log_softmax(scores)
            scores = scores * (1 + self.bend * np.abs(scores))
        return softmax(scores / self.temperature)

    def to_json(self) -> str:
        return json.dumps({**asdict(self), "labels": list(self.labels)}, indent=2) + "\n"

    def save(self, path: str | Path) -> None:
        """Whole or not at all."""
        new = Path(path).with_name(Path(path).name + ".new")
        new.write_text(self.to_json(), encoding="utf-8")
        new.replace(path)

    @classmethod
    def load(cls, path: str | Path) -> ModelCard:
        """Raises ValueError when the file is not a card, naming it and what is missing or unknown."""
        try:
            raw = _read(path, cls, ("name", "labels", "preprocessing", "weights"))
            if not isinstance(raw["labels"], list):
                raise ValueError("labels must be a list of names")
            return cls(
                **{
                    **raw,
                    "labels": LabelSet(tuple(raw["labels"])),
                    "preprocessing": Preprocessing(**raw["preprocessing"]),
                    "bias": tuple(raw.get("bias", ())),
                }
            )
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path} is no model card: {error}") from error


@dataclass(frozen=True)
class DetectorCard:
    """A detector's identity, the settings it was measured with, and what it was measured at."""

    name: str
    weights: str
    """File name of the ONNX graph, beside the card."""
    longest_side: int
    """Pixels; larger pictures are shrunk for detection."""
    score: float
    """Boxes below it are left out; chosen on photos that were not fitted on."""
    overlap: float = 0.4
    """IoU from which on two boxes are one face."""
    sha256: str = ""
    parameters: int = 0
    description: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    command: str = ""
    created: str = ""

    def __post_init__(self) -> None:
        insist(
            self,
            ("weights", isinstance(self.weights, str), "a file name"),
            ("longest_side", _number(self.longest_side) and self.longest_side > 0, "pixels"),
            ("score", _number(self.score) and 0 < self.score < 1, "a number between 0 and 1"),
            ("overlap", _number(self.overlap) and 0 < self.overlap <= 1, "a number above 0, up to 1"),
        )

    def save(self, path: str | Path) -> None:
        Path(path).write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> DetectorCard:
        """Raises ValueError when the file is not a card, naming it and what is missing or unknown."""
        try:
            return cls(**_read(path, cls, ("name", "weights", "longest_side", "score")))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path} is no detector's card: {error}") from error
