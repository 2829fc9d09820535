"""Clients that are slow, rude or gone, a server that is told to stop, and what it logs and erases."""

import asyncio
import base64
import http.client
import io
import json
import signal
import socket
import struct
import threading
import time

import pytest
from PIL import Image

from helpers import astronaut, encoded

websockets = pytest.importorskip("websockets")
pytestmark = pytest.mark.slow
PHOTO = encoded(astronaut(), "JPEG", quality=92)


def framed(seq, jpeg=PHOTO):
    return struct.pack("<Id", seq, time.time() * 1e3) + jpeg


def live(server, play, **more):
    """What `await play(socket)` gives, with a live WebSocket that was greeted."""

    async def run():
        async with websockets.connect(server.url.replace("http", "ws") + "/v1/live", **more) as connection:
            assert json.loads(await connection.recv())[0] == "hello"
            return await asyncio.wait_for(play(connection), 60)

    return asyncio.run(run())


async def answered(connection):
    """The next result; a message that is no frame may be answered by a problem before."""
    while True:
        event, data = json.loads(await connection.recv())
        if event == "result":
            return data
        assert event == "problem"


async def one_good_frame(connection):
    await connection.send(framed(1))
    return await answered(connection)


def unharmed(server):
    return live(server, one_good_frame)["error"] is None


def test_ten_thousand_malformed_frames_are_answered_and_harm_nobody(server):
    async def play(connection):
        junk = [
            b"",
            b"x",
            framed(1, b""),
            framed(2, b"junk"),
            framed(3, PHOTO[:200]),
            "[",
            '["frame", 5]',
            '["frame", {"seq": "x"}]',
        ]
        frames = wanted = 0
        for i in range(10_000):
            bad = junk[i % len(junk)]
            await connection.send(bad)
            frames += bad != "["
            if i % 50 == 49:  # at the client's own pace
                while wanted < frames:
                    answer = await answered(connection)
                    assert answer["error"]["message"]
                    wanted += 1 + answer["dropped"]
        return wanted

    assert live(server, play) == 10_000 - 10_000 // 8
    assert unharmed(server)


