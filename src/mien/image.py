"""The border: path, bytes, URL, base64, PIL image or array in; upright RGB uint8 (h, w, 3) out, or an ImageError.

The only module that knows EXIF, colour modes, file formats, BGR and how large a picture may be.
"""

from __future__ import annotations

import base64
import binascii
import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mien.errors import ImageError, SourceError

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
SUFFIXES = (".jpg", ".jpeg", ".jpe", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
ORIENTATION = 0x0112
"""EXIF's number for how the picture is turned; above 4 width and height change places."""
PAPER = (255, 255, 255)
"""What stands behind transparent pixels."""


@dataclass(frozen=True)
class Limits:
    """How large an input may be; None of them depends on the file's own claims."""

    bytes: int = 50_000_000
    pixels: int = 64_000_000
    """Checked before any pixel is decoded: a decompression bomb costs nothing."""
    side: int = 16
    """Pixels; below it on either side no face could be found, so the picture is refused rather than called faceless."""


LIMITS = Limits()


def load(source: Any, limits: Limits = LIMITS, *, name: str | None = None) -> np.ndarray:
    """Any picture as upright RGB uint8 (h, w, 3).

    `source`: a path; bytes of a file; an http(s) URL; base64 with or without a `data:` prefix; a PIL image; an RGB,
    RGBA or gray uint8 array. Arrays are taken as RGB: turn OpenCV's BGR round first. `name` is what errors call it.

    Raises ImageError (kinds `empty`, `not_an_image`, `truncated`, `too_large`, `too_small`, `unsupported`) and
    SourceError (`not_found`, `unreadable`, `url`)."""
    if isinstance(source, np.ndarray):
        return _checked(_from_array(source, name or "array"), limits, name or "array")
    if isinstance(source, bytes | bytearray | memoryview):
        return decode(bytes(source), limits, name=name or "bytes")
    if isinstance(source, str):
        if not source:
            raise SourceError("not_found", "an empty name: a path, URL or base64 was wanted")
        if on_the_web(source):
            from mien.fetch import fetch

            return decode(fetch(source, limits.bytes), limits, name=name or source)
        data = _if_base64(source)
        if data is not None:
            return decode(data, limits, name=name or "base64")
    if isinstance(source, str | os.PathLike):
        return decode(read_file(Path(source), limits.bytes), limits, name=name or str(source))
    if hasattr(source, "getexif") and hasattr(source, "convert"):
        with _explained(name or "PIL image", limits):
            return _checked(_from_pil(source, name or "PIL image", limits), limits, name or "PIL image")
    raise TypeError(f"an image is a path, bytes, a URL, base64, a PIL image or a uint8 array; got {type(source).__name__}")


def on_the_web(source: str) -> bool:
    return source.lower().startswith(("http://", "https://"))


def read_file(path: Path, most: int) -> bytes:
    """The file's bytes. Raises SourceError when it is absent or unreadable, ImageError when it is too large."""
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except FileNotFoundError:
        raise SourceError("not_found", f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        raise SourceError("unreadable", f"{_short(str(path))}: {getattr(error, 'strerror', None) or error}") from error
    if len(data) > most:
        raise ImageError("too_large", f"{path}: more than {most:,} bytes")
    return data


def size_of(path: Path) -> tuple[int, int] | None:
    """Width and height of a picture file, upright, as its header says without decoding it; None where it says nothing."""
    from PIL import Image

    try:
        with Image.open(path, formats=FORMATS) as picture:
            turned = picture.getexif().get(ORIENTATION, 1) > 4
            return picture.size[::-1] if turned else picture.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def decode(data: bytes, limits: Limits = LIMITS, *, name: str = "bytes") -> np.ndarray:
    """The bytes of one picture file -> upright RGB uint8 (h, w, 3); a GIF's first frame."""
    from PIL import Image

    if not data:
        raise ImageError("empty", f"{name}: zero bytes")
    if len(data) > limits.bytes:
        raise ImageError("too_large", f"{name}: {len(data):,} bytes; at most {limits.bytes:,} are read")
    with _explained(name, limits):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(data), formats=FORMATS)
        return _checked(_from_pil(picture, name, limits), limits, name)


@contextmanager
def _explained(name: str, limits: Limits) -> Iterator[None]:
    """Pillow's many exceptions as ours."""
    from PIL import Image, UnidentifiedImageError

    try:
        yield
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise ImageError("not_an_image", f"{name}: not a picture; {', '.join(FORMATS)} are read") from None
    except Image.DecompressionBombError:
        raise ImageError("too_large", f"{name}: more than {limits.pixels:,} pixels") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        kind = "truncated" if "truncated" in str(error).lower() else "broken"
        raise ImageError(kind, f"{name}: the picture is damaged or cut off ({error})") from error


def _from_pil(picture: Image.Image, name: str, limits: Limits) -> np.ndarray:
    from PIL import ImageOps

    width, height = picture.size
    if width * height > limits.pixels:
        raise ImageError("too_large", f"{name}: {width} x {height} pixels; at most {limits.pixels:,} are read")
    picture.load()
    if picture.getexif().get(ORIENTATION, 1) != 1:  # what is upright would only be copied
        picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I") or picture.mode == "F":
        return _gray16(np.asarray(picture), 65535 if picture.mode.startswith("I;16") else None)
    if picture.mode == "CMYK":
        picture = _from_cmyk(picture)
    elif "transparency" in picture.info or picture.mode in ("RGBA", "LA", "PA"):
        from PIL import Image

        front, picture = picture.convert("RGBA"), Image.new("RGB", picture.size, PAPER)
        picture.paste(front, mask=front)
    return np.asarray(picture if picture.mode == "RGB" else picture.convert("RGB"))


def _from_cmyk(picture: Image.Image) -> Image.Image:
    """Through the file's own colour profile where it has one, else by the plain formula."""
    profile = picture.info.get("icc_profile")
    if profile:
        from PIL import ImageCms

        try:
            turned = ImageCms.profileToProfile(
                picture, ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
        except ImageCms.PyCMSError:
            turned = None
        if turned is not None:
            return turned
    return picture.convert("RGB")


def _gray16(levels: np.ndarray, white: int | None) -> np.ndarray:
    """16-bit gray -> RGB uint8. Other integers and floats name no white: 1, 255, 65,535, or the range that is found."""
    low, high = float(levels.min(initial=0)), float(levels.max(initial=0))
    least = 0.0
    if low < 0 or high > 65535:
        least, white = low, (high - low) or 1.0  # type: ignore[assignment]
    white = white or (65535 if high > 255 else 255 if high > 1 else 1)
    out = np.empty((*levels.shape, 3), np.uint8)
    for rows, strip in zip(out, levels, strict=True):  # a row at a time: a copy as floats is eight times the picture
        rows[:] = np.rint((strip.astype(np.float64) - least) * 255 / white)[:, None]
    return out


def _from_array(array: np.ndarray, name: str) -> np.ndarray:
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise ImageError(
            "unsupported",
            f"{name}: wanted uint8 of shape (h, w), (h, w, 3) in RGB or (h, w, 4); got {array.dtype} of shape {array.shape}",
        )
    if array.ndim == 2:
        array = array[..., None]
    if array.shape[2] == 1:
        return np.repeat(array, 3, axis=2)
    if array.shape[2] == 4:
        alpha = array[..., 3:].astype(np.float32) / 255
        return np.rint(array[..., :3] * alpha + np.array(PAPER, np.float32) * (1 - alpha)).astype(np.uint8)
    return array


def _checked(image: np.ndarray, limits: Limits, name: str) -> np.ndarray:
    check_size(image.shape[1], image.shape[0], limits, name)
    return image


def check_size(width: int, height: int, limits: Limits, name: str) -> None:
    """Raises ImageError (`too_large`, `too_small`) for a picture that is not worth, or not safe, to decode."""
    if width * height > limits.pixels:
        raise ImageError("too_large", f"{name}: {width} x {height} pixels; at most {limits.pixels:,} are read")
    if min(width, height) < limits.side:
        raise ImageError("too_small", f"{name}: {width} x {height} pixels; at least {limits.side} x {limits.side} are wanted")


def from_base64(text: str) -> bytes:
    """The bytes of base64, with or without a `data:` prefix. Raises ImageError for other text."""
    if text.startswith("data:"):
        head, _, body = text.partition(",")
        if not head.endswith(";base64"):
            raise ImageError("unsupported", f"{_short(text)}: a data URL must be base64")
    else:
        body = text
    try:
        return base64.b64decode("".join(body.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ImageError("not_an_image", f"{_short(text)}: not base64 ({error})") from error


def _if_base64(text: str) -> bytes | None:
    """The bytes, where the text can be nothing else: a `data:` URL, or long base64 that names no file."""
    if text.startswith("data:"):
        return from_base64(text)
    if len(text) < 100 or _exists(text):
        return None
    try:
        return from_base64(text)
    except ImageError:
        return None


def _exists(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):
        return False


def _short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."


def resize(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """uint8 (h, w[, c]) -> (height, width[, c]): areas are averaged when it shrinks, else lines are drawn between."""
    import cv2

    smaller = width * height < image.shape[0] * image.shape[1]
    out = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    return out.reshape(height, width, *image.shape[2:])


def encode(image: np.ndarray, format: str = "PNG") -> bytes:
    """RGB uint8 (h, w, 3) -> the bytes of a picture file."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image).save(file, format, **({"quality": 92} if format == "JPEG" else {}))
    return file.getvalue()


def cut(image: np.ndarray, squares: np.ndarray, size: int, *, smooth: bool = True) -> np.ndarray:
    """uint8 (h, w[, c]) and square boxes (n, 4) in pixels -> uint8 (n, size, size[, c]); outside, the border goes on.

    `smooth=False` skips pixels where it shrinks instead of averaging them: ten times as fast, good enough to detect."""
    out = np.empty((len(squares), size, size, *image.shape[2:]), np.uint8)
    shrink = resize if smooth else _sampled
    for chip, square in zip(out, np.rint(squares).astype(int), strict=True):
        chip[...] = shrink(_window(image, *square), size, size)
    return out


def _sampled(image: np.ndarray, width: int, height: int) -> np.ndarray:
    import cv2

    return np.asarray(cv2.resize(image, (width, height))).reshape(height, width, *image.shape[2:])


def _window(image: np.ndarray, left: int, top: int, right: int, bottom: int) -> np.ndarray:
    """At least one pixel wide and high, whole also where the box leaves the picture."""
    import cv2

    height, width = image.shape[:2]
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    inside = image[_within(top, height) : _within(bottom - 1, height) + 1, _within(left, width) : _within(right - 1, width) + 1]
    margins = [max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0)]
    if not any(margins):
        return inside
    high, wide = bottom - top, right - left
    margins = [min(m, (high if i < 2 else wide) - 1) for i, m in enumerate(margins)]
    above, below, before, after = margins
    return np.asarray(cv2.copyMakeBorder(inside, above, below, before, after, cv2.BORDER_REPLICATE))


def _within(position: int, length: int) -> int:
    return min(max(position, 0), length - 1)


def fit(image: np.ndarray, longest_side: int, *, smooth: bool = True) -> tuple[np.ndarray, float]:
    """The picture shrunk, never enlarged, so that its longer side is at most this; and the factor (1 for as it was).

    `smooth` as for `cut`."""
    height, width = image.shape[:2]
    factor = min(longest_side / max(height, width), 1.0)
    if factor == 1.0:
        return image, 1.0
    shrink = resize if smooth else _sampled
    return shrink(image, max(round(width * factor), 1), max(round(height * factor), 1)), factor


def gray(image: np.ndarray) -> np.ndarray:
    """RGB uint8 (..., h, w, 3) -> luma uint8 (..., h, w), by the weights of Rec. 601 as in JPEG."""
    import cv2

    if not image.size:
        return np.zeros(image.shape[:-1], np.uint8)
    rows = np.ascontiguousarray(image).reshape(-1, image.shape[-2], 3)  # many pictures are one tall picture
    return np.asarray(cv2.cvtColor(rows, cv2.COLOR_RGB2GRAY)).reshape(image.shape[:-1])


def bgr(image: np.ndarray) -> np.ndarray:
    """RGB uint8 -> BGR, as OpenCV's own networks want it."""
    return np.ascontiguousarray(image[..., ::-1])
