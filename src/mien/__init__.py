"""mien reads facial expressions: a photo in, faces with expressions out.

    from mien import Recognizer
    faces = Recognizer()("photo.jpg")
    for face in faces.to_dict():
        print(face["expression"], face["confidence"], face["box"])

Names are imported when they are first used: `import mien` costs nothing beyond NumPy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy  # noqa: F401  (the one import that every part needs)

if TYPE_CHECKING:
    from mien.card import ModelCard as ModelCard
    from mien.classifiers import load_classifier as load_classifier
    from mien.detectors import load_detector as load_detector
    from mien.errors import ImageError as ImageError
    from mien.errors import MienError as MienError
    from mien.errors import SourceError as SourceError
    from mien.faces import Faces as Faces
    from mien.image import load as load_image  # noqa: F401
    from mien.labels import LabelSet as LabelSet
    from mien.recognizer import Recognizer as Recognizer

__version__ = "0.1.0"

_HOMES = {
    "Faces": "mien.faces:Faces",
    "ImageError": "mien.errors:ImageError",
    "LabelSet": "mien.labels:LabelSet",
    "MienError": "mien.errors:MienError",
    "ModelCard": "mien.card:ModelCard",
    "Recognizer": "mien.recognizer:Recognizer",
    "SourceError": "mien.errors:SourceError",
    "load_classifier": "mien.classifiers:load_classifier",
    "load_detector": "mien.detectors:load_detector",
    "load_image": "mien.image:load",
}
__all__ = [*sorted(_HOMES), "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'mien' has no attribute {name!r}")
    module, attribute = _HOMES[name].split(":")
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return __all__
