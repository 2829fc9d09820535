"""A real server in a process of its own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from threading import Thread

import pytest


@dataclass
class Answer:
    status: int
    body: bytes
    headers: object

    @property
    def json(self):
        return json.loads(self.body)


@dataclass
class Running:
    process: subprocess.Popen
    port: int
    said: list[str] = field(default_factory=list)
    """Lines of its log, which is read on: a full pipe would stop the server."""
    reader: Thread | None = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def ask(self, path, body=None, method=None, **headers):
        headers = {k.replace("_", "-"): v for k, v in headers.items()}
        if isinstance(body, dict):
            body, headers["content-type"] = json.dumps(body).encode(), "application/json"
        request = urllib.request.Request(self.url + path, body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return Answer(answer.status, answer.read(), answer.headers)
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.read(), error.headers)

    def stop(self, how=signal.SIGTERM):
        """The exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        status = self.process.wait(15)
        self.reader.join(5)
        self.process.stdout.close()
        return status


def start(*args, **environment):
    command = [sys.executable, "-m", "mien", "serve", "--port", "0", *map(str, args)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, **environment}
    )
    line = process.stdout.readline()
    running = Running(process, 0)
    found = re.search(r"http://\S+:(\d+)", line)
    if not found:
        raise RuntimeError(line + process.communicate(timeout=15)[0])
    running.port = int(found[1])
    running.reader = Thread(target=lambda: running.said.extend(process.stdout), daemon=True)
    running.reader.start()
    return running


@pytest.fixture(scope="session")
def server():
    running = start("--data", ":memory:")
    for _ in range(100):
        if running.ask("/readyz").status == 200:
            break
        time.sleep(0.05)
    yield running
    assert running.stop() == 0
    assert "Traceback" not in "".join(running.said)


@pytest.fixture
def start_server():
    """`start_server(*flags, **environment)` -> Running, ended with the test."""
    made = []

    def started(*args, **environment):
        made.append(start(*args, **environment))
        return made[-1]

    yield started
    for running in made:
        running.stop(getattr(signal, "SIGKILL", signal.SIGTERM))
