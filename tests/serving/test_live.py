"""Live connections to a real server: the official Python client, and a plain WebSocket with the same messages."""

import asyncio
import csv
import io
import json
import struct
import time
import zipfile

import pytest

from helpers import astronaut, encoded

socketio = pytest.importorskip("socketio")
websockets = pytest.importorskip("websockets")
pytest.importorskip("aiohttp", reason="the official Python client needs aiohttp")
pytestmark = pytest.mark.slow
PHOTO = encoded(astronaut(), "JPEG", quality=92)


def played(server, play, **more):
    """What `play(emit, got)` saw: `got` fills with the events that come, as (name, data)."""

    async def run():
        client, got = socketio.AsyncClient(), []
        for event in ("hello", "result", "session"):
            client.on(event, lambda data, event=event: got.append((event, data)), namespace="/live")
        await client.connect(server.url, namespaces=["/live"], **more)
        try:
            await asyncio.wait_for(play(lambda event, data: client.emit(event, data, namespace="/live"), got), 30)
        finally:
            await client.disconnect()
        return got

    return asyncio.run(run())


def results(got):
    return [data for event, data in got if event == "result"]


async def until(holds):
    while not holds():
        await asyncio.sleep(0.01)


def frame(seq, jpeg=PHOTO):
    return {"seq": seq, "captured_at": time.time() * 1e3, "jpeg": jpeg}


def test_frames_are_answered_with_tracks_like_the_picture(server):
    async def play(emit, got):
        for seq in range(3):
            await emit("frame", frame(seq))
            await until(lambda seq=seq: results(got) and results(got)[-1]["seq"] == seq)

    got = played(server, play)
    assert got[0][0] == "hello"
    assert got[0][1]["credit"] == 2
    first, *_, last = results(got)
    wanted = server.ask("/v1/predict", PHOTO, content_type="image/jpeg").json["faces"]
    assert first["faces"][0]["probability"] == pytest.approx(wanted[0]["probability"], abs=1e-5)
    assert [f["track_id"] for f in last["faces"]] == [f["track_id"] for f in first["faces"]]
    assert last["faces"][0]["raw"]
    assert (last["error"], last["dropped"]) == (None, 0)


def test_a_flood_is_answered_by_the_newest_and_every_frame_is_accounted_for(server):
    async def play(emit, got):
        for seq in range(60):
            await emit("frame", frame(seq))
        await until(lambda: results(got) and results(got)[-1]["seq"] == 59)

    answers = results(played(server, play))
    assert len(answers) < 60
    assert sum(1 + a["dropped"] for a in answers) == 60
    assert [a["seq"] for a in answers] == sorted(a["seq"] for a in answers)


@pytest.mark.parametrize("bad", [b"junk", "text", None, 5, {"a": 1}, []])
def test_junk_is_answered_by_an_error_and_the_next_frame_is_fine(server, bad):
    async def play(emit, got):
        await emit("frame", frame(0, bad))
        await emit("frame", bad if not isinstance(bad, bytes) else None)
        await until(lambda: len(results(got)) == 2)
        await emit("frame", frame(2))
        await until(lambda: len(results(got)) == 3)

    *errors, good = results(played(server, play))
    assert all(answer["error"]["message"] for answer in errors)
    assert (good["seq"], good["error"]) == (2, None)


def test_events_that_are_not_a_clients_to_send_change_nothing(server):
    async def play(emit, got):
        for event in ("connect", "disconnect", "result", "x"):
            await emit(event, {"asgi.scope": {"client": ["127.0.0.1", 1]}})
        await emit("frame", frame(1))
        await until(lambda: results(got))

    assert results(played(server, play))[0]["error"] is None


def test_a_wrong_key_is_refused(server):
    async def nothing(emit, got): ...

    with pytest.raises(socketio.exceptions.ConnectionError):
        played(server, nothing, auth={"key": "mien_a_b"})


