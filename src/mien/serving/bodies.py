"""What a request brings: its body in, the pictures in it out, never on a disk and never more than agreed.

A form with one or many files, the bytes of one picture, or JSON with base64 or addresses.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from mien.errors import SourceError
from mien.fetch import fetch
from mien.image import from_base64, on_the_web
from mien.serving.fetches import Fetches
from mien.serving.problems import Problem
from mien.serving.settings import Settings

PICTURES = ("image/", "application/octet-stream")
WOULD_WORK = "Send one picture's bytes as image/jpeg, a form with `image` files, or JSON with `image` or `images`."
DRAINED = 4
"""Times the limit that is read, and let go, of a request that is too large."""
WORDS = 3_000_000
"""Bytes of JSON that is no picture: a correction with a face's crop."""
FIELDS = 64
"""Of a form; those that are no pictures are ignored."""


@dataclass(frozen=True)
class Sent:
    """One picture as it came: bytes, or text that is base64 or an address."""

    name: str
    data: bytes | str


class InMemory(MultiPartParser):
    """Starlette's parser, which would write files of more than a megabyte to the disk."""

    spool_max_size = 1 << 40


async def pictures(request: Request, settings: Settings) -> list[Sent]:
    """Raises Problem: 400 malformed, 413 too large, 415 another kind, 422 no picture in it or too many."""
    kind = _kind(request)
    limit = int(settings.body_mb * 1e6)
    if kind == "multipart/form-data":
        found = await _form(request, limit, settings.images)
    elif kind == "application/json":
        found = await asyncio.to_thread(_json, b"".join([part async for part in _body(request, limit)]))
    elif kind.startswith(PICTURES):
        found = [Sent("image", b"".join([part async for part in _body(request, limit)]))]
    else:
        said = f"the body is of the kind {kind!r}" if kind else "the request does not say of what kind its body is"
        raise Problem(415, said, kind="unsupported", would_work=WOULD_WORK, headers={"Accept-Post": _accepted()})
    if not found:
        raise Problem(422, "there is no picture in the request", kind="empty", would_work=WOULD_WORK)
    if len(found) > settings.images:
        raise Problem(
            413, f"{len(found)} pictures in one request; at most {settings.images} are taken", kind="too_large",
            would_work=f"Send them {settings.images} at a time.",
        )  # fmt: skip
    return found


def _kind(request: Request) -> str:
    """What the request says its body is, without parameters."""
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


def _accepted() -> str:
    return "multipart/form-data, application/json, image/*, application/octet-stream"


Form = TypeVar("Form", bound=BaseModel)


async def form_of(request: Request, form: type[Form]) -> Form:
    """A body of JSON as what it should be. Raises Problem: 400 no JSON, 413 too large, 415 another kind, 422 another form."""
    kind = _kind(request)
    if kind != "application/json":
        raise Problem(415, f"the body is of the kind {kind!r}", kind="unsupported", would_work="Send application/json.")
    body = b"".join([part async for part in _body(request, WORDS)])
    try:
        return form.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        said = f"{where}: {first['msg']}" if where else first["msg"]
        status = 400 if first["type"] == "json_invalid" else 422
        raise Problem(status, said, would_work="See /openapi.json for the form.") from None


async def _body(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    """The body as it comes, cut off by a Problem where it grows beyond the limit."""
    size = 0
    promised = request.headers.get("content-length", "")
    if promised.isdigit() and int(promised) > limit:
        await _read_on(request, limit)
        raise _too_large(limit)
    async for part in request.stream():
        size += len(part)
        if size > limit:
            await _read_on(request, limit)
            raise _too_large(limit)
        yield part


async def _read_on(request: Request, limit: int) -> None:
    """Most clients read no answer before all is sent: let them send, up to a bound, and keep nothing."""
    left = DRAINED * limit
    async for part in request.stream():
        left -= len(part)
        if left < 0:
            return


def _too_large(limit: int) -> Problem:
    would = "Send smaller pictures, or fewer at a time."
    return Problem(413, f"the request has more than {limit:,} bytes", kind="too_large", would_work=would)


async def _form(request: Request, limit: int, most: int) -> list[Sent]:
    parser = InMemory(request.headers, _body(request, limit), max_files=most + 1, max_fields=FIELDS, max_part_size=limit)
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, UnicodeDecodeError) as error:
        if "Too many files" in str(getattr(error, "message", "")):
            raise Problem(
                422, f"more than {most} pictures", kind="too_many", would_work=f"Send at most {most} at a time."
            ) from None
        said = getattr(error, "message", None) or f"the form cannot be read ({type(error).__name__})"
        raise Problem(400, said, would_work=WOULD_WORK) from None
    found = []
    for field, value in form.multi_items():
        if isinstance(value, UploadFile):
            found.append(Sent(value.filename or field, await value.read()))
        elif field in ("image", "images"):
            found.append(_text(value))
    return found


def _json(body: bytes) -> list[Sent]:
    try:
        raw: Any = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Problem(400, f"the body is no JSON ({error})", would_work=WOULD_WORK) from None
    if not isinstance(raw, dict):
        raise Problem(422, 'the body is JSON, but no object; {"image": …} was wanted', would_work=WOULD_WORK)
    if {"image", "images"} <= set(raw):
        raise Problem(422, "there are both image and images; one of them was wanted", would_work=WOULD_WORK)
    given = raw.get("images", [raw["image"]] if "image" in raw else [])
    if not isinstance(given, list) or not all(isinstance(item, str) for item in given):
        raise Problem(422, "image is a text, base64 or an address; images is a list of them", would_work=WOULD_WORK)
    return [_text(item) for item in given]


def _text(value: str) -> Sent:
    """Base64 or an address; a server opens no path that a client names."""
    return Sent(value if on_the_web(value) else "base64", value)


async def data_of(sent: Sent, settings: Settings, fetches: Fetches, client: str) -> bytes:
    """The picture file's bytes, fetched if need be. Raises SourceError or ImageError."""
    if isinstance(sent.data, bytes):
        return sent.data
    scheme, beyond, _ = sent.data[:20].partition("://")
    if beyond and not on_the_web(sent.data):
        raise SourceError("url", f"an address of the kind {scheme!r}; http and https are fetched, the bytes of a file are sent")
    if on_the_web(sent.data):
        get = partial(fetch, sent.data, int(settings.body_mb * 1e6), private=settings.private_urls)
        return await fetches(client, get)
    return from_base64(sent.data)
