import json

import numpy as np
import pytest

from helpers import some_faces
from mien.faces import Faces, flat


def test_no_faces_is_a_value_like_any_other():
    none = Faces.none()
    assert len(none) == 0
    assert none.to_dict() == []
    assert len(none[:3]) == 0
    assert list(none) == []


def test_indexing_slicing_and_masks_give_faces():
    faces = some_faces(3)
    assert len(faces[0]) == 1
    assert faces[-1].score[0] == faces.score[2]
    assert len(faces[faces.score > 0.84]) == 2
    assert [len(f) for f in faces] == [1, 1, 1]
    with pytest.raises(IndexError, match="face 3 of 3"):
        faces[3]


def test_faces_cannot_be_changed_in_place():
    with pytest.raises(ValueError, match="read-only"):
        some_faces().box[0, 0] = 1


def test_having_adds_columns_and_checks_their_length():
    faces = some_faces(2)
    assert faces.having(track_id=np.array([4, 7])).to_dict()[1]["track_id"] == 7
    with pytest.raises(ValueError, match="track_id has 3 rows; there are 2 faces"):
        faces.having(track_id=np.arange(3))


def test_the_answer_of_a_face_is_plain_json_with_the_agreed_keys():
    row = json.loads(json.dumps(some_faces(1).to_dict()))[0]
    assert list(row) == [
        "box", "score", "landmarks", "expression", "confidence", "unsure", "quality", "probability", "track_id", "raw",
    ]  # fmt: skip
    assert max(row["probability"], key=row["probability"].get) == row["expression"]
    assert row["confidence"] == row["probability"][row["expression"]]


def test_expression_before_classification_is_a_clear_error():
    with pytest.raises(ValueError, match="detected, not classified"):
        _ = Faces(np.zeros((1, 4), np.float32), np.ones(1, np.float32)).expression


def test_a_frame_has_a_row_a_face():
    frame = some_faces(2).to_frame()
    assert frame.shape[0] == 2
    assert {"box_left", "probability_happy", "right_eye_x"} <= set(frame.columns)


def test_flat_rows_do_without_landmarks():
    assert "nose_x" not in flat(some_faces(1).having(landmarks=None).to_dict()[0])


def test_the_callers_own_arrays_stay_writeable_and_lists_are_taken():
    box = np.zeros((1, 4), np.float32)
    faces = Faces(box, [0.5])
    box[0] = 7
    assert faces.score[0] == 0.5


def test_errors_survive_pickling():
    import pickle

    from mien import ImageError

    again = pickle.loads(pickle.dumps(ImageError("empty", "a.jpg: zero bytes")))
    assert (again.kind, str(again)) == ("empty", "a.jpg: zero bytes")


@pytest.mark.parametrize("wrong", [{"landmarks": np.zeros((2, 3))}, {"probability": np.zeros((2, 3))}])
def test_columns_of_another_shape_are_refused(wrong):
    with pytest.raises(ValueError, match="must be"):
        some_faces(2).having(**wrong)
