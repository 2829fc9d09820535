"""A server that others can reach: who has a key, for what, and for how long."""

import asyncio
import contextlib
import json
import time

import pytest

from helpers import astronaut, encoded, key, mien

websockets = pytest.importorskip("websockets")
socketio = pytest.importorskip("socketio")
pytest.importorskip("aiohttp", reason="the official Python client needs aiohttp")
pytestmark = pytest.mark.slow
PHOTO = encoded(astronaut(), "JPEG", quality=92)
OPEN = {"MIEN_SERVE_HOSTS": "faces.example", "MIEN_SERVE_PURPOSE": "research"}


def bearer(token):
    return {"authorization": f"Bearer {token}"}


def predicted(running, **headers):
    return running.ask("/v1/predict", PHOTO, content_type="image/jpeg", **headers)


def test_without_a_key_a_server_that_others_can_reach_does_not_start(start_server, tmp_path):
    with pytest.raises(RuntimeError, match="mien keys create"):
        start_server("--data", tmp_path, **OPEN)
    with pytest.raises(RuntimeError, match="purpose"):
        start_server("--data", tmp_path, MIEN_SERVE_HOSTS="faces.example")
    with pytest.raises(RuntimeError, match="legal_basis"):
        start_server("--data", tmp_path, **OPEN | {"MIEN_SERVE_PURPOSE": "workplace"})


def test_a_key_opens_what_it_is_for_until_it_is_revoked(start_server, tmp_path):
    only, all_ = key(tmp_path, "predict"), key(tmp_path)
    running = start_server("--data", tmp_path, **OPEN)
    assert predicted(running).status == 401
    assert predicted(running, **bearer(only + "x")).status == 401
    assert predicted(running, **bearer(only)).status == 200
    assert predicted(running, x_api_key=all_).status == 200
    refused = running.ask("/v1/sessions", **bearer(only))
    assert (refused.status, "predict" in refused.json["detail"]) == (403, True)
    assert running.ask("/v1/sessions", **bearer(all_)).status == 200
    assert running.ask("/healthz").status == 200
    assert mien("keys", "revoke", only.split("_")[1], "--data", tmp_path).returncode == 0
    assert predicted(running, **bearer(only)).status == 401


def test_a_client_sees_its_own_sessions_alone_and_a_revoked_key_ends_its_camera(start_server, tmp_path):
    mine, yours, boss = key(tmp_path), key(tmp_path), key(tmp_path, "sessions", "dashboard")
    running = start_server("--data", tmp_path, **OPEN, MIEN_SERVE_IDLE="3")

    async def camera():
        client, got, ended = socketio.AsyncClient(reconnection=False), [], asyncio.Event()
        client.on("hello", got.append, namespace="/live")
        client.on("disconnect", lambda *reason: ended.set(), namespace="/live")
        with pytest.raises(socketio.exceptions.ConnectionError):
            await client.connect(running.url, namespaces=["/live"])
        await client.connect(running.url, namespaces=["/live"], auth={"key": mine})
        await client.emit("mark", {"text": "mine"}, namespace="/live")
        await asyncio.sleep(0.5)
        id = got[0]["session"]
        seen = [running.ask(f"/v1/sessions/{id}", **bearer(token)).status for token in (mine, yours, boss)]
        mien("keys", "revoke", mine.split("_")[1], "--data", tmp_path)
        begun = time.monotonic()
        await asyncio.wait_for(ended.wait(), 15)
        assert time.monotonic() - begun < 10
        await client.disconnect()
        return seen

    assert asyncio.run(camera()) == [200, 404, 200]
    assert [row["title"] for row in running.ask("/v1/sessions", **bearer(yours)).json] == []


def test_who_asks_too_much_is_told_when_to_come_back(start_server, tmp_path):
    token, other = key(tmp_path), key(tmp_path)
    running = start_server("--data", tmp_path, **OPEN, MIEN_SERVE_RATE="3")
    answers = [predicted(running, **bearer(token)) for _ in range(5)]
    assert [a.status for a in answers] == [200, 200, 200, 429, 429]
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert predicted(running, **bearer(other)).status == 200

    async def camera():
        async with websockets.connect(running.url.replace("http", "ws") + f"/v1/live?key={token}") as socket:
            await socket.recv()
            await socket.send(b"\0" * 12 + PHOTO)
            return json.loads(await asyncio.wait_for(socket.recv(), 5))

    assert asyncio.run(camera())[1]["error"]["kind"] == "rate"


def test_a_body_that_never_ends_is_cut_off_without_a_key(start_server, tmp_path):
    import http.client

    key(tmp_path)
    running = start_server("--data", tmp_path, **OPEN, MIEN_SERVE_BODY_MB="0.1")
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)

    def endless():
        for _ in range(500):
            yield b" " * (1 << 16)

    with (
        contextlib.closing(connection),
        contextlib.suppress(BrokenPipeError, ConnectionResetError),
    ):  # cut off while it was sending
        connection.request("POST", "/v1/feedback", endless(), {"content-type": "application/json"}, encode_chunked=True)
        assert connection.getresponse().status == 413
    assert running.ask("/healthz").status == 200


@pytest.mark.parametrize("headers", [{"host": "["}, {"host": "x\ty"}, {"origin": "http://["}, {"origin": "null"}])
def test_malformed_names_are_refused(server, headers):
    answer = server.ask("/v1/models", **headers)
    assert answer.status in (400, 403, 421)
    assert "Traceback" not in "".join(server.said)


def test_what_is_no_share_is_no_correction(server):
    for share in ("NaN", "Infinity", "-1", "2"):
        body = b'{"expression": "happy", "probability": {"happy": ' + share.encode() + b"}}"
        assert server.ask("/v1/feedback", body, content_type="application/json").status in (400, 422)
    assert server.ask("/v1/feedback").status == 200
