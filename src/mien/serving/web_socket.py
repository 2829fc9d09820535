"""Live connections by a plain WebSocket: the same messages as by Socket.IO, for who wants no library."""

from __future__ import annotations

import asyncio
import json
import logging
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from mien.serving.live import SLOW, Live, admit
from mien.serving.problems import Problem, problem_of
from mien.serving.service import Service

log = logging.getLogger("mien.serve")


async def web_socket(socket: WebSocket) -> None:
    """The same messages without Socket.IO: text is JSON [event, data]; a frame is binary.

    A binary frame: seq as uint32 and captured_at as float64, little-endian, then the JPEG."""
    service: Service = socket.app.state.service
    try:
        client = admit(service, socket.scope, socket.query_params.get("key", ""))
    except Problem as problem:
        await socket.accept()
        await socket.send_text(json.dumps(["problem", problem.to_dict()]))
        await socket.close(1008)
        return
    await socket.accept()
    outgoing: asyncio.Queue[str] = asyncio.Queue()

    def send(event: str, data: Any) -> None:
        outgoing.put_nowait(json.dumps([event, data]))

    closing: list[asyncio.Task[None]] = []

    async def ended() -> None:
        with suppress(RuntimeError, ConnectionError):  # it is closed already
            await socket.close(1001)

    def hang_up() -> None:
        closing.append(asyncio.create_task(ended()))

    live = Live(service, client, send, lambda: outgoing.qsize() > SLOW, hang_up)
    send("hello", live.hello())
    writer = asyncio.create_task(_sent(socket, outgoing, hang_up))
    try:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                break
            live.take(*_parsed(message))
    except (WebSocketDisconnect, ConnectionError):
        pass
    finally:
        live.close()
        writer.cancel()


HEAD = struct.Struct("<Id")


def _parsed(message: Mapping[str, Any]) -> tuple[str, Any]:
    data = message.get("bytes")
    if data is not None:
        if len(data) < HEAD.size:
            return "frame", {}
        seq, captured = HEAD.unpack_from(data)
        return "frame", {"seq": seq, "captured_at": captured, "jpeg": data[HEAD.size :]}
    try:
        event, data = json.loads(message.get("text") or "")
        return str(event), data
    except (ValueError, TypeError, RecursionError):
        return "", None


async def _sent(socket: WebSocket, outgoing: asyncio.Queue[str], hang_up: Callable[[], None]) -> None:
    while True:
        try:
            await socket.send_text(await outgoing.get())
        except Exception as error:  # the client is gone, or does not read
            log.debug("live connection: %s", problem_of(error).detail)
            hang_up()
            return
