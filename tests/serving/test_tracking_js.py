"""Tracking and smoothing of the page beside those of Python, on the same faces."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import mien.serving
from mien.faces import Faces
from mien.labels import FER2013
from mien.smoothing import SMOOTHERS
from mien.tracking import Tracker

pytestmark = pytest.mark.slow
WEB = Path(mien.serving.__file__).parent / "web"
PLAY = """
import { smoother, tracker } from "./tracking.js";
import fs from "node:fs";
const film = JSON.parse(fs.readFileSync("film.json"));
const said = ["none", "ema", "majority"].map((how) => {
  const [track, smooth] = [tracker(0.5), smoother(how, (confidence) => confidence < 0.6)];
  return film.map(({ time, faces }) => {
    const known = new Map(faces.map((face) => [face.box[0], face]));
    return smooth(track(faces, time).map((face) => ({ ...known.get(face.box[0]), track_id: face.track_id })), time);
  });
});
console.log(JSON.stringify(said));
"""


def film(frames=60):
    """Two faces that cross, one of them doubtful now and then and gone for a while; expressions that flicker."""
    random, out = np.random.default_rng(3), []
    for i in range(frames):
        boxes = [(5 * i, 40, 5 * i + 60, 110), (300 - 5 * i, 60, 360 - 5 * i, 130)][: 1 if 20 <= i < 28 else 2]
        box = np.array(boxes, np.float64) + random.normal(0, 1, (len(boxes), 1))
        score = random.uniform(0.3, 1, len(boxes)) if i else np.ones(len(boxes))
        probability = random.dirichlet(np.full(len(FER2013), 0.4), len(boxes))
        out.append((0.04 * i + 0.01 * (i % 3), box, score, probability))
    return out


def in_python(how):
    track, smooth = Tracker(start=0.5), SMOOTHERS[how]()
    for time, box, score, probability in film():
        faces = Faces(box, score, probability=probability, labels=FER2013)
        yield smooth(track(faces, time), time).to_dict()


def test_the_page_follows_and_steadies_as_python_does(tmp_path):
    node = shutil.which("node") or pytest.skip("needs Node")
    for name in ("tracking.js", "recognizer.js", "image.js"):
        shutil.copy(WEB / name, tmp_path)
    rows = [{"time": time, "faces": Faces(box, score, probability=p, labels=FER2013).to_dict()} for time, box, score, p in film()]
    (tmp_path / "film.json").write_text(json.dumps(rows))
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "play.js").write_text(PLAY)
    run = subprocess.run([node, "play.js"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    for how, said in zip(("none", "ema", "majority"), json.loads(run.stdout), strict=True):
        for ours, theirs in zip(said, in_python(how), strict=True):
            assert [face["track_id"] for face in ours] == [face["track_id"] for face in theirs]
            for a, b in zip(ours, theirs, strict=True):
                assert (a["expression"], a["unsure"]) == (b["expression"], a["confidence"] < 0.6)
                assert a["probability"] == pytest.approx(b["probability"], abs=1e-9)
                assert a["raw"] == pytest.approx(b["raw"], abs=1e-9)
