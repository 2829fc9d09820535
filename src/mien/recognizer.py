"""The page to read first: a picture in, the faces with their expressions out.

detect -> crop -> classify, each a callable that can be replaced: any detector of `mien detectors`, or your own that
takes an RGB array and gives Faces; any model of `mien models`, a run folder, or your own callable on chips.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from mien.card import ModelCard
from mien.classifiers import Classifier, load_classifier
from mien.detectors import Detector, crop_of, load_detector
from mien.faces import Faces
from mien.image import LIMITS, Limits, gray, load
from mien.quality import quality


class Recognizer:
    """`Recognizer()(photo)` -> Faces. `detector` and `model`: None for the default, a name, a path, or the part itself."""

    def __init__(
        self,
        detector: str | Detector | None = None,
        model: str | os.PathLike[str] | Classifier | None = None,
        *,
        limits: Limits = LIMITS,
    ) -> None:
        self.detector = load_detector(detector)
        self.classifier = model if callable(model) else load_classifier(model)
        self.limits = limits

    @property
    def card(self) -> ModelCard:
        return self.classifier.card

    def __call__(self, image: Any) -> Faces:
        """Path, bytes, URL, base64, PIL image or RGB array -> Faces with probability, quality and `unsure`.

        Boxes are in pixels of the upright picture. Raises what `mien.image.load` raises; no face is no error."""
        return self.classify(*self.find(image))

    def find(self, image: Any) -> tuple[np.ndarray, Faces]:
        """Any picture -> the same as an RGB array, and the faces in it."""
        rgb = load(image, self.limits)
        return rgb, self.detector(rgb)

    def classify(self, image: np.ndarray, faces: Faces) -> Faces:
        """RGB array and faces found in it -> the same faces with what the classifier says of them."""
        return self.classify_all([(image, faces)])[0]

    def classify_all(self, found: Sequence[tuple[np.ndarray, Faces]]) -> list[Faces]:
        """The faces of several pictures at once: the same answers, sooner."""
        classifier = self.classifier  # another may take its place meanwhile
        crop, wanted = crop_of(self.detector), classifier.card.preprocessing
        chips = [crop(image, faces, wanted.size, wanted.align) for image, faces in found]  # of (n, size, size, 3)
        probability = classifier(np.concatenate(chips)) if chips else ()
        ends = np.cumsum([len(part) for part in chips])
        rows = zip(found, chips, np.split(probability, ends[:-1]) if chips else (), strict=True)
        return [self._said(classifier, faces, part, said) for (_, faces), part, said in rows]

    def _said(self, classifier: Classifier, faces: Faces, chips: np.ndarray, probability: np.ndarray) -> Faces:
        good, card = quality(faces, gray(chips)), classifier.card
        return self.doubt(faces.having(probability=probability, labels=classifier.labels, quality=good, card=card))

    def doubt(self, faces: Faces) -> Faces:
        """Classified faces -> the same with `unsure`: confidence or quality is under the card's thresholds."""
        good, card = faces.quality if faces.quality is not None else np.ones(len(faces)), faces.card or self.card
        return faces.having(unsure=(faces.confidence < card.unsure_confidence) | (good < card.unsure_quality))