def test_a_session_is_kept_with_its_marks_and_can_be_exported_and_erased(server):
    async def play(emit, got):
        await emit("session", {"title": "a talk"})
        for seq in range(12):
            await emit("frame", frame(seq))
            await until(lambda seq=seq: len(results(got)) == seq + 1)
            await asyncio.sleep(0.12)
        await emit("mark", {"text": "question"})

    played(server, play)
    time.sleep(0.5)
    row = next(r for r in server.ask("/v1/sessions").json if r["title"] == "a talk")
    whole = server.ask(f"/v1/sessions/{row['id']}").json
    assert whole["marks"][0]["text"] == "question"
    assert sum(m["frames"] for m in whole["moments"]) >= 12
    assert whole["records"] == 0
    body = {"time_s": 0.5, "text": '=1+1, "then"'}
    assert server.ask(f"/v1/sessions/{row['id']}/marks", body).status == 201
    head, *table = csv.reader(io.StringIO(server.ask(f"/v1/sessions/{row['id']}/csv").body.decode()))
    assert head == ["second", "track", "frames", "unsure", *whole["moments"][0]["probability"], "mark"]
    assert [line[0] for line in table] == sorted(line[0] for line in table)
    assert [line[-1] for line in table if line[-1]] == ['\'=1+1, "then"', "question"]
    assert len(table) == len(whole["moments"]) + 2
    assert server.ask(f"/v1/sessions/{row['id']}", method="DELETE").status == 204
    assert server.ask(f"/v1/sessions/{row['id']}").status == 404


def test_faces_are_recorded_with_consent_alone_and_erased_while_the_camera_runs(server):
    async def seen(emit, got, frames):
        for _ in range(frames):
            before = len(results(got))
            await emit("frame", frame(before))
            await until(lambda before=before: len(results(got)) > before)
            await asyncio.sleep(0.15)

    async def play(emit, got):
        await until(lambda: got)
        id = got[0][1]["session"]
        kept = []
        for consent in ("", "I agree that crops of my face are kept.", ""):
            await emit("session", {"consent": consent} | ({} if kept else {"title": "recorded"}))
            await seen(emit, got, 10)
            kept.append(server.ask(f"/v1/sessions/{id}").json["records"])
            with zipfile.ZipFile(io.BytesIO(server.ask(f"/v1/sessions/{id}/crops").body)) as archive:
                assert len(archive.namelist()) == kept[-1]
                assert all(archive.read(name).startswith(b"\x89PNG") for name in archive.namelist())
        assert server.ask(f"/v1/sessions/{id}").json["title"] == "recorded"
        assert server.ask(f"/v1/sessions/{id}", method="DELETE").status == 204
        await seen(emit, got, 10)
        assert server.ask(f"/v1/sessions/{id}").status == 404
        assert server.ask(f"/v1/sessions/{id}/crops").status == 404
        counts.extend(kept)

    counts = []
    got = played(server, play)
    assert [data["recording"] for event, data in got if event == "session"] == [False, True, False]
    assert counts[0] == 0
    assert 1 <= counts[1] <= 3
    assert counts[2] == 0  # taken back
    assert all(answer["error"] is None for answer in results(got))


def test_a_session_that_is_not_to_be_kept_leaves_nothing_and_can_begin_anew(server):
    async def play(emit, got):
        await until(lambda: got)
        id = got[0][1]["session"]
        for keep in (True, False, True):
            await emit("session", {"keep": keep, "title": "mine"})
            for _ in range(4):
                await emit("frame", frame(len(results(got))))
                await asyncio.sleep(0.4)
            await emit("mark", {"text": "here"})
            await asyncio.sleep(0.2)
            said.append(server.ask(f"/v1/sessions/{id}"))
            listed.append(id in [row["id"] for row in server.ask("/v1/sessions").json])

    said, listed = [], []
    played(server, play)
    assert [answer.status for answer in said] == [200, 404, 200]
    assert listed == [True, False, True]
    assert said[2].json["moments"][0]["second"] > said[0].json["moments"][0]["second"]
    assert len(said[2].json["marks"]) == 1


def test_a_session_that_just_began_can_be_erased(server):
    async def play(emit, got):
        await until(lambda: got)
        await emit("frame", frame(0))
        await until(lambda: results(got))
        answers.append(server.ask(f"/v1/sessions/{got[0][1]['session']}", method="DELETE"))

    answers = []
    played(server, play)
    assert answers[0].status == 204


