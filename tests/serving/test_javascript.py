"""The official JavaScript client of Socket.IO against a real server."""

import json
import shutil
import subprocess

import pytest

from helpers import astronaut, encoded

pytestmark = pytest.mark.slow
CLIENT = """
const { io } = require("socket.io-client");
const fs = require("fs");
const [url, path] = process.argv.slice(2);
const jpeg = fs.readFileSync(path);
const socket = io(`${url}/live`, { transports: ["websocket"] });
const answers = [];
socket.on("connect_error", (error) => { console.error(error.message); process.exit(1); });
socket.on("hello", () => socket.emit("frame", { seq: 0, captured_at: Date.now(), jpeg }));
socket.on("result", (answer) => {
  answers.push(answer);
  if (answers.length === 3) { console.log(JSON.stringify(answers)); socket.close(); }
  else socket.emit("frame", { seq: answers.length, captured_at: Date.now(), jpeg });
});
"""


def test_the_javascript_client_gets_the_same_answers(server, tmp_path):
    npm, node = shutil.which("npm"), shutil.which("node")
    if not (npm and node):
        pytest.skip("needs Node and npm")
    got = subprocess.run([npm, "install", "--no-audit", "--no-fund", "socket.io-client@4"], cwd=tmp_path, capture_output=True)
    if got.returncode:
        pytest.skip("socket.io-client could not be had from npm")
    (tmp_path / "client.js").write_text(CLIENT)
    (tmp_path / "photo.jpg").write_bytes(encoded(astronaut(), "JPEG", quality=92))
    done = subprocess.run(
        [node, "client.js", server.url, "photo.jpg"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    first, *_, last = json.loads(done.stdout)
    wanted = server.ask("/v1/predict", (tmp_path / "photo.jpg").read_bytes(), content_type="image/jpeg").json["faces"]
    assert first["faces"][0]["probability"] == pytest.approx(wanted[0]["probability"], abs=1e-5)
    assert [face["track_id"] for face in last["faces"]] == [face["track_id"] for face in first["faces"]]
    assert (last["seq"], last["dropped"], last["error"]) == (2, 0, None)
