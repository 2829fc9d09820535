"""Frames from anywhere: files, folders, patterns, URLs, standard input and cameras in; upright RGB frames out, one by one.

A frame that cannot be read comes out too, with its error in place of its pixels, so that rows always match frames.
"""

from __future__ import annotations

import contextlib
import glob
import io
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mien.errors import ImageError, MienError, SourceError
from mien.image import LIMITS, SUFFIXES, Limits, check_size, decode, load, on_the_web

VIDEO_SUFFIXES = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".flv", ".ogv", ".3gp", ".ts")
VIDEO_BYTES = 1_000_000_000
"""A video that comes by URL or on standard input is held in memory; a file is not."""


WHOLE = 0.8
"""Share of the promised length from which on a video counts as read to its end; sound may run on for a while."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a source."""

    source: str
    image: np.ndarray | None
    """RGB uint8 (h, w, 3), upright; None when there is an error."""
    index: int = 0
    time_s: float = 0.0
    """Seconds from the start of the video; 0 for a picture."""
    error: MienError | None = None
    moving: bool = False
    """It comes from a video or a camera."""

    @property
    def size(self) -> tuple[int, int] | None:
        """Width, height."""
        return None if self.image is None else (self.image.shape[1], self.image.shape[0])


def expand(sources: Iterable[str]) -> list[str]:
    """Folders become the pictures and videos in them, at any depth and in order; patterns what they match.

    What matches nothing stays as it is and fails when it is read, so that it is reported like any other input."""
    return [name for source in sources for name in _expanded(source)]


def _expanded(source: str) -> list[str]:
    if source in ("", "-") or "://" in source or source.startswith("camera:"):
        return [source]
    path = Path(source)
    with contextlib.suppress(OSError):
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES + VIDEO_SUFFIXES and p.is_file())
            return [str(p) for p in inside] or [source]
        if not path.exists() and glob.has_magic(source):
            return sorted(name for name in glob.glob(source, recursive=True) if Path(name).is_file()) or [source]
    return [source]


def frames(source: str, *, limits: Limits = LIMITS, every: int = 1, private: bool = False) -> Iterator[Frame]:
    """The frames of one source; never raises for a bad input. `every`: of a video or camera, only each n-th frame."""
    try:
        yield from _frames(source, limits, every, private)
    except MienError as error:
        yield Frame(source, None, error=error)
    except OSError as error:
        yield Frame(source, None, error=SourceError("unreadable", f"{source}: {error.strerror or error}"))


def _frames(source: str, limits: Limits, every: int, private: bool) -> Iterator[Frame]:
    if not source:
        raise SourceError("not_found", "an empty name: a file, folder, pattern, URL, camera:0 or - was wanted")
    if source.startswith("camera:"):
        yield from _camera(source, every)
    elif source == "-":
        if sys.stdin is None:
            raise SourceError("unreadable", "-: standard input is closed")
        yield from _from_bytes("-", sys.stdin.buffer.read(VIDEO_BYTES + 1), limits, every)
    elif on_the_web(source):
        from mien.fetch import fetch

        yield from _from_bytes(source, fetch(source, VIDEO_BYTES, private=private), limits, every)
    elif "://" in source:
        raise SourceError("url", f"{source}: only http and https addresses are read")
    elif Path(source).is_dir():
        raise SourceError("empty", f"{source}: no pictures or videos in this folder")
    elif Path(source).suffix.lower() in VIDEO_SUFFIXES and Path(source).exists():
        yield from _video(source, source, limits, every)
    else:
        yield from _picture_or_video(source, Path(source), lambda: load(Path(source), limits), limits, every)


def _from_bytes(name: str, data: bytes, limits: Limits, every: int) -> Iterator[Frame]:
    yield from _picture_or_video(name, io.BytesIO(data), lambda: decode(data, limits, name=name), limits, every)


def _picture_or_video(name: str, file: Any, picture: Callable[[], np.ndarray], limits: Limits, every: int) -> Iterator[Frame]:
    """Told apart by what they hold; what is neither is reported as no picture."""
    try:
        yield Frame(name, picture())
    except ImageError as error:
        if error.kind != "not_an_image":
            raise
        for number, frame in enumerate(_video(name, file, limits, every)):
            if frame.error and not number:
                raise error from None
            yield frame


def _video(name: str, file: Any, limits: Limits, every: int) -> Iterator[Frame]:
    """Decoded one frame at a time; a damaged end is an error after the frames before it."""
    import av

    seen, now, promised, wrong = 0, 0.0, 0.0, "it holds no video"
    try:
        with av.open(str(file) if isinstance(file, Path) else file) as video:
            promised = _promised(video)
            if video.streams.video and video.streams.video[0].width:  # text that is taken for a video has none
                check_size(video.streams.video[0].width, video.streams.video[0].height, limits, name)
            for picture in video.decode(video=0) if video.streams.video else ():
                now = float(picture.time) if picture.time is not None else now
                if seen % every == 0:
                    yield Frame(name, _upright(picture), seen, now, moving=True)
                seen += 1
    except ImageError:
        raise
    except (av.FFmpegError, ValueError, EOFError) as error:
        wrong = f"the video is damaged or cut off ({getattr(error, 'strerror', None) or error})"
    else:
        if seen and now >= WHOLE * promised:
            return
        wrong = f"the video ends after {now:.1f} of {promised:.1f} seconds" if seen else wrong
    yield Frame(name, None, seen, now, SourceError("broken", f"{name}: {wrong}"), moving=True)


def _promised(video: Any) -> float:
    """Seconds that the header says; 0 where it says nothing, or only guesses from the file's size (transport streams)."""
    if not video.streams.video or video.format.name in ("mpegts", "mpeg"):
        return 0.0
    stream = video.streams.video[0]
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return float(video.duration or 0) / 1e6


def _upright(frame: Any) -> np.ndarray:
    image = frame.to_ndarray(format="rgb24")
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


def _camera(source: str, every: int) -> Iterator[Frame]:
    """Until it is unplugged or the reader stops."""
    import cv2

    number = source.removeprefix("camera:")
    if not (number.isascii() and number.isdigit() and len(number) <= 3):
        raise SourceError("camera", f"{source}: cameras are named camera:0, camera:1 ...")
    camera, start, index = cv2.VideoCapture(int(number)), time.monotonic(), 0
    try:
        if not camera.isOpened():
            raise SourceError("camera", f"{source}: there is no such camera, or another program has it")
        while True:
            there, image = camera.read()
            if not there:
                raise SourceError("camera", f"{source}: the camera stopped sending")
            if index % every == 0:
                rgb = np.ascontiguousarray(image[..., ::-1])
                yield Frame(source, rgb, index, time.monotonic() - start, moving=True)
            index += 1
    finally:
        camera.release()
