"""The answer: one plain object a frame, the same from command line, REST and Socket.IO. Faces in, dict out."""

from __future__ import annotations

from typing import Any

from mien.errors import MienError, plain
from mien.faces import Faces


def answer(
    source: str,
    *,
    frame: int = 0,
    time_s: float = 0.0,
    size: tuple[int, int] | None = None,
    model: str | None = None,
    faces: Faces | None = None,
    error: MienError | None = None,
) -> dict[str, Any]:
    """`size`: width, height of the upright picture; None, like `faces`, where it could not be read."""
    width, height = size or (None, None)
    return {
        "source": plain(source),
        "frame": frame,
        "time_s": time_s,
        "width": width,
        "height": height,
        "model": model,
        "error": error.to_dict() if error else None,
        "faces": faces.to_dict() if faces is not None else [],
    }


def percent(share: float) -> str:
    """A share as people read it; cut, not rounded: nothing is quite certain."""
    return f"{int(share * 100)}%"
