"""What a server does now and then: connections that are idle, or whose key was revoked, end; what is old is erased; a model
that was promoted takes the place of the old one."""

from __future__ import annotations

import asyncio
import logging
import time

from mien.serving.auth import still
from mien.serving.service import Service

log = logging.getLogger("mien.serve")
IDLE_EVERY, ERASE_EVERY, RENEW_EVERY = 5.0, 600.0, 1.0
"""Seconds between two looks."""


async def housekeeping(service: Service) -> None:
    """Until it is cancelled."""
    erased = -ERASE_EVERY
    while True:
        now = time.monotonic()
        try:
            hang_up(service, now)
        except Exception:  # a database that is locked now may not be the next time
            log.exception("idle and revoked connections were not looked at")
        if service.store.remembers:
            service.write(service.store.forget)
        if now - erased >= min(ERASE_EVERY, service.settings.retention_hours * 3600):
            erased = now
            service.write(erase_old, service)
        await asyncio.sleep(min(IDLE_EVERY, service.settings.idle))


async def renewal(service: Service) -> None:
    """Until it is cancelled."""
    refused = ""
    while True:
        await asyncio.sleep(RENEW_EVERY)
        try:
            if await asyncio.to_thread(service.renew):
                log.info("model %s, version %s, answers now", service.recognizer.card.name, service.recognizer.card.version)
            refused = ""
        except Exception as error:  # the old model goes on; said once
            if str(error) != refused:
                refused = str(error)
                log.error("the promoted model cannot be used: %s", error)


def hang_up(service: Service, now: float) -> None:
    """End the connections that are idle, or whose key was revoked."""
    there = list(service.cameras)
    revoked = {client for client in {live.client for live in there} if not still(service, client)}
    for live in there:
        if now - live.last > service.settings.idle or live.client in revoked:
            live.hang_up()


def erase_old(service: Service) -> None:
    """Sessions that ended longer ago than they are kept; in the store's thread."""
    before = time.time() - service.settings.retention_hours * 3600
    old = service.sessions.expire(before, but={live.session for live in list(service.cameras)})
    if old:
        service.store.note("server", "erase old sessions", sessions=len(old))
