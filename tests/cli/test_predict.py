import csv
import hashlib
import io
import json
import os

import av
import numpy as np
import pytest
from PIL import Image

from helpers import astronaut, encoded, faceless, mien
from mien.weights import PACKAGED


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("photos")
    photo = encoded(astronaut(), "JPEG", quality=92)
    (path / "a_good.jpg").write_bytes(photo)
    (path / "b_cut.jpg").write_bytes(photo[: len(photo) // 2])
    (path / "c_empty.jpg").write_bytes(b"")
    (path / "d_text.jpg").write_text("no picture")
    (path / "e_faceless.png").write_bytes(encoded(faceless()))
    return path


@pytest.fixture(scope="module")
def done(folder, tmp_path_factory):
    """One run over the folder, all outputs at once."""
    out = tmp_path_factory.mktemp("out")
    run = mien("predict", folder, "--json", "--to", out / "all.csv", "--save", out / "copies")
    return run, [json.loads(line) for line in run.stdout.splitlines()], out


def test_every_input_has_its_object_and_bad_ones_their_reason(done):
    run, answers, _ = done
    assert run.returncode == 1
    assert [bool(a["error"]) for a in answers] == [False, True, True, True, False]
    assert answers[0]["faces"][0]["expression"] == "happy"
    assert answers[4]["faces"] == []
    assert set(answers[0]) == {"source", "frame", "time_s", "width", "height", "model", "model_version", "error", "faces"}


def test_nobody_sees_a_traceback_and_each_failure_is_named(done):
    said = done[0].stderr.decode()
    assert "Traceback" not in said
    assert all(name in said for name in ("b_cut.jpg", "c_empty.jpg", "d_text.jpg"))


def test_the_table_has_a_row_for_each(done):
    rows = list(csv.DictReader(io.StringIO((done[2] / "all.csv").read_text())))
    assert len(rows) == 5
    assert rows[0]["expression"] == "happy"


def test_copies_are_annotated(done):
    with Image.open(done[2] / "copies" / "a_good.jpg") as copy:
        assert copy.size == (512, 512)
    assert not (done[2] / "copies" / "d_text.png").exists()


def test_standard_input_is_read(folder):
    run = mien("predict", "-", "--json", input=(folder / "a_good.jpg").read_bytes())
    assert run.returncode == 0
    assert json.loads(run.stdout)["source"] == "-"


def test_the_table_on_standard_output_can_be_read(folder):
    run = mien("predict", folder / "a_good.jpg", folder / "e_faceless.png")
    assert run.returncode == 0
    assert b"happy" in run.stdout
    assert b"no face found" in run.stdout
    assert run.stderr == b""


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["predict"], "Missing argument"),
        (["predict", "x.jpg", "--model", "nope"], "no model named 'nope'; there are: default"),
        (["predict", "x.jpg", "--detector", "nope"], "no detector named 'nope'; there are:"),
        (["predict", "x.jpg", "--to", "x.xlsx"], "tables are written as .csv or .parquet"),
        (["predict", "x.jpg", "--every", "0"], "--every"),
    ],
)
def test_wrong_usage_exits_2_with_what_would_work(args, said):
    run = mien(*args)
    assert run.returncode == 2
    assert said in run.stderr.decode()
    assert b"Traceback" not in run.stderr


def test_a_missing_file_exits_1_and_is_named(tmp_path):
    run = mien("predict", tmp_path / "none.jpg", "--json")
    assert run.returncode == 1
    assert "none.jpg" in json.loads(run.stdout)["error"]["message"]


@pytest.mark.slow
def test_detectors_and_models_are_listed():
    rows = json.loads(mien("detectors", "--json").stdout)
    assert {r["name"] for r in rows} == {"mien", "mtcnn", "haar", "dlib_hog", "yunet", "blazeface"}
    assert [r["name"] for r in rows if r["default"]] == ["mien"]
    assert all(r["licence"] and r["weights"] for r in rows)
    assert [(r["installed"], 0 < r["size"] <= 1_000_000) for r in rows if r["default"]] == [(True, True)]
    networks = json.loads(mien("models", "list", "--networks", "--json").stdout)["rows"]
    assert {"mini_xception", "resnet", "sequential_cnn"} <= {row["name"] for row in networks}
    shown = mien("models", "list").stdout.decode()
    assert "fer2013" in shown
    assert "tutorial_cnn" in shown
    assert {"default", "fer2013"} <= {c["name"] for c in json.loads(mien("models", "list", "--json").stdout)}


