import io

import av
import numpy as np
import pytest

from helpers import encoded, faceless, shared
from mien.sources import expand, frames


def video(seconds: float = 1.0, rate: int = 10) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for i in range(int(seconds * rate)):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.roll(faceless(), 5 * i, 1), format="rgb24")))
        out.mux(stream.encode())
    return file.getvalue()


def test_folders_and_patterns_become_files_in_order(tmp_path):
    for name in ("b.png", "a.JPG", "sub/c.mp4", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert [p.rsplit("/")[-1] for p in expand([str(tmp_path)])] == ["a.JPG", "b.png", "c.mp4"]
    assert expand([str(tmp_path / "*.png")]) == [str(tmp_path / "b.png")]
    assert expand(["-", "camera:0", "http://x/*.png", "none*.png"]) == ["-", "camera:0", "http://x/*.png", "none*.png"]


def test_a_picture_is_one_frame(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(faceless()))
    (frame,) = frames(str(tmp_path / "a.png"))
    assert (frame.size, frame.index, frame.error, frame.moving) == ((160, 120), 0, None, False)


def test_every_frame_of_a_video_comes_with_its_time(tmp_path):
    (tmp_path / "v.mp4").write_bytes(video())
    found = list(frames(str(tmp_path / "v.mp4")))
    assert [f.index for f in found] == list(range(10))
    assert [f.time_s for f in found] == pytest.approx(np.arange(10) / 10)
    assert [f.index for f in frames(str(tmp_path / "v.mp4"), every=4)] == [0, 4, 8]


def test_a_video_cut_off_gives_its_frames_and_then_an_error(tmp_path):
    file = io.BytesIO()
    with av.open(file, "w", format="avi") as out:
        stream = out.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuvj420p"
        for _ in range(20):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(faceless(), format="rgb24")))
        out.mux(stream.encode())
    (tmp_path / "v.avi").write_bytes(file.getvalue()[: len(file.getvalue()) // 2])
    *whole, end = frames(str(tmp_path / "v.avi"))
    assert len(whole) >= 5
    assert all(f.error is None for f in whole)
    assert "ends after" in str(end.error) or "cut off" in str(end.error)


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [("a.mp4", b"no video", "broken"), ("a.mp4", b"", "broken"), ("a.jpg", b"", "empty"), ("a.jpg", b"text", "not_an_image")],
)
def test_bad_files_are_a_frame_with_an_error_that_names_them(tmp_path, name, data, kind):
    (tmp_path / name).write_bytes(data)
    (frame,) = frames(str(tmp_path / name))
    assert frame.image is None
    assert frame.error.kind == kind
    assert name in str(frame.error)


def test_a_video_too_small_to_hold_a_face_is_an_error_that_names_it(tmp_path):
    tiny = tmp_path / "tiny.mp4"
    with av.open(str(tiny), "w") as file:
        stream = file.add_stream("mpeg4", rate=5)
        stream.width = stream.height = 8
        for packet in stream.encode(av.VideoFrame.from_ndarray(faceless(8, 8), format="rgb24")):
            file.mux(packet)
        file.mux(stream.encode())
    (frame,) = frames(str(tiny))
    assert (frame.image, frame.error.kind) == (None, "too_small")
    assert "tiny.mp4: 8 x 8 pixels" in str(frame.error)


@pytest.mark.parametrize("source", ["", "camera:", "camera:x", "camera:99999999999999"])
def test_a_name_that_can_be_nothing_is_an_error(source):
    (frame,) = [frame for name in expand([source]) for frame in frames(name)]
    assert frame.error.kind in ("not_found", "camera")


def test_absent_things_are_errors_too(tmp_path):
    for source in (
        str(tmp_path / "none.jpg"),
        str(tmp_path / "none.mp4"),
        str(tmp_path),
        "ftp://x/y.jpg",
        "camera:x",
        "camera:73",
    ):
        (frame,) = frames(source)
        assert source in str(frame.error)


@pytest.mark.parametrize("data", [encoded(faceless()), video()])
def test_standard_input_may_be_a_picture_or_a_video(monkeypatch, data):
    monkeypatch.setattr("sys.stdin", type("", (), {"buffer": io.BytesIO(data)})())
    found = list(frames("-"))
    assert all(f.error is None for f in found)
    assert len(found) in (1, 10)


def test_a_recorded_video_with_and_without_a_face_is_read_to_its_end():
    found = list(frames(str(shared("samples", "face_noface.mov")), every=20))
    assert all(f.error is None for f in found)
    assert len(found) > 5


def test_a_video_under_a_pictures_name_is_still_a_video(tmp_path):
    (tmp_path / "v.jpg").write_bytes(video())
    assert len(list(frames(str(tmp_path / "v.jpg")))) == 10