@pytest.mark.parametrize("transport", ["socket.io", "plain"])
def test_an_idle_connection_is_ended(start_server, transport):
    running = start_server("--data", ":memory:", MIEN_SERVE_IDLE="0.5")

    async def io():
        client, ended = socketio.AsyncClient(reconnection=False), asyncio.Event()
        client.on("disconnect", lambda *reason: ended.set(), namespace="/live")
        await client.connect(running.url, namespaces=["/live"])
        await asyncio.wait_for(ended.wait(), 10)
        await client.disconnect()

    async def plain():
        async with websockets.connect(running.url.replace("http", "ws") + "/v1/live") as socket:
            await asyncio.wait_for(socket.wait_closed(), 10)

    asyncio.run(io() if transport == "socket.io" else plain())
    assert running.stop() == 0


def test_the_plain_websocket_says_the_same(server):
    async def play():
        async with websockets.connect(server.url.replace("http", "ws") + "/v1/live") as socket:
            hello = json.loads(await socket.recv())
            await socket.send(struct.pack("<Id", 7, 1e12) + PHOTO)
            answer = json.loads(await asyncio.wait_for(socket.recv(), 10))
            problems = []
            for junk in ("{", "[1, 2, 3]", '"text"', '["x", {}]', '["session", 5]', '["mark", {}]'):
                await socket.send(junk)
                problems.append(json.loads(await asyncio.wait_for(socket.recv(), 10)))
            for junk in (b"", b"x" * 12, '["frame"]'):
                await socket.send(junk)
            await socket.send(struct.pack("<Id", 8, 1e12) + PHOTO)
            while True:
                last = json.loads(await asyncio.wait_for(socket.recv(), 10))
                if last[1].get("seq") == 8:
                    return hello, answer, last, problems

    hello, answer, last, problems = asyncio.run(play())
    assert all(event == "problem" and p["status"] == 400 and "frame {seq" in p["would_work"] for event, p in problems)
    assert "'x' with dict" in problems[3][1]["detail"]
    assert hello[0] == "hello"
    assert (answer[0], answer[1]["seq"], answer[1]["captured_at"], answer[1]["error"]) == ("result", 7, 1e12, None)
    assert last[1]["error"] is None


def test_a_page_of_another_site_cannot_connect(server):
    async def play():
        async with websockets.connect(server.url.replace("http", "ws") + "/v1/live", origin="http://evil.org"):
            pass

    with pytest.raises(websockets.exceptions.InvalidStatus):
        asyncio.run(play())


def test_the_dashboard_sees_who_is_connected(server):
    async def play():
        async with websockets.connect(server.url.replace("http", "ws") + "/v1/live") as camera:
            await camera.recv()
            await camera.send(struct.pack("<Id", 1, 1e12) + PHOTO)
            await camera.recv()
            async with websockets.connect(server.url.replace("http", "ws") + "/v1/dashboard") as watcher:
                while True:  # the first may be from before
                    event, stats = json.loads(await asyncio.wait_for(watcher.recv(), 5))
                    assert event in ("past", "stats")
                    if event == "stats" and stats["cameras"] and stats["cameras"][0]["faces"]:
                        break
            async with websockets.connect(server.url.replace("http", "ws") + "/v1/dashboard") as another:
                event, past = json.loads(await another.recv())
                assert (event, past[-1]["shown"]) == ("past", stats["shown"])
                return stats

    async def by_socket_io():
        client, got = socketio.AsyncClient(), []
        client.on("stats", got.append, namespace="/dashboard")
        await client.connect(server.url, namespaces=["/dashboard", "/live"])
        await asyncio.wait_for(until(lambda: len(got) >= 2), 10)
        await client.disconnect()
        return got[-1]

    assert len(asyncio.run(by_socket_io())["cameras"]) == 1
    stats = asyncio.run(play())
    assert len(stats["cameras"]) == 1
    assert 0 < stats["lately"]["confidence"] <= 1
    assert stats["cameras"][0]["faces"][0]["expression"] == "happy"
    assert stats["lately"]["p99_ms"] > 0
    assert sum(stats["shown"].values()) == pytest.approx(1, abs=1e-3)
