"""Run it: settings in; a server on its port until it is told to stop."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import uvicorn

from mien.serving.service import Service
from mien.serving.settings import Settings


class Server(uvicorn.Server):
    """Says where it is once it is ready, and finishes what is in hand before it closes connections."""

    def __init__(self, config: uvicorn.Config, service: Service, told: Any) -> None:
        super().__init__(config)
        self.service, self.told = service, told

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.told(self.servers[0].sockets[0].getsockname()[1])

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.service.ready = False
        for server in self.servers:
            server.close()
        end = time.monotonic() + self.service.settings.drain
        while time.monotonic() < end and (self.service.engine.turns.size or any(c.camera.busy for c in self.service.cameras)):
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)


def serve(settings: Settings, told: Any = lambda port: None) -> int:
    """`told` gets the port once the server is ready. The exit status. Raises what Service.open raises."""
    set_up_logs(settings.json_logs)
    service = Service(settings)
    with ThreadPoolExecutor(1) as beside:  # the imports of the web's libraries take as long
        opening = beside.submit(service.open)
        from mien.serving.app import build

        opening.result()
    config = uvicorn.Config(
        build(service), host=settings.host, port=settings.port, log_config=None, access_log=False, server_header=False,
        ws_per_message_deflate=False, ws_max_size=int(settings.body_mb * 1e6), proxy_headers=False, lifespan="on",
        timeout_graceful_shutdown=max(int(settings.drain), 1),
    )  # fmt: skip
    sys.setswitchinterval(0.001)
    server = Server(config, service, told)
    signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        server.run()
    except SystemExit:  # uvicorn's, when it cannot have the port
        return 1
    return 0 if server.started else 1


def refuse_taken(host: str, port: int) -> None:
    """Raises ValueError where another program listens there, or this machine has no such address."""
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        raise ValueError(f"{host}, port {port} cannot be had ({error.strerror}); give another --port or --host") from None


MORE = ("request_id", "status", "ms", "route", "client", "frames")


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        row = {"time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"), "level": record.levelname.lower()}
        row |= {"logger": record.name, "message": record.getMessage()}
        row |= {name: getattr(record, name) for name in MORE if hasattr(record, name)}
        if record.exc_info:
            row["error"] = self.formatException(record.exc_info)
        return json.dumps(row)


def set_up_logs(as_json: bool) -> None:
    """JSON lines of every request, or, for a person, only what went wrong; on standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if as_json else logging.Formatter("%(levelname)s %(message)s"))
    for name in ("", "mien.serve", "uvicorn", "uvicorn.error"):  # the first: libraries that log for themselves
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        told = as_json and name == "mien.serve"  # uvicorn would log the addresses of sockets, with their keys
        logger.setLevel(logging.INFO if told else logging.WARNING)
