import contextlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from helpers import encoded, faceless
from mien.errors import SourceError
from mien.fetch import _public, fetch
from mien.image import load

PNG = encoded(faceless())


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/round":
            self.send_response(302)
            self.send_header("Location", "/round")
            self.end_headers()
        elif self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "file:///etc/passwd")
            self.end_headers()
        elif self.path == "/none":
            self.send_error(404)
        elif self.path == "/drip":
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(OSError):
                for _ in range(40):
                    self.wfile.write(b"x")
                    threading.Event().wait(0.1)
        elif self.path == "/short":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(PNG[:100])
        elif self.path == "/headers":
            with contextlib.suppress(OSError):
                for byte in b"HTTP/1.0 200 OK\r\nX-Slow: 1234567890123456\r\n\r\n":
                    self.wfile.write(bytes([byte]))
                    threading.Event().wait(0.1)
        elif self.path == "/slow":
            self.send_response(200)
            self.end_headers()
            threading.Event().wait(3)
        else:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(PNG)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def url():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_body_is_read_where_private_addresses_are_allowed(url):
    assert fetch(f"{url}/a.png", 10**6, private=True) == PNG


def test_private_addresses_are_refused_unless_allowed(url):
    for address in (url, url.replace("127.0.0.1", "localhost")):
        with pytest.raises(SourceError, match="private address"):
            load(f"{address}/a.png")


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/round", "redirects"), ("/away", "only http and https"), ("/none", "404"), ("/a.png", "more than 10 bytes")],
)
def test_what_goes_wrong_is_said(url, path, reason):
    with pytest.raises(SourceError, match=reason):
        fetch(url + path, 10, private=True)


@pytest.mark.parametrize("path", ["slow", "drip", "headers"])
def test_a_slow_server_is_given_up(url, path):
    start = time.monotonic()
    with pytest.raises(SourceError, match="too long"):
        fetch(f"{url}/{path}", 10**6, private=True, timeout=0.3)
    assert time.monotonic() - start < 2


def test_an_answer_cut_short_is_an_error(url):
    with pytest.raises(SourceError, match="cut off"):
        fetch(f"{url}/short", 10**6, private=True)


INSIDE = ["127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "::1", "fe80::1%eth0", "::ffff:10.0.0.1"]


@pytest.mark.parametrize("address", [*INSIDE, "0.0.0.0", "224.0.0.1", "64:ff9b::7f00:1"])
def test_addresses_inside_are_known(address):
    assert not _public(address)


def test_addresses_outside_are_known():
    assert _public("93.184.216.34")
