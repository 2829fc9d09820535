"""Live connections by Socket.IO, in the namespace /live; dashboards in their own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import socketio

from mien.serving.auth import key_in
from mien.serving.dashboard import NAMESPACE as DASHBOARDS
from mien.serving.dashboard import Board, rooms
from mien.serving.live import EVENTS, SLOW, Live, admit
from mien.serving.problems import Problem
from mien.serving.service import Service

NAMESPACE = "/live"
JOIN = 10.0
"""Seconds that a client has to join a namespace."""


class FramePacket(socketio.packet.Packet):  # type: ignore[misc]
    """One attachment a message, and only events of ours: python-socketio would take any number of the one, and hand a
    client's own `connect` or `disconnect` to the server's handlers."""

    def decode(self, encoded_packet: str) -> Any:
        attachments = super().decode(encoded_packet)
        if (attachments or 0) > 1:
            raise ValueError("one attachment a message")
        if self.packet_type in (socketio.packet.EVENT, socketio.packet.BINARY_EVENT):
            named = isinstance(self.data, list) and self.data and self.data[0] in EVENTS
            if not named:
                raise ValueError("an event that is not taken here")
        return attachments


def socket_io(service: Service, board: Board) -> socketio.AsyncServer:
    """The Socket.IO server with its two namespaces."""
    server = socketio.AsyncServer(
        async_mode="asgi", async_handlers=False, cors_allowed_origins=[],  # origins are checked by the Guard
        serializer=FramePacket, max_http_buffer_size=int(service.settings.body_mb * 1e6),
        ping_interval=10, ping_timeout=10, logger=_quiet(), engineio_logger=_quiet(),
    )  # fmt: skip
    connections: dict[str, Live] = {}

    def waiting(sid: str) -> int:
        socket = server.eio.sockets.get(server.manager.eio_sid_from_sid(sid, NAMESPACE))
        return 10**6 if socket is None else socket.queue.qsize()

    async def connect(sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        try:
            client = admit(service, environ["asgi.scope"], key_in(auth))
        except Problem as problem:
            raise socketio.exceptions.ConnectionRefusedError(problem.detail, problem.to_dict()) from None
        pending: set[asyncio.Future[Any]] = set()

        def send(event: str, data: Any) -> None:
            _begin(server.emit(event, data, to=sid, namespace=NAMESPACE), pending)

        def hang_up() -> None:
            _begin(server.disconnect(sid, namespace=NAMESPACE), pending)

        connections[sid] = Live(service, client, send, lambda: waiting(sid) > SLOW, hang_up)
        send("hello", connections[sid].hello())

    async def disconnect(sid: str, reason: Any = None) -> None:
        if live := connections.pop(sid, None):
            live.close()

    def taken(event: str) -> Callable[..., Any]:
        async def handler(sid: str, data: Any = None, *more: Any) -> None:
            if live := connections.get(sid):
                live.take(event, data)

        return handler

    server.on("connect", connect, namespace=NAMESPACE)
    server.on("disconnect", disconnect, namespace=NAMESPACE)
    for event in EVENTS:
        server.on(event, taken(event), namespace=NAMESPACE)
    _bounded(server, service)
    rooms(server, service, board)
    return server


def _bounded(server: socketio.AsyncServer, service: Service) -> None:
    """Connections have as many places as cameras, and as many again; who joins no namespace is sent away."""
    opened = server.eio.handlers["connect"]

    async def bounded(id: str, environ: dict[str, Any]) -> Any:
        if len(server.eio.sockets) > 2 * service.settings.cameras:
            return False
        asyncio.get_running_loop().call_later(JOIN, lambda: _begin(unjoined(id), leaving))
        return await opened(id, environ)

    async def unjoined(id: str) -> None:
        if not any(server.manager.sid_from_eio_sid(id, name) for name in (NAMESPACE, DASHBOARDS)):
            await server.eio.disconnect(id)

    leaving: set[asyncio.Future[Any]] = set()
    server.eio.on("connect", bounded)


def _begin(work: Coroutine[Any, Any, Any], pending: set[asyncio.Future[Any]]) -> None:
    """Do it beside the rest; it is held in `pending` until it is done, for the loop itself would forget it."""
    task = asyncio.ensure_future(work)
    pending.add(task)
    task.add_done_callback(pending.discard)


def _quiet() -> logging.Logger:
    """Socket.IO logs a traceback for every malformed packet; ours are counted, not told."""
    quiet = logging.getLogger("mien.serve.socketio")
    quiet.setLevel(logging.CRITICAL)
    return quiet
