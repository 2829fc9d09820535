"""What a browser needs to do the server's work itself: a Service in; cards, geometry and the nets' files out."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mien.card import Preprocessing
from mien.classifiers.onnx import OnnxClassifier
from mien.detectors import crop_of
from mien.detectors.mien_face import MienFace
from mien.serving.problems import Problem
from mien.serving.service import Service
from mien.weights import find_detector, find_graph

RUNTIME = Path(__file__).parent / "web" / "runtime" / "ort-wasm-simd-threaded.wasm"
"""Put there when the package is built (hatch_build.py)."""
NETS = ("detector", "classifier")


def described(service: Service) -> dict[str, Any]:
    """Raises Problem 404 that says why the page has to use the server."""
    if not RUNTIME.is_file():
        raise Problem(
            404, "this server was installed without ONNX Runtime Web", kind="no_runtime",
            would_work="Reinstall mien where npm is on the PATH, or use the server.",
        )  # fmt: skip
    paths = {name: net(service, name) for name in NETS}
    detector, classifier = service.recognizer.detector, service.recognizer.classifier
    assert isinstance(detector, MienFace)
    assert isinstance(classifier, OnnxClassifier)
    return {
        "smooth": service.settings.smooth,
        "detector": {
            "url": f"/v1/browser/detector?{paths['detector'].stat().st_mtime_ns:x}",
            "card": {"longest_side": detector.side, "score": detector.least, "overlap": detector.same},
            "crop": asdict(crop_of(detector)),
        },
        "classifier": {
            "url": f"/v1/browser/classifier?{paths['classifier'].stat().st_mtime_ns:x}",
            "card": {k: v for k, v in json.loads(classifier.card.to_json()).items() if k not in ("metrics", "data", "command")},
        },
    }


def net(service: Service, name: str) -> Path:
    """The ONNX file. Raises Problem 404 for parts that run in Python alone."""
    detector, classifier = service.recognizer.detector, service.recognizer.classifier
    if name == "detector" and isinstance(detector, MienFace) and detector.net is None:
        return find_graph(detector.card, find_detector(detector.weights))
    if name == "classifier" and isinstance(classifier, OnnxClassifier) and not _only_here(classifier.card.preprocessing):
        return find_graph(classifier.card, classifier.path)
    raise Problem(404, f"this server's {name} does not run in a browser", kind="not_found", would_work="Use the server.")


def _only_here(preprocessing: Preprocessing) -> bool:
    """Whether a chip is prepared in a way that the page does not know."""
    return bool(preprocessing.illumination or preprocessing.align)
