"""A server that others can reach: who has a key, for what, and for how long."""

import asyncio
import base64
import contextlib
import json
import re
import struct
import time

import pytest

from helpers import astronaut, encoded, key, mien, noise

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
    with pytest.raises(RuntimeError, match=f"mien keys create NAME --data {re.escape(str(tmp_path))}"):
        start_server("--data", tmp_path, **OPEN)
    with pytest.raises(RuntimeError, match="give a folder"):
        start_server("--data", ":memory:", **OPEN)
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
    assert running.ask("/v1/sessions", **bearer(key(tmp_path, "dashboard"))).status == 200
    assert running.ask("/healthz").status == 200
    assert mien("keys", "revoke", only.split("_")[1], "--data", tmp_path).returncode == 0
    assert predicted(running, **bearer(only)).status == 401


def test_a_reviewer_needs_a_key_for_it_and_decides_about_others_words_alone(start_server, tmp_path):
    theirs, reviewer = key(tmp_path), key(tmp_path, "feedback", "review")
    running = start_server("--data", tmp_path, **OPEN)
    face = base64.b64encode(encoded(noise(48, 48))).decode()
    ids = [
        running.ask("/v1/feedback", {"expression": "sad", "face_png": face}, **bearer(token)).json["id"]
        for token in (theirs, reviewer)
    ]
    assert running.ask("/v1/reviews", **bearer(theirs)).status == 403
    waiting = running.ask("/v1/reviews", **bearer(reviewer)).json
    assert [question["id"] for question in waiting["questions"]] == ids[:1]
    assert waiting["questions"][0]["face_png"]
    own, other = (
        running.ask("/v1/reviews", {"correction": id, "decision": "accepted"}, **bearer(reviewer)) for id in reversed(ids)
    )
    assert (own.status, other.status) == (403, 201)
    assert running.ask("/v1/reviews", **bearer(reviewer)).json["waiting"] == 0


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


def test_a_camera_that_sends_too_fast_is_answered_at_its_pace_and_loses_no_credit(start_server, tmp_path):
    token = key(tmp_path)
    running = start_server("--data", tmp_path, **OPEN, MIEN_SERVE_FRAMES="5", MIEN_SERVE_RATE="3")

    async def camera():
        async with websockets.connect(running.url.replace("http", "ws") + f"/v1/live?key={token}") as socket:
            await socket.recv()
            begun, accounted, answers = time.monotonic(), 0, 0
            for seq in range(40):
                await socket.send(struct.pack("<Id", seq, 1e12) + PHOTO)
                await asyncio.sleep(0.05)
            while accounted < 40:
                answer = json.loads(await asyncio.wait_for(socket.recv(), 5))[1]
                assert answer["error"] is None
                answers, accounted = answers + 1, accounted + 1 + answer["dropped"]
            return answers, time.monotonic() - begun

    answers, seconds = asyncio.run(camera())
    assert 5 * seconds - 4 < answers < 5 * seconds + 2


def test_a_body_that_never_ends_is_cut_off(start_server, tmp_path):
    import http.client

    token = key(tmp_path)
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
        assert connection.getresponse().status == 401
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
    head = {"content-type": "application/json", **bearer(token)}
    with contextlib.closing(connection), contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.request("POST", "/v1/feedback", endless(), head, encode_chunked=True)
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


def test_a_key_of_any_scope_sees_which_models_there_are_and_a_revoked_one_watches_no_more(start_server, tmp_path):
    token = key(tmp_path, "dashboard")
    running = start_server("--data", tmp_path, **OPEN)
    assert running.ask("/v1/models", **bearer(token)).status == 200
    assert running.ask("/v1/models").status == 401

    async def watched():
        client, got = socketio.AsyncClient(reconnection=False), []
        client.on("stats", got.append, namespace="/dashboard")
        await client.connect(running.url, auth={"key": token}, namespaces=["/dashboard"])
        while not got:
            await asyncio.sleep(0.05)
        await asyncio.to_thread(mien, "keys", "revoke", token.split("_")[1], "--data", tmp_path)
        await asyncio.wait_for(client.wait(), 8)

    asyncio.run(watched())


def test_who_joins_nothing_is_sent_away_and_there_are_only_so_many_places(start_server, tmp_path):
    running = start_server("--data", ":memory:", MIEN_SERVE_CAMERAS="2")

    async def opened():
        url = running.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
        sockets, refused = [], 0
        for _ in range(12):
            try:
                socket = await websockets.connect(url)
                await asyncio.wait_for(socket.recv(), 5)
                sockets.append(socket)
            except (websockets.exceptions.WebSocketException, TimeoutError):
                refused += 1
        begun = time.monotonic()
        for socket in sockets:
            while (said := await asyncio.wait_for(socket.recv(), 20)) != "1":  # Engine.IO's farewell
                assert said == "2"
                await socket.send("3")  # it is there, and wants nothing
            await socket.close()
        return len(sockets), refused, time.monotonic() - begun

    taken, refused, seconds = asyncio.run(opened())
    assert (taken <= 6, refused >= 6) == (True, True)
    assert seconds < 15


def test_who_tries_many_wrong_keys_is_told_to_wait_and_a_right_one_is_let_in_all_the_same(start_server, tmp_path):
    token = key(tmp_path)
    running = start_server("--data", tmp_path, **OPEN)
    answers = [running.ask("/v1/models", **bearer(f"mien_wrong_{i}")) for i in range(40)]
    assert {a.status for a in answers[:30]} == {401}
    assert answers[-1].status == 429
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert running.ask("/v1/models", **bearer(token)).status == 200


def test_who_connects_too_often_is_sent_away(start_server, tmp_path):
    token = key(tmp_path)
    running = start_server("--data", tmp_path, **OPEN, MIEN_SERVE_RATE="3")

    async def connected():
        async with websockets.connect(running.url.replace("http", "ws") + f"/v1/live?key={token}") as socket:
            return json.loads(await socket.recv())

    async def tried():
        return [await connected() for _ in range(4)]

    answers = asyncio.run(tried())
    assert [event for event, _ in answers[:3]] == ["hello"] * 3
    assert (answers[3][0], answers[3][1]["status"]) == ("problem", 429)
