"""What stands before everything else: a whole ASGI app in, the same behind checks of names, sizes and times out.

A page of another site may not use this server through a visitor's browser: its Host must be one of this server's names
(against DNS rebinding) and its Origin, where the browser sends one, the same (against cross-site requests and sockets).
Each answer carries a request id and headers that forbid the page everything it does not need.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from mien.serving.bodies import WORDS
from mien.serving.problems import Problem
from mien.serving.service import Service
from mien.serving.settings import is_loopback

log = logging.getLogger("mien.serve")
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

PAGE_MAY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'; worker-src 'self' blob:; manifest-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": PAGE_MAY,
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
POSTED = 5.0
"""Seconds that a packet of Socket.IO's may take to be taken."""
SLOW = 10.0
"""Seconds that a live client may take to read one message; then it is cut off."""
PICTURES = "/v1/predict"
BEYOND = 6
"""Times the largest request that is read at all: a client that sends too much reads the refusal only when it is done."""
PACKETS = "0123456"
"""First characters of the text messages of Engine.IO; others raise outside of its own handling of errors."""


class Guard:
    """`Guard(app, service)` is the ASGI app to serve."""

    def __init__(self, app: App, service: Service) -> None:
        self.app, self.service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            check_names(self.service, scope, headers)
        except Problem as problem:
            if scope["type"] == "websocket":
                await _refuse_socket(send)
            else:
                await self._answered(_refusing(problem), scope, receive, send, {})
            return
        shared = _shared(self.service, headers.get("origin"))
        if scope["type"] == "websocket":
            await self.app(scope, _checked(scope, receive), _hurried(send))
        elif shared and scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            await _allow(shared, send)
        else:
            app = _polled(self.app) if scope["path"].startswith("/socket.io") else self.app
            await self._answered(app, scope, receive, send, shared)

    async def _answered(self, app: App, scope: Scope, receive: Receive, send: Send, shared: dict[str, str]) -> None:
        """Pass an HTTP request on; mark, count and log its answer."""
        start, id, seen = time.monotonic(), uuid.uuid4().hex[:12], {"status": 500}
        scope.setdefault("state", {})["request_id"] = id
        extra = {**HEADERS, "X-Request-Id": id, **shared}
        if scope["path"].startswith(("/v1", "/metrics")):
            extra["Cache-Control"] = "no-store"
        else:
            extra["Cache-Control"] = "no-cache"  # asked for anew each time, so that a page and its parts are of one release

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
                own = {name.lower() for name, _ in message["headers"]} - {b"vary"}  # of which there may be two
                more = [(name.encode(), value.encode()) for name, value in extra.items() if name.lower().encode() not in own]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        try:
            await app(scope, self._bounded(scope, receive), marked)
        except asyncio.CancelledError:  # the server stops
            if seen["status"] == 500:
                await _refuse(Problem(503, "the server is stopping"), id, marked)
            raise
        finally:
            took, route = time.monotonic() - start, getattr(scope.get("route"), "path", "other")
            self.service.metrics.requests.labels(route, scope["method"], str(seen["status"])).inc()
            self.service.metrics.request_seconds.labels(route).observe(took)
            log.info(
                "%s %s %s", scope["method"], scope["path"], seen["status"],
                extra={"request_id": id, "ms": round(1e3 * took, 1), "status": seen["status"], "route": route},
            )  # fmt: skip

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        """No request is read further than this, whoever sends it."""
        left = BEYOND * (self.service.settings.body_mb * 1e6 if scope["path"] == PICTURES else WORDS)

        async def bounded() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(413, "the request is too large")
            return message

        return bounded


def check_names(service: Service, scope: Scope, headers: Headers) -> None:
    """Raises Problem 421 for a Host that is not this server's, 403 for another site's page."""
    host = headers.get("host", "")
    name = _parsed(f"//{host}").hostname or ""
    own = {given.lower() for given in (service.settings.host, *service.settings.hosts)}
    known = is_loopback(name) or name in own
    if not known and not (_is_address(name) and not service.settings.loopback):
        raise Problem(
            421, f"{name!r:.100} is not a name of this server", would_work="Its address, or a name given as hosts.",
        )  # fmt: skip
    origin = headers.get("origin")
    foreign = origin is not None and _parsed(origin).netloc != host and origin not in service.settings.origins
    across = headers.get("sec-fetch-site") == "cross-site" and origin not in service.settings.origins
    navigating = headers.get("sec-fetch-mode") == "navigate" and scope.get("method") == "GET"
    if foreign or (across and not navigating):
        raise Problem(
            403, f"a page of {origin or 'another site'} may not use this server", would_work="Its address given as origins."
        )


def _parsed(address: str) -> SplitResult:
    """An address that cannot be is one of nobody."""
    try:
        parts = urlsplit(address)
        _ = parts.hostname
        return parts
    except ValueError:
        return urlsplit("")


def _is_address(name: str) -> bool:
    """An IP address cannot be rebound."""
    return name.replace(".", "").isdigit() or ":" in name


def _shared(service: Service, origin: str | None) -> dict[str, str]:
    """CORS, for origins that were let in."""
    if origin is None or origin not in service.settings.origins:
        return {}
    return {
        "Access-Control-Allow-Origin": origin, "Vary": "Origin", "Access-Control-Expose-Headers": "X-Request-Id, Retry-After",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }  # fmt: skip


async def _allow(shared: dict[str, str], send: Send) -> None:
    """Answer a browser that asks on behalf of another site's page what it may send."""
    may = {"Access-Control-Allow-Methods": "GET, POST, DELETE", "Access-Control-Max-Age": "600"}
    may["Access-Control-Allow-Headers"] = "Authorization, Content-Type, Accept, X-Api-Key"
    headers = [(name.encode(), value.encode()) for name, value in (shared | may).items()]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def _refuse(problem: Problem, id: str, send: Send) -> None:
    headers = [(b"content-type", b"application/problem+json"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(problem.to_dict() | {"request_id": id}).encode()})


def _refusing(problem: Problem) -> App:
    """An app that answers everything by this."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await _refuse(problem, scope["state"]["request_id"], send)

    return app


def _polled(app: App) -> App:
    """Socket.IO over requests: Engine.IO fails on what comes after a connection's end, and waits for ever on packets that it
    does not know; both are answered."""

    async def polled(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(POSTED if scope["method"] == "POST" else None):
                await app(scope, receive, send)
        except (KeyError, TimeoutError):
            problem = Problem(400, "this Socket.IO connection is closed", kind="closed", would_work="Connect anew.")
            await _refuse(problem, scope["state"]["request_id"], send)

    return polled


async def _refuse_socket(send: Send) -> None:
    await send({"type": "websocket.close", "code": 1008})


def _checked(scope: Scope, receive: Receive) -> Receive:
    """Close a Socket.IO connection whose client speaks something else."""
    if not scope["path"].startswith("/socket.io"):
        return receive

    async def checked() -> Message:
        message = await receive()
        text = message.get("text")
        if message["type"] == "websocket.receive" and text is not None and text[:1] not in tuple(PACKETS):
            return {"type": "websocket.disconnect", "code": 1002}
        return message

    return checked


def _hurried(send: Send) -> Send:
    """Cut a client off that does not read: its answers would pile up here."""

    async def hurried(message: Message) -> None:
        try:
            async with asyncio.timeout(SLOW):
                await send(message)
        except TimeoutError:
            raise ConnectionError("the client does not read") from None

    return hurried
