"""Tiny inputs that the tests share."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.faces import Faces
from mien.labels import FER2013

SHARED = Path(os.environ.get("MIEN_SHARED", Path(__file__).parents[2] / "shared"))
"""Data sets that are not part of the project; tests that need them say so where they are absent."""


def shared(*parts: str) -> Path:
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"needs {'/'.join(parts)} of the shared data; set MIEN_SHARED to its folder")
    return path


def mien(*args: object, **more) -> subprocess.CompletedProcess:
    """The command line in a process of its own."""
    return subprocess.run([sys.executable, "-m", "mien", *map(str, args)], capture_output=True, timeout=120, check=False, **more)


def here(*args: object) -> subprocess.CompletedProcess:
    """The command line in this process, where Keras is imported already; where it works, and in a real process, others show."""
    from mien.cli import main

    out, err, before, status = io.StringIO(), io.StringIO(), sys.argv, 0
    sys.argv = ["mien", *map(str, args)]
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as stopped:
        status = stopped.code or 0
    finally:
        sys.argv = before
    return subprocess.CompletedProcess(sys.argv, status, out.getvalue().encode(), err.getvalue().encode())


@cache
def astronaut() -> np.ndarray:
    """RGB (512, 512, 3) with one large face (NASA, public domain)."""
    from skimage.data import astronaut as picture

    return np.asarray(picture())


FACE = (180, 70, 270, 185)
"""Where that face is: left, top, right, bottom."""


def faceless(height: int = 120, width: int = 160) -> np.ndarray:
    """A smooth coloured slope, RGB."""
    row, column = np.mgrid[:height, :width]
    return np.stack([255 * row / height, 255 * column / width, 128 + 0 * row], axis=2).astype(np.uint8)


def encoded(image: np.ndarray, format: str = "PNG", **more) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, format, **more)
    return file.getvalue()


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def some_faces(n: int = 2) -> Faces:
    """n classified faces, side by side."""
    left = 10.0 + 60 * np.arange(n)
    probability = np.random.default_rng(0).dirichlet(np.ones(7), n).astype(np.float32)
    return Faces(
        np.stack([left, left * 0 + 5, left + 50, left * 0 + 65], axis=1).astype(np.float32),
        np.linspace(0.9, 0.8, n).astype(np.float32),
        landmarks=np.zeros((n, 5, 2), np.float32),
        probability=probability,
        labels=FER2013,
        quality=np.full(n, 0.7, np.float32),
        unsure=np.arange(n) % 2 == 1,
    )


def key(folder, *scopes):
    """A new key for the server whose data are in this folder."""
    made = mien("keys", "create", "test", "--data", folder, *(word for scope in scopes for word in ("--scope", scope)))
    return next(word for word in made.stdout.decode().split() if word.startswith("mien_"))


def filmed(path: Path, seconds: int = 2, rate: int = 15) -> Path:
    """A face that moves from side to side, as WebM."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libvpx", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 416, 384, "yuv420p"
        for i in range(seconds * rate):
            step = 3 * abs(15 - i % 30)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(astronaut()[:384, step:][:, :416]))
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def faces_file(path, n=160):
    """Two easily told classes (bright above or below) in FER2013's form, with votes."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, n) * 3
    images = rng.integers(60, 120, (n, 48, 48)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[slice(0, 20) if label else slice(28, 48)] += 100
    votes = np.zeros((n, 10), np.uint8)
    votes[np.arange(n), np.where(labels == 3, 1, 4)] = 10
    np.savez(path, images=images, labels=labels, usage=np.arange(n) % 4 // 3, ferplus_votes=votes)
    return path


def small(**more):
    """The config of a run of seconds."""
    from mien.training.config import TrainConfig

    options = {"stem": 4, "widths": (8, 8), "depths": (1, 1), "excited": 1}
    return TrainConfig(**{"options": options, "epochs": 3, "batch_size": 16, "learning_rate": 0.05, "warmup": 0.5, **more})


def histories(n=600, epochs=12, wrong=0.2, seed=0, seen=1.0):
    """Histories as of a net that learns clean labels soon and wrong ones late, if at all."""
    from mien.datasets.dynamics import Histories

    draw = np.random.default_rng(seed)
    given = draw.integers(0, 7, n)
    bad = draw.random(n) < wrong
    label = np.where(bad, (given + draw.integers(1, 7, n)) % 7, given)
    time = (np.arange(epochs) + 1) / epochs
    logits = draw.normal(size=(n, epochs, 7)) * 1.5
    logits[np.arange(n), :, given] += 3 * time
    logits[np.arange(n), :, label] += np.where(bad[:, None], 3 * time**6, 0)
    p = np.exp(logits) / np.exp(logits).sum(2, keepdims=True)
    p[draw.random((n, epochs)) > seen] = np.nan
    agrees = np.full((n, epochs), np.nan, np.float32)
    return Histories(FER2013, np.arange(n).astype(str), label, given, p.astype(np.float16), agrees)
