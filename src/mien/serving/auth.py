"""Who asks, and whether they may: an address and headers in, a Client out, or a Problem.

Where only this machine can reach the server, its user needs no key. What comes through a proxy, which hides whose it is,
needs one; and so does everybody as soon as others can reach the server.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers

from mien.feedback.keys import SCOPES
from mien.feedback.tables import LOCAL
from mien.serving.problems import Problem
from mien.serving.service import Service
from mien.serving.settings import is_loopback

FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


@dataclass(frozen=True)
class Client:
    """`id`: of the key, or `local`; sessions and corrections are a client's by it."""

    id: str
    address: str
    scopes: frozenset[str]

    @property
    def sees(self) -> str | None:
        """Whose sessions it may see: its own, or, as None, everybody's."""
        return None if "dashboard" in self.scopes else self.id


def client_of(service: Service, scope: MutableMapping[str, Any], token: str = "") -> Client:
    """Of an ASGI scope. `token`: where it cannot be in a header. Raises Problem 401 for a wrong or absent key, 429 for many."""
    address, headers = (scope.get("client") or ("", 0))[0], Headers(scope=scope)
    token = token or _token(headers)
    if token:
        key = service.keys.of(token)
        if key is None:
            wait = service.wrong_keys.wait(address)
            if wait > 0:  # who has a right one is let in all the same, for an address may be that of many
                raise _too_often(f"more than {service.wrong_keys.per_minute:g} wrong keys a minute", wait)
            raise Problem(401, "this key is unknown or was revoked", would_work="Ask the server's owner for a key.")
        return Client(key.id, address, key.scopes)
    forwarded = any(name in headers for name in FORWARDED)
    if service.settings.loopback and is_loopback(address) and not forwarded:
        return Client(LOCAL, address, frozenset(SCOPES))
    raise Problem(
        401, "this server answers only to those who have a key", headers={"WWW-Authenticate": "Bearer"},
        would_work="Send `Authorization: Bearer KEY`; the server's owner makes keys with `mien keys create NAME`.",
    )  # fmt: skip


def key_in(auth: Any) -> str:
    """The key of a Socket.IO client, which sends `auth={"key": KEY}`."""
    return str(auth.get("key", "")) if isinstance(auth, Mapping) else ""


def still(service: Service, client: Client) -> bool:
    """Whether the key it came in with was not revoked meanwhile."""
    return client.id == LOCAL or service.keys.holds(client.id)


def may(client: Client, scope: str) -> None:
    """Raises Problem 403. Who may see everybody's sessions may do with them what others may with their own."""
    if scope not in client.scopes and not (scope in ("sessions", "feedback") and "dashboard" in client.scopes):
        held = ", ".join(sorted(client.scopes))
        raise Problem(403, f"this key may not {SCOPES[scope]}; it is for: {held}", would_work=f"A key with the scope {scope!r}.")


def allowed(service: Service, client: Client, pictures: int = 1) -> None:
    """Count so many pictures against the client's rate. Raises Problem 429."""
    if client.id == LOCAL and not service.settings.rate_loopback:
        return
    name = f"address {client.address}" if client.id == LOCAL else f"key {client.id}"  # a proxy's address is everybody's
    seconds = service.rates.wait(name, pictures)
    if seconds > 0:
        raise _too_often(f"more than {service.settings.rate:g} pictures a minute", seconds)


def _too_often(what: str, seconds: float) -> Problem:
    whole = int(seconds) + 1
    return Problem(429, what, kind="rate", would_work=f"Wait {whole} s.", headers={"Retry-After": str(whole)})


def _token(headers: Mapping[str, str]) -> str:
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else headers.get("x-api-key", "")
