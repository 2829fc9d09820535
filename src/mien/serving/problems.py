"""Errors as clients get them: an exception in, problem+json (RFC 9457) out that says what, why and what would work."""

from __future__ import annotations

import logging
import math
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from mien.errors import MienError, plain
from mien.serving.engine import Busy, Late

log = logging.getLogger("mien.serve")
STATUS = {
    "too_large": 413,
    "unsupported": 415,
    "not_an_image": 415,
    "not_found": 404,
    "url": 422,
    "busy": 503,
    "late": 503,
}
"""Of an error's kind; other pictures that cannot be read are 422."""
TITLES = {
    400: "The request is malformed", 401: "A key is needed", 403: "That is not allowed", 404: "That is not there",
    405: "That cannot be done here", 406: "No such form of answer", 413: "That is too large", 415: "That is of another kind",
    421: "That name is not this server's", 422: "That cannot be read", 429: "Too many requests", 500: "The server failed",
    503: "The server is busy",
}  # fmt: skip
WOULD_WORK = {
    "too_large": "Send a smaller picture, or fewer at a time.",
    "not_an_image": "Send the bytes of a JPEG, PNG, WebP, BMP, TIFF or GIF.",
    "unsupported": "Send the bytes of a JPEG, PNG, WebP, BMP, TIFF or GIF.",
    "empty": "Send the bytes of a picture.",
    "truncated": "Send the whole file.",
    "broken": "Send the whole file, as it was saved.",
    "too_small": "Send a picture in which a face has some pixels.",
    "url": "Give an http(s) address of a picture on the public web.",
    "busy": "Try again after the seconds in Retry-After.",
    "late": "Try again, or allow more time.",
}


KINDS = {
    400: "malformed", 401: "key", 403: "forbidden", 404: "not_found", 405: "method", 406: "not_acceptable", 413: "too_large",
    415: "unsupported", 421: "host", 422: "invalid", 429: "rate", 503: "busy",
}  # fmt: skip
"""Of a status, where nothing closer is known."""
HINTS = {
    400: "See /openapi.json for the form.", 404: "See /openapi.json for what is there.", 405: "A method of the header Allow.",
    422: "See /openapi.json for the form.", 500: "Try again; the request's id finds it in the server's log.",
    503: "Try again later.",
}  # fmt: skip


class Problem(Exception):
    """An answer that is no answer. `would_work`: what the client can do about it."""

    def __init__(
        self, status: int, detail: str, *, kind: str = "", would_work: str = "", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers or {}
        self.kind, self.would_work = kind or KINDS.get(status, "server"), would_work or HINTS.get(status, "")

    def to_dict(self) -> dict[str, Any]:
        body = {"type": "about:blank", "title": TITLES.get(self.status, "That did not work"), "status": self.status}
        body |= {"detail": plain(self.detail)}
        more = {"kind": self.kind, "would_work": self.would_work}
        return body | {name: value for name, value in more.items() if value}


EXPECTED = (Problem, Busy, Late, MienError, HTTPException, LookupError, PermissionError, ValueError)
"""What is answered, and no news for the log; of the last three, subclasses are not."""


def problem_of(error: BaseException) -> Problem:
    """What a client is told of an exception; of one that nobody expected, only that there was one."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, Busy):
        after = {"Retry-After": str(max(1, math.ceil(error.retry_after)))}
        return Problem(503, str(error), kind="busy", would_work=WOULD_WORK["busy"], headers=after)
    if isinstance(error, Late):
        return Problem(503, str(error), kind="late", would_work=WOULD_WORK["late"], headers={"Retry-After": "1"})
    if isinstance(error, MienError):
        return Problem(STATUS.get(error.kind, 422), str(error), kind=error.kind, would_work=WOULD_WORK.get(error.kind, ""))
    if isinstance(error, HTTPException):
        return Problem(error.status_code, str(error.detail), headers=dict(error.headers or {}))
    if type(error) is LookupError:
        return Problem(404, str(error.args[0]) if error.args else "not there", kind="not_found")
    if isinstance(error, PermissionError):
        return Problem(403, str(error))
    if type(error) is ValueError:
        return Problem(422, str(error))
    return Problem(500, f"an error of the kind {type(error).__name__}; the server's log has more")


def logged(error: BaseException, doing: str) -> Problem:
    """The same, with a line in the log for what nobody expected."""
    problem = problem_of(error)
    if problem.status == 500:
        log.error("%s failed", doing, exc_info=error)
    return problem


def response(problem: Problem, request_id: str = "") -> JSONResponse:
    body = problem.to_dict() | ({"request_id": request_id} if request_id else {})
    return JSONResponse(body, problem.status, problem.headers, media_type="application/problem+json")


async def handled(request: Request, error: Exception) -> JSONResponse:
    """For Starlette's table of exception handlers."""
    problem, id = problem_of(error), getattr(request.state, "request_id", "")
    if problem.status == 500 and isinstance(error, EXPECTED):  # others Starlette hands on to uvicorn, which logs them
        log.error("%s %s failed", request.method, request.url.path, exc_info=error, extra={"request_id": id})
    return response(problem, id)
