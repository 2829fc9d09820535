"""What a dashboard shows, now: a Service in, one plain object out; sent every second to whoever watches.

By Socket.IO, namespace /dashboard, or by a plain WebSocket."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from typing import Any

import socketio
from starlette.websockets import WebSocket, WebSocketDisconnect

from mien.serving.auth import Client, client_of, key_in, may, still
from mien.serving.problems import Problem
from mien.serving.service import Service

NAMESPACE, ROOM = "/dashboard", "dashboards"
EVERY = 1.0
"""Seconds between two pictures of the state."""
PAST = 300.0
"""Seconds that who begins to watch is told of."""


class Board:
    """The newest snapshot, made once in EVERY however many watch, and what faces showed over the last minutes."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._past: deque[dict[str, Any]] = deque()
        self._made: dict[str, Any] = {}
        self._at = -EVERY

    def __call__(self) -> dict[str, Any]:
        if time.monotonic() - self._at > EVERY / 2:
            self._made, self._at = snapshot(self.service), time.monotonic()
            if not self._past or self._made["time"] - self._past[-1]["time"] > 0.9 * EVERY:
                self._past.append({name: self._made[name] for name in ("time", "shown")})
                self.past()
        return self._made

    def past(self) -> list[dict[str, Any]]:
        """`time` and `shown` of the snapshots of the last PAST seconds."""
        while self._past and self._past[0]["time"] < time.time() - PAST:
            self._past.popleft()
        return list(self._past)

    async def keep(self) -> None:
        """Until it is cancelled: what cameras show is remembered though nobody watches."""
        while True:
            if self.service.cameras:
                self()
            await asyncio.sleep(EVERY)


def snapshot(service: Service) -> dict[str, Any]:
    """Connections, figures of the last minute, and what faces show just now."""
    cameras = [live.summary() for live in list(service.cameras)]
    shown: dict[str, float] = {}
    seen = [face for camera in cameras for face in camera["faces"]]
    for face in seen:
        for name, share in face["probability"].items():
            shown[name] = shown.get(name, 0.0) + share / len(seen)
    m = service.metrics
    return {
        "time": time.time(),
        "up_s": round(time.time() - service.started),
        "model": service.recognizer.card.name,
        "labels": list(service.recognizer.classifier.labels),
        "purpose": service.settings.purpose,
        "cameras": cameras,
        "users": len({camera["client"] for camera in cameras}),
        "shown": shown,
        "waiting": service.engine.turns.size,
        "watch": service.watch.summary() if service.watch else None,
        "lately": m.lately(),
        **{name: m.total(name) for name in ("faces", "corrections")},
    }


def rooms(server: socketio.AsyncServer, service: Service, board: Board) -> None:
    """Socket.IO's namespace /dashboard: who comes in joins one room, which is sent a snapshot a second."""
    watchers: dict[str, Client] = {}
    telling: list[asyncio.Task[None]] = []

    async def tell() -> None:
        while watchers and service.ready:
            for sid in [sid for sid, client in watchers.items() if not still(service, client)]:
                await server.disconnect(sid, namespace=NAMESPACE)
            await server.emit("stats", board(), room=ROOM, namespace=NAMESPACE)
            await asyncio.sleep(EVERY)
        telling.clear()

    async def connect(sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        try:
            client = client_of(service, environ["asgi.scope"], key_in(auth))
            may(client, "dashboard")
        except Problem as problem:
            raise socketio.exceptions.ConnectionRefusedError(problem.detail, problem.to_dict()) from None
        await server.enter_room(sid, ROOM, namespace=NAMESPACE)
        watchers[sid] = client
        await server.emit("past", board.past(), to=sid, namespace=NAMESPACE)
        if not telling or telling[0].done():
            telling[:] = [asyncio.create_task(tell())]

    async def disconnect(sid: str, reason: Any = None) -> None:
        watchers.pop(sid, None)

    server.on("connect", connect, namespace=NAMESPACE)
    server.on("disconnect", disconnect, namespace=NAMESPACE)


async def watch(socket: WebSocket) -> None:
    """A WebSocket that is sent a snapshot a second; nothing is read from it."""
    service: Service = socket.app.state.service
    await socket.accept()
    try:
        client = client_of(service, socket.scope, socket.query_params.get("key", ""))
        may(client, "dashboard")
        board: Board = socket.app.state.board
        await socket.send_text(json.dumps(["past", board.past()]))
        while service.ready and still(service, client):
            await socket.send_text(json.dumps(["stats", board()]))
            await asyncio.sleep(EVERY)
    except Problem as problem:
        await socket.send_text(json.dumps(["problem", problem.to_dict()]))
        await socket.close(1008)
    except (WebSocketDisconnect, ConnectionError, RuntimeError):
        pass
