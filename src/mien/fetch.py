"""Read a URL without being led astray: an http(s) address in, its bytes out, or a SourceError.

Every address a name resolves to is checked, and the connection goes to the address that was checked, so that neither
a redirect nor a name server that changes its mind can reach a private network.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from typing import Any
from urllib.parse import urljoin, urlsplit

from mien.errors import SourceError

TIMEOUT = 15.0
"""Seconds for the whole of it, redirects included."""
REDIRECTS = 4
CHUNK = 65536
AS_IPV4 = [ipaddress.ip_network(net) for net in ("64:ff9b::/96", "::/96", "::ffff:0:0:0/96")]
"""Addresses that stand for an IPv4 address, in their last 32 bits (RFC 6052, 4291, 2765)."""
SITE = ipaddress.ip_network("fec0::/10")
"""A site's own (RFC 3879)."""


def fetch(url: str, most: int, *, timeout: float = TIMEOUT, private: bool = False) -> bytes:
    """The body of `url`, at most `most` bytes. `private`: addresses of private networks and this machine are allowed."""
    asked, deadline = url, time.monotonic() + timeout
    try:
        for _ in range(REDIRECTS + 1):
            body, onward = _once(url, most, deadline, private)
            if onward is None:
                return body
            url = urljoin(url, onward)
    except (OSError, http.client.HTTPException, ValueError) as error:
        if isinstance(error, SourceError):
            raise SourceError(error.kind, str(error) if asked in str(error) else f"{asked}: {error}") from error
        late = isinstance(error, TimeoutError) or time.monotonic() >= deadline
        reason = "it took too long" if late else str(error) or type(error).__name__
        raise SourceError("url", f"{url}: {reason}") from error
    raise SourceError("url", f"{url}: more than {REDIRECTS} redirects")


def _once(url: str, most: int, deadline: float, private: bool) -> tuple[bytes, str | None]:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SourceError("url", f"{url}: only http and https addresses are read")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    connection = _Connection(parts.hostname, port, parts.scheme == "https", _left(deadline), private)
    watch = threading.Timer(_left(deadline), connection.hang_up)
    watch.daemon = True
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        watch.start()
        connection.request("GET", path, headers={"User-Agent": "mien", "Accept": "image/*, video/*, */*"})
        answer = connection.getresponse()
        onward = answer.getheader("Location")
        if answer.status in (301, 302, 303, 307, 308) and onward:
            return b"", onward
        if answer.status != 200:
            raise SourceError("url", f"{url}: the server answered {answer.status} {answer.reason}")
        return _body(answer, connection, url, most, deadline), None
    finally:
        watch.cancel()
        connection.close()


def _body(answer: http.client.HTTPResponse, connection: _Connection, url: str, most: int, deadline: float) -> bytes:
    body = bytearray()
    while chunk := answer.read1(CHUNK):
        body += chunk
        if len(body) > most:
            raise SourceError("url", f"{url}: more than {most:,} bytes")
        connection.opened.settimeout(_left(deadline))
    _left(deadline)  # a body without a length ends where the connection does
    if answer.length:
        raise SourceError("url", f"{url}: the answer was cut off {answer.length:,} bytes before its end")
    return bytes(body)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _Connection(http.client.HTTPConnection):
    """Connects only to an address that was looked at first."""

    def __init__(self, host: str, port: int, secure: bool, timeout: float, private: bool) -> None:
        super().__init__(host, port, timeout=timeout)
        self.secure, self.private = secure, private
        self.opened: Any = None

    def connect(self) -> None:
        last: Exception | None = None
        for *kind, _, address in socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM):
            self._check(str(address[0]))
            self.sock: Any = socket.socket(*kind)
            self.sock.settimeout(self.timeout)
            try:
                self.sock.connect(address)
                break
            except OSError as error:
                self.sock.close()
                last = error
        else:
            raise last or OSError("the name resolves to no address")
        self.opened = self.sock  # http.client forgets its own while the body is still being read
        if self.secure:
            self.opened = self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)

    def hang_up(self) -> None:
        """Whoever still waits for a slow server is woken."""
        if self.opened is not None:
            with contextlib.suppress(OSError):
                self.opened.shutdown(socket.SHUT_RDWR)

    def _check(self, address: str) -> None:
        if not self.private and not _public(address):
            raise SourceError("url", f"{self.host} is at {address}, a private address, which is not read")


def _public(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    if ip in SITE:
        return False
    if any(ip in net for net in AS_IPV4):
        ip = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    inner = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None) or ip
    return inner.is_global and not inner.is_multicast
