import av
import numpy as np
import pytest

from helpers import faceless, some_faces
from mien.annotators import annotate
from mien.annotators.save import Copies
from mien.faces import Faces
from mien.sources import Frame


def test_drawing_leaves_the_input_alone_and_marks_the_faces():
    picture = faceless(120, 200)
    drawn = annotate(picture, some_faces(2))
    assert np.array_equal(picture, faceless(120, 200))
    assert drawn.shape == picture.shape
    assert not np.array_equal(drawn, picture)


def test_no_faces_leave_the_picture_as_it_is():
    assert np.array_equal(annotate(faceless(), Faces.none()), faceless())


def test_boxes_that_leave_the_picture_and_undetermined_faces_can_be_drawn():
    face = Faces(np.array([[-20.0, -30, 500, 400]], np.float32), np.ones(1, np.float32))
    assert annotate(faceless(), face).shape == faceless().shape


def test_two_pictures_of_one_name_get_two_files(tmp_path):
    with Copies(tmp_path) as copies:
        for source in ("a/face.jpg", "b/face.jpg"):
            copies(Frame(source, faceless()), some_faces(1))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["face-2.jpg", "face.jpg"]


@pytest.mark.parametrize("shape", [(120, 160), (121, 161)])
def test_a_video_becomes_a_video_of_as_many_frames(tmp_path, shape):
    with Copies(tmp_path) as copies:
        for i in range(7):
            copies(Frame("v.mov", faceless(*shape), i, i / 10, moving=True), some_faces(1))
    with av.open(str(tmp_path / "v.mp4")) as video:
        assert [round(f.time, 2) for f in video.decode(video=0)] == [round(i / 10, 2) for i in range(7)]


def test_a_file_that_is_there_is_never_overwritten(tmp_path):
    (tmp_path / "face.jpg").write_bytes(b"mine")
    with Copies(tmp_path) as copies:
        copies(Frame(str(tmp_path / "face.jpg"), faceless()), some_faces(1))
    assert (tmp_path / "face.jpg").read_bytes() == b"mine"
    assert (tmp_path / "face-2.jpg").exists()
