"""The server under load: cold start, one request, cost of a live frame, many cameras at once, memory.

Cameras follow the protocol: two frames in flight. They and the server share this machine's cores. psutil is needed.

python benchmarks/serving.py --photos A.jpg B.jpg C.jpg [--cameras 64] [--seconds 600]
"""

import argparse
import asyncio
import io
import json
import multiprocessing
import re
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import websockets
from PIL import Image

from mien import Recognizer
from mien.image import load
from mien.runtime import alone
from mien.smoothing import SMOOTHERS
from mien.stream import Stream
from results import write

WIDE, FPS, CREDIT = 640, 10, 2
DATA = tempfile.mkdtemp()
"""Of the servers' database, as a user has one."""


@contextmanager
def server():
    """A fresh server, its address, and the seconds until it was ready."""
    begun = time.perf_counter()
    command = [sys.executable, "-m", "mien", "serve", "--port", "0", "--data", DATA]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    url = re.search(r"http://\S+", process.stdout.readline())[0]
    with urllib.request.urlopen(url + "/readyz") as answer:
        assert answer.status == 200
    try:
        yield psutil.Process(process.pid), url, time.perf_counter() - begun
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


def frames(path: Path) -> list[bytes]:
    """A photo as a camera would show it: 640 pixels wide, moved a little from frame to frame."""
    picture = Image.fromarray(load(path))
    picture.thumbnail((WIDE, WIDE))
    out = []
    for step in range(16):
        moved = Image.new("RGB", picture.size)
        moved.paste(picture, (int(6 * np.sin(step / 16 * 2 * np.pi)), 0))
        file = io.BytesIO()
        moved.save(file, "JPEG", quality=85)
        out.append(file.getvalue())
    return out


async def camera(url: str, pictures: list[bytes], seconds: float, fps: float = FPS) -> list[float]:
    """Seconds from the sending of each frame to its answer. `fps=0`: as fast as answers come."""
    took, sent, credit = [], {}, asyncio.Semaphore(CREDIT)
    async with websockets.connect(url.replace("http", "ws") + "/v1/live", max_queue=None) as socket:
        await socket.recv()

        async def listen():
            async for text in socket:
                event, answer = json.loads(text)
                if event == "result":
                    assert answer["error"] is None, answer
                    took.append(time.perf_counter() - sent.pop(answer["seq"]))
                    for _ in range(1 + answer["dropped"]):
                        credit.release()

        listening, end, seq = asyncio.create_task(listen()), time.perf_counter() + seconds, 0
        due = time.perf_counter()
        while (now := time.perf_counter()) < end:
            await credit.acquire()
            sent[seq] = time.perf_counter()
            await socket.send(struct.pack("<Id", seq, time.time() * 1e3) + pictures[seq % len(pictures)])
            seq += 1
            due = max(due + 1 / fps, now) if fps else now
            await asyncio.sleep(max(due - time.perf_counter(), 0))
        await asyncio.sleep(0.5)
        listening.cancel()
    return took


def many(url: str, films: list[list[bytes]], cameras: int, seconds: float, fps: float = FPS) -> list[list[float]]:
    async def run():
        return await asyncio.gather(*(camera(url, films[i % len(films)], seconds, fps) for i in range(cameras)))

    return asyncio.run(run())


def cold_starts(times: int = 5) -> float:
    taken = []
    with server():  # makes the database
        pass
    for _ in range(times):
        with server() as (_, _, ready):
            taken.append(ready)
    return statistics.median(taken)


def one_request(picture: bytes, rounds: int = 200) -> dict[str, float]:
    """One picture by REST and in this process, in turns: medians in milliseconds."""
    recognizer, took = Recognizer(), {"server": [], "in process": []}
    with server() as (_, url, _):
        for _ in range(rounds):
            begun = time.perf_counter()
            request = urllib.request.Request(url + "/v1/predict", picture, {"content-type": "image/jpeg"})
            urllib.request.urlopen(request).read()
            between = time.perf_counter()
            recognizer(picture)
            took["server"].append(between - begun)
            took["in process"].append(time.perf_counter() - between)
    return {name: round(1e3 * statistics.median(times), 2) for name, times in took.items()}


def cost(films: list[list[bytes]], seconds: float = 20.0) -> dict[str, float]:
    """CPU-seconds of a live frame: of a saturated server, and of the same stream in this process."""
    with server() as (process, url, _):
        many(url, films, 8, 3.0, fps=0)
        before = process.cpu_times()
        answered = sum(map(len, many(url, films, 8, seconds, fps=0)))
        after = process.cpu_times()
    serving = (after.user + after.system - before.user - before.system) / answered
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as fresh:
        alone = fresh.submit(in_process, films, seconds).result()
    return {"server_ms": round(1e3 * serving, 2), "in_process_ms": round(1e3 * alone, 2), "ratio": round(serving / alone, 3)}


def in_process(films: list[list[bytes]], seconds: float) -> float:
    """CPU-seconds of a frame of the same streams without a server, on one thread, as each of the server's works."""
    recognizer, count = Recognizer(), 0
    streams = [Stream(recognizer, SMOOTHERS["ema"]()) for _ in range(8)]
    begun, at = time.process_time(), 0.0
    with alone():
        while time.process_time() - begun < seconds:
            for i, stream in enumerate(streams):
                film = films[i % len(films)]
                stream(load(film[count % len(film)]), at)
            count, at = count + 1, at + 0.1
    return (time.process_time() - begun) / (count * len(streams))


def crowd(films: list[list[bytes]], cameras: int, seconds: float) -> dict[str, float]:
    """All cameras at once; memory after a minute and at the end."""
    with server() as (process, url, _):
        many(url, films, cameras, min(60.0, seconds / 2))
        early = process.memory_info().rss / 1e6
        took = many(url, films, cameras, seconds)
        late = process.memory_info().rss / 1e6
    flat = 1e3 * np.array(sorted(t for times in took for t in times))
    return {
        "cameras": cameras, "fps": FPS, "seconds": seconds, "answers": len(flat), "fewest": min(map(len, took)),
        "p50_ms": round(float(np.percentile(flat, 50)), 1), "p99_ms": round(float(np.percentile(flat, 99)), 1),
        "memory_early_mb": round(early), "memory_late_mb": round(late),
    }  # fmt: skip


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--photos", type=Path, nargs="+", required=True)
    ask.add_argument("--cameras", type=int, default=64)
    ask.add_argument("--seconds", type=float, default=600.0)
    asked = ask.parse_args()
    films = [frames(path) for path in asked.photos]
    rows = {"cold_start_s": round(cold_starts(), 2), "one_request_ms": one_request(films[0][0]), "frame": cost(films)}
    write("serving", rows | {"crowd": crowd(films, asked.cameras, asked.seconds)})


if __name__ == "__main__":
    main()