def test_thousands_of_malformed_bodies_are_answered_and_harm_nobody(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    bodies = [
        (b"", "image/jpeg"), (b"junk", "image/jpeg"), (PHOTO[:900], "image/jpeg"), (b"{", "application/json"),
        (b'{"image": 5}', "application/json"), (b"--x\r\n\r\n", "multipart/form-data; boundary=x"),
        (b"--x", "multipart/form-data"),
        (b"\xff\xfe", "text/plain"),
    ]  # fmt: skip
    for i in range(10_000):
        body, kind = bodies[i % len(bodies)]
        connection.request("POST", "/v1/predict", body, {"content-type": kind})
        answer = connection.getresponse()
        said = answer.read()
        assert 400 <= answer.status < 500, (body, answer.status)
        assert json.loads(said)["detail"]
    connection.close()
    assert unharmed(server)


def test_a_client_that_does_not_read_gets_no_more_and_all_its_credit_once_it_does(server):
    async def play(connection):
        begun = time.monotonic()
        seq = 0
        while time.monotonic() - begun < 3:
            await connection.send(framed(seq))
            seq += 1
            await asyncio.sleep(0.01)
        accounted = 0
        while accounted < seq:
            accounted += 1 + (await answered(connection))["dropped"]
        return seq, accounted

    sent, accounted = live(server, play, max_queue=1)
    assert sent == accounted > 50
    assert unharmed(server)


@pytest.mark.parametrize("cut", [1, 8, 4000])
def test_a_client_that_vanishes_in_the_middle_of_a_frame_is_forgotten(server, cut):
    def cameras():
        return next(float(line.split()[1]) for line in metrics().splitlines() if line.startswith("mien_cameras "))

    def metrics():
        return server.ask("/metrics").body.decode()

    before = cameras()
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(
            f"GET /v1/live HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        assert b"101" in raw.recv(4096)
        message = framed(1)
        whole = struct.pack(">BBQ", 0x82, 0xFF, len(message)) + bytes(4) + message
        raw.sendall(whole[:cut])
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, not a farewell
    end = time.monotonic() + 5
    while cameras() > before and time.monotonic() < end:
        time.sleep(0.05)
    assert cameras() <= before
    assert unharmed(server)


def test_told_to_stop_it_finishes_what_is_in_hand(start_server):
    running, said = start_server("--data", ":memory:", MIEN_SERVE_THREADS="1"), []

    def ask():
        body = json.dumps({"images": [base64.b64encode(encoded(astronaut())).decode()] * 16}).encode()
        said.append(running.ask("/v1/predict", body, content_type="application/json"))

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.3)
    assert not said
    assert running.stop() == 0
    asking.join(10)
    assert [len(a["faces"]) for a in said[0].json] == [1] * 16


def test_json_logs_have_a_line_for_each_request_and_no_key(start_server):
    running = start_server("--data", ":memory:", "--json-logs")
    answer = running.ask("/v1/models?key=mien_secret", x_request_id="mine-1")
    assert running.ask("/nowhere").status == 404
    running.ask("/v1/predict", b"xyz", content_type="multipart/form-data; boundary=q")
    client = pytest.importorskip("websockets.sync.client")
    with client.connect(f"{running.url.replace('http', 'ws')}/v1/live") as live:
        session = json.loads(live.recv())[1]["session"]
    unharmed(running)
    assert running.stop() == 0
    lines = [json.loads(line) for line in running.said if not line.startswith("mien ")]  # all of them are JSON
    told = [row for row in lines if row.get("request_id") == session[:12]]
    assert [row["message"] for row in told] == ["live connection opened", "live connection closed"]
    rows = [json.loads(line) for line in running.said if line.startswith("{")]
    mine = next(row for row in rows if row.get("request_id") == answer.headers["x-request-id"])
    assert (mine["status"], mine["level"], mine["ms"] > 0) == (200, "info", True)
    assert any(row.get("status") == 404 for row in rows)
    assert "mien_secret" not in "".join(running.said)


def test_old_sessions_are_erased_by_themselves(start_server):
    running = start_server("--data", ":memory:", MIEN_SERVE_RETENTION_HOURS="0.0003", MIEN_SERVE_IDLE="0.5")
    assert unharmed(running)
    end = time.monotonic() + 10
    while not running.ask("/v1/sessions").json and time.monotonic() < end:
        time.sleep(0.02)
    assert running.ask("/v1/sessions").json
    while running.ask("/v1/sessions").json and time.monotonic() < end:
        time.sleep(0.1)
    assert running.ask("/v1/sessions").json == []


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs signals of POSIX")
def test_a_killed_server_finds_its_sessions_again(start_server, tmp_path):
    running = start_server("--data", tmp_path)

    async def seconds(connection):
        for seq in range(14):
            await connection.send(framed(seq))
            assert (await answered(connection))["error"] is None
            await asyncio.sleep(0.1)
        await connection.send('["stop", {}]')
        await asyncio.sleep(0.5)

    live(running, seconds)
    (kept,) = running.ask("/v1/sessions").json
    running.stop(signal.SIGKILL)
    again = start_server("--data", tmp_path)
    assert [session["id"] for session in again.ask("/v1/sessions").json] == [kept["id"]]
    assert again.ask(f"/v1/sessions/{kept['id']}").json["moments"]


def test_consent_can_be_taken_back_however_much_was_said_before(server):
    async def play(connection):
        await connection.send(json.dumps(["session", {"title": "t", "consent": "I agree"}]))
        while json.loads(await connection.recv())[0] != "session":
            pass
        for _ in range(80):
            await connection.send(json.dumps(["mark", {"text": "x"}]))
        await connection.send(json.dumps(["session", {"title": "t", "consent": ""}]))
        seen = []
        while not seen or seen[-1][0] != "session":
            seen.append(json.loads(await connection.recv()))
        return seen

    *limited, (_, settled) = live(server, play)
    assert settled["recording"] is False
    assert {event for event, _ in limited} == {"problem"}
    assert all(problem["status"] == 429 for _, problem in limited)


def test_small_files_of_large_pictures_are_refused_before_they_are_decoded(server):
    picture = io.BytesIO()
    Image.new("I;16", (8000, 8000), 700).save(picture, "PNG")
    refused = server.ask("/v1/predict", picture.getvalue(), content_type="image/png")
    assert refused.status == 413
    assert "36,000,000" in refused.json["detail"]


def test_slow_addresses_hold_up_neither_others_nor_the_end(start_server):
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:
        slow = f"http://127.0.0.1:{silent.getsockname()[1]}/x.jpg"
        running = start_server("--data", ":memory:", MIEN_SERVE_PRIVATE_URLS="1", MIEN_SERVE_DRAIN="1")
        body = json.dumps({"images": [slow] * 16}).encode()
        waiting = threading.Thread(target=running.ask, args=("/v1/predict", body), kwargs={"content_type": "application/json"})
        waiting.daemon = True
        waiting.start()
        time.sleep(0.5)
        begun = time.monotonic()
        assert running.ask("/v1/predict", PHOTO, content_type="image/jpeg").status == 200
        assert running.stop() == 0
        assert time.monotonic() - begun < 6
