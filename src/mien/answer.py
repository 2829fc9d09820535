"""The answer: one plain object a frame, the same from command line, REST and Socket.IO. Faces in, dict out."""

from __future__ import annotations

from typing import Any

from mien.card import ModelCard
from mien.errors import MienError, plain
from mien.faces import Faces


def answer(
    source: str,
    *,
    frame: int = 0,
    time_s: float = 0.0,
    size: tuple[int, int] | None = None,
    card: ModelCard | None = None,
    faces: Faces | None = None,
    error: MienError | None = None,
) -> dict[str, Any]:
    """`size`: width, height of the upright picture; None, like `faces`, where it could not be read. `card`: of the model that
    is asked, where the faces do not know which one it was."""
    width, height = size or (None, None)
    said = (faces.card if faces is not None else None) or card
    return {
        "source": plain(source),
        "frame": frame,
        "time_s": time_s,
        "width": width,
        "height": height,
        "model": said.name if said else None,
        "model_version": said.version if said else None,
        "error": error.to_dict() if error else None,
        "faces": faces.to_dict() if faces is not None else [],
    }


def percent(share: float) -> str:
    """A share as people read it; cut, not rounded: nothing is quite certain."""
    return f"{int(share * 100)}%"
