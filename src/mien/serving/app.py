"""The whole server as one ASGI app: a Service in; REST, Socket.IO, WebSocket, health, metrics and the page out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import socketio
from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Match
from starlette.staticfiles import StaticFiles

from mien import __version__
from mien.serving import schemas
from mien.serving.dashboard import Board, watch
from mien.serving.guard import Guard
from mien.serving.housekeeping import housekeeping, renewal
from mien.serving.problems import EXPECTED, Problem, handled, response
from mien.serving.rest import client_for, router
from mien.serving.reviews import router as reviews
from mien.serving.service import Service
from mien.serving.settings import PURPOSES
from mien.serving.socket_io import socket_io
from mien.serving.web_socket import web_socket

log = logging.getLogger("mien.serve")
WEB = Path(__file__).parent / "web"
PAGES = {"/": "index.html", "/dashboard": "dashboard.html", "/collect": "collect.html", "/review": "review.html"}
ABOUT = """Reads facial expressions: what a face shows, never what a person feels.

Answers are described in docs/answer.md. Errors are problem+json: `detail` says what was wrong, `would_work` what to do."""


def build(service: Service) -> Guard:
    """The ASGI app; its lifespan opens and closes the service."""
    api = FastAPI(
        title="mien", version=__version__, description=ABOUT, docs_url=None, redoc_url=None, lifespan=_lifespan,
        exception_handlers=dict.fromkeys((*EXPECTED, Exception), handled),
    )  # fmt: skip
    api.state.service, api.state.board = service, Board(service)
    api.add_exception_handler(HTTPException, _not_there)
    for routes in (router, reviews):
        api.include_router(routes)
    api.add_api_route("/healthz", health, methods=["GET", "HEAD"], include_in_schema=False)
    api.add_api_route("/readyz", ready, methods=["GET", "HEAD"], include_in_schema=False)
    api.add_api_route("/metrics", metrics, methods=["GET"], include_in_schema=False)
    api.add_api_websocket_route("/v1/live", web_socket)
    api.add_api_websocket_route("/v1/dashboard", watch)
    for path, file in PAGES.items():
        api.add_api_route(path, lambda file=file: FileResponse(WEB / file), methods=["GET", "HEAD"], include_in_schema=False)
    api.mount("/web", StaticFiles(directory=WEB, check_dir=False), name="web")
    api.openapi = lambda: _described(api)  # type: ignore[method-assign]
    return Guard(socketio.ASGIApp(socket_io(service, api.state.board), other_asgi_app=api), service)


@asynccontextmanager
async def _lifespan(api: FastAPI) -> AsyncIterator[None]:
    service: Service = api.state.service
    await asyncio.to_thread(service.open)
    s = service.settings
    service.store.note("server", "start", s.purpose, legal_basis=s.legal_basis, host=s.host)
    beside = [asyncio.create_task(work) for work in (housekeeping(service), renewal(service), api.state.board.keep())]
    yield
    for task in beside:
        task.cancel()
    service.store.note("server", "stop")
    await asyncio.to_thread(service.close)


async def health() -> JSONResponse:
    """The process answers."""
    return JSONResponse({"status": "ok"})


async def ready(request: Request) -> Response:
    """It can do its work; and what everybody may know of it before a camera starts."""
    service: Service = request.app.state.service
    if not service.ready:
        return response(Problem(503, "the server is starting or stopping", headers={"Retry-After": "1"}))
    s, card = service.settings, service.recognizer.card
    about = {"purpose": s.purpose, "purpose_means": PURPOSES[s.purpose], "retention_hours": s.retention_hours}
    return JSONResponse({"status": "ready", "model": card.name, "model_version": card.version, **about})


async def metrics(request: Request) -> Response:
    service, _ = client_for(request, "dashboard")
    return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _not_there(request: Request, error: Exception) -> Response:
    """405 names all methods of the path, where Starlette names those of its first route."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        scope = dict(request.scope)
        methods: set[str] = set()
        for route in (*request.app.routes, *router.routes, *reviews.routes):
            match, _ = route.matches(scope)
            methods |= set(getattr(route, "methods", None) or ()) if match != Match.NONE else set()
        allow = ", ".join(sorted(methods))
        problem = Problem(405, f"{request.method} is not for {request.url.path}; {allow} is", headers={"Allow": allow})
        return await handled(request, problem)
    return await handled(request, error)


def _described(api: FastAPI) -> dict[str, Any]:
    """OpenAPI with our form of errors in place of FastAPI's."""
    if api.openapi_schema:
        return api.openapi_schema
    made = get_openapi(title=api.title, version=api.version, description=api.description, routes=api.routes)
    parts = made.setdefault("components", {}).setdefault("schemas", {})
    parts["Problem"] = schemas.PROBLEM
    for sent in (schemas.Correction, schemas.Review):
        parts[sent.__name__] = sent.model_json_schema()
    for name in ("HTTPValidationError", "ValidationError"):
        parts.pop(name, None)
    for path in made["paths"].values():
        for operation in path.values():
            if "422" in operation["responses"]:
                operation["responses"]["422"] = schemas.problems(422)[422]
    made["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "description": "not needed on loopback"}}
    made["security"] = [{}, {"key": []}]
    api.openapi_schema = made
    return made
