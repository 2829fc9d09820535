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
from dataclasses import dataclass

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

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)


def start(*args, **environment):
    command = [sys.executable, "-m", "mien", "serve", "--port", "0", *map(str, args)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, **environment}
    )
    line = process.stdout.readline()
    found = re.search(r"http://\S+:(\d+)", line)
    if not found:
        raise RuntimeError(line + process.communicate(timeout=15)[0])
    return Running(process, int(found[1]))


@pytest.fixture(scope="session")
def server():
    running = start("--data", ":memory:")
    for _ in range(100):
        if running.ask("/readyz").status == 200:
            break
        time.sleep(0.05)
    yield running
    running.process.kill()
    running.process.communicate(timeout=10)


@pytest.fixture
def start_server():
    """`start_server(*flags, **environment)` -> Running, ended with the test."""
    made = []

    def started(*args, **environment):
        made.append(start(*args, **environment))
        return made[-1]

    yield started
    for running in made:
        running.process.kill()
        running.process.communicate(timeout=10)
