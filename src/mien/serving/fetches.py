"""Whose turn it is to have an address read: a client and blocking work in, its bytes out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from weakref import WeakValueDictionary

FETCHES, FETCHES_EACH = 32, 2
"""Addresses that are read at once, of all clients and of one: slow ones hold up nobody else."""


class Fetches:
    """`await fetches(client, work)`: done in a thread that no stopping server waits for, when it is the client's turn."""

    def __init__(self) -> None:
        self._all = asyncio.Semaphore(FETCHES)
        self._each: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def __call__(self, client: str, work: Callable[[], bytes]) -> bytes:
        own = self._each.setdefault(client, asyncio.Semaphore(FETCHES_EACH))
        async with own, self._all:
            done: Future[bytes] = Future()
            Thread(target=_into, args=(done, work), name="mien-fetch", daemon=True).start()
            return await asyncio.wrap_future(done)


def _into(done: Future[bytes], work: Callable[[], bytes]) -> None:
    if not done.set_running_or_notify_cancel():
        return
    try:
        done.set_result(work())
    except BaseException as error:
        done.set_exception(error)
