"""Keep annotated copies: frames and Faces in; a PNG or JPEG a picture, an MP4 a video, in one folder, out."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from mien.annotators.boxes import annotate
from mien.faces import Faces
from mien.image import encode
from mien.sources import Frame

TICKS = 1000
"""Of a second: the clock of the videos written."""


class Copies:
    """A context manager; call it with each frame in order. No file that is there is ever overwritten."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._video: Any = None
        self._source: str | None = None
        self._index = -1

    def __call__(self, frame: Frame, faces: Faces) -> None:
        if frame.image is None:
            return
        if frame.source != self._source or frame.index <= self._index:
            self._close()
        self._source, self._index = frame.source, frame.index
        picture = annotate(frame.image, faces)
        if frame.moving:
            self._write(frame, picture)
        else:
            path = self._fresh(frame.source, ".jpg" if Path(frame.source).suffix.lower() in (".jpg", ".jpeg") else ".png")
            path.write_bytes(encode(picture, "JPEG" if path.suffix == ".jpg" else "PNG"))

    def _fresh(self, source: str, suffix: str) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        plain = source.rsplit("/", 1)[-1].split("?")[0] if "://" in source else source
        stem = "".join(c if c.isalnum() or c in "-_." else "_" for c in Path(plain).stem.strip("-")) or "stdin"
        number, path = 1, self.folder / f"{stem}{suffix}"
        while path.exists():
            number += 1
            path = self.folder / f"{stem}-{number}{suffix}"
        return path

    def _write(self, frame: Frame, picture: np.ndarray) -> None:
        import av

        height, width = (side // 2 * 2 for side in picture.shape[:2])  # the codec wants even sides
        if self._video is None:
            self._video = av.open(str(self._fresh(frame.source, ".mp4")), "w")
            stream = self._video.add_stream("libx264" if "libx264" in av.codecs_available else "mpeg4", rate=30)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.codec_context.time_base = Fraction(1, TICKS)
            self._last = -1
        image = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[:height, :width]), format="rgb24")
        self._last = max(round(frame.time_s * TICKS), self._last + 1)
        image.pts, image.time_base = self._last, Fraction(1, TICKS)
        self._video.mux(self._video.streams.video[0].encode(image))

    def _close(self) -> None:
        if self._video is not None:
            self._video.mux(self._video.streams.video[0].encode())
            self._video.close()
            self._video = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()