def test_weights_are_pulled_only_if_their_hash_is_right(tmp_path):
    weights = (PACKAGED / "mini_xception.onnx").read_bytes()
    (tmp_path / "w.onnx").write_bytes(weights)
    env = {**os.environ, "MIEN_CACHE": str(tmp_path / "cache")}
    pull = ("models", "pull", "yunet", "--from", tmp_path / "w.onnx")
    bad = mien(*pull, env=env)
    assert bad.returncode == 2
    assert b"nothing was kept" in bad.stderr
    assert mien(*pull, "--sha256", hashlib.sha256(weights).hexdigest(), env=env).returncode == 0
    assert (tmp_path / "cache" / "yunet.onnx").read_bytes() == weights
    listed = {row["name"]: row for row in json.loads(mien("detectors", "--json", env=env).stdout)}
    assert "broken" in listed["yunet"]["wrong"]  # a network, but of another kind
    assert not listed["mien"]["wrong"]


def test_what_is_no_network_is_neither_kept_nor_a_traceback(tmp_path):
    (tmp_path / "junk.onnx").write_bytes(b"junk")
    (tmp_path / "a.png").write_bytes(encoded(faceless()))
    env = {**os.environ, "MIEN_CACHE": str(tmp_path / "cache")}
    pulled = mien("models", "pull", "blazeface", "--from", tmp_path / "junk.onnx", env=env)
    used = mien("predict", tmp_path / "a.png", "--detector", f"blazeface:{tmp_path / 'junk.onnx'}")
    for done in (pulled, used):
        assert done.returncode == 2
        assert b"junk.onnx cannot be opened as a network" in done.stderr
    assert not (tmp_path / "cache").exists()


def test_names_that_look_like_markup_or_are_no_text_stop_nothing(tmp_path):
    photo = encoded(faceless())
    for name in (b"a[red]b.png", b"c[bold]d.png", b"e\xff.png") if os.name == "posix" else (b"a[red]b.png",):
        (tmp_path / os.fsdecode(name)).write_bytes(photo)
    shown = mien("predict", tmp_path)
    assert shown.returncode == 0
    assert b"[red]" in shown.stdout
    assert b"Traceback" not in shown.stderr
    assert mien("predict", tmp_path, "--to", tmp_path / "out.csv").returncode == 0
    assert len(list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text())))) == len(list(tmp_path.glob("*.png")))


def test_saving_onto_a_file_is_wrong_usage(folder):
    run = mien("predict", folder / "a_good.jpg", "--save", folder / "a_good.jpg")
    assert run.returncode == 2
    assert b"a folder is wanted" in run.stderr


def test_a_face_in_a_video_keeps_its_number_and_what_each_frame_said(tmp_path):
    """The portrait, moving six pixels a frame."""
    with av.open(str(tmp_path / "v.mp4"), "w") as file:
        stream = file.add_stream("mpeg4", rate=10, width=480, height=480, pix_fmt="yuv420p")
        for i in range(8):
            frame = av.VideoFrame.from_ndarray(np.roll(astronaut()[:480, :480], 6 * i, axis=1), format="rgb24")
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    run = mien("predict", tmp_path / "v.mp4", "--json", "--smooth", "ema")
    faces = [json.loads(line)["faces"][0] for line in run.stdout.splitlines()]
    assert [face["track_id"] for face in faces] == [1] * 8
    assert faces[0]["raw"] == faces[0]["probability"]
    assert faces[7]["raw"] != faces[7]["probability"]


def test_an_unknown_way_to_smooth_is_wrong_usage_that_names_those_there():
    run = mien("predict", "photo.jpg", "--smooth", "wavelet")
    assert run.returncode == 2
    assert b"ema, majority, none" in run.stderr
