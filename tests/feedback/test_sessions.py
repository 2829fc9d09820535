"""What is remembered of a session, who may see it, and that erasing leaves nothing."""

import time

import numpy as np
import pytest

from mien.faces import Faces
from mien.feedback.corrections import Corrections
from mien.feedback.sessions import Sessions, Timeline
from mien.feedback.store import Store
from mien.labels import LabelSet

LABELS = LabelSet(("calm", "happy"))


@pytest.fixture
def sessions(tmp_path):
    return Sessions(Store(tmp_path))


def faces(*happy, ids=None, unsure=()):
    p = np.array([(1 - h, h) for h in happy], np.float32).reshape(-1, 2)
    n = len(p)
    return Faces(
        np.zeros((n, 4), np.float32), np.ones(n, np.float32), probability=p, labels=LABELS,
        track_id=None if ids is None else np.array(ids, int), unsure=np.array(unsure or [False] * n, bool),
    )  # fmt: skip


def test_seconds_are_means_of_their_frames_track_by_track():
    timeline = Timeline()
    timeline.add(faces(0.2, 0.9, ids=[4, 7]), 0.1)
    timeline.add(faces(0.6, ids=[4], unsure=[True]), 0.9)
    timeline.add(faces(1.0, ids=[4]), 1.0)
    first, second, third = timeline.take()
    assert first == {"second": 0, "track": 4, "frames": 2, "unsure": 1, "probability": {"calm": 0.6, "happy": 0.4}}
    assert (second["track"], second["frames"]) == (7, 1)
    assert (third["second"], third["probability"]["happy"]) == (1, 1.0)
    assert timeline.take() == []


def test_a_second_that_goes_on_is_kept_back():
    timeline = Timeline()
    timeline.add(faces(0.2), 0.5)
    timeline.add(faces(0.2), 1.5)
    assert [row["second"] for row in timeline.take(before=1.6)] == [0]
    assert [row["second"] for row in timeline.take()] == [1]


def test_unclassified_faces_and_none_add_nothing():
    timeline = Timeline()
    timeline.add(Faces.none(), 0.0)
    timeline.add(faces(), 0.0)
    assert timeline.take() == []


def moment(second, track=1, happy=0.5):
    return {"second": second, "track": track, "frames": 2, "unsure": 0, "probability": {"calm": 1 - happy, "happy": happy}}


def test_a_session_is_listed_and_exported_with_what_was_seen(sessions):
    id = sessions.start("local", "default", "personal", title="talk")
    sessions.add(id, [moment(0), moment(1), moment(1, track=2)])
    sessions.add(id, [moment(1, happy=1.0)])
    sessions.mark(id, 0.5, "question")
    sessions.end(id)
    (row,) = sessions.all()
    assert (row["id"], row["title"], row["seconds"], row["faces"]) == (id, "talk", 2, 6)
    whole = sessions.export(id)
    assert [(m["second"], m["track"]) for m in whole["moments"]] == [(0, 1), (1, 1), (1, 2)]
    assert whole["moments"][1]["probability"]["happy"] == 1.0
    assert whole["marks"] == [{"time_s": 0.5, "text": "question"}]
    assert whole["ended"] >= whole["started"]


def test_a_client_sees_and_erases_only_its_own(sessions):
    mine, other = (sessions.start(client, "default", "personal") for client in ("me", "you"))
    assert [row["id"] for row in sessions.all("me")] == [mine]
    for forbidden in (sessions.export, sessions.erase, sessions.records):
        with pytest.raises(LookupError, match=other):
            forbidden(other, "me")
    sessions.erase(mine, "me")
    assert [row["id"] for row in sessions.all()] == [other]


def test_nothing_is_recorded_without_consent(sessions):
    id = sessions.start("me", "default", "research")
    with pytest.raises(PermissionError):
        sessions.record(id, 0.0, 1, b"png")
    sessions.settle(id, "", "I agree that crops of my face are kept.")
    sessions.record(id, 0.5, 1, b"png")
    assert sessions.records(id) == [(0.5, 1, b"png")]
    assert sessions.export(id)["records"] == 1
    sessions.settle(id, "", "")
    with pytest.raises(PermissionError):
        sessions.record(id, 1.0, 1, b"png")


def test_an_erased_session_is_not_on_the_disk(tmp_path):
    sessions = Sessions(Store(tmp_path))
    id = sessions.start("me", "default", "research", consent="yes")
    sessions.record(id, 0.0, 1, b"a-face-to-look-for")
    sessions.mark(id, 0.0, "a-mark-to-look-for")
    sessions.erase(id)
    assert all(b"to-look-for" not in file.read_bytes() for file in tmp_path.iterdir())


def test_old_sessions_expire(sessions):
    old, new = sessions.start("me", "default", "personal"), sessions.start("me", "default", "personal")
    sessions.end(old)
    between = time.time()
    sessions.end(new)
    assert sessions.expire(between) == [old]
    assert [row["id"] for row in sessions.all()] == [new]
    assert sessions.expire(time.time() + 1, but={new}) == []
    assert sessions.expire(time.time() + 1) == [new]


def test_an_absent_session_is_an_error(sessions):
    for call in (lambda: sessions.end("x"), lambda: sessions.mark("x", 0.0, "t"), lambda: sessions.record("x", 0.0, 1, b""),
                 lambda: sessions.add("x", [moment(0)]), lambda: sessions.settle("x", "", "yes")):  # fmt: skip
        with pytest.raises(LookupError, match="no session x"):
            call()


def test_corrections_are_kept_with_the_answer_and_the_crop_only_if_given(tmp_path):
    corrections = Corrections(Store(tmp_path), LABELS)
    plain = corrections.add("me", "default", "happy", given={"calm": 0.9, "happy": 0.1}, note="smile")
    shown = corrections.add("you", "default", "calm", png=b"png")
    assert [row["id"] for row in corrections.all()] == [shown, plain]
    (row,) = corrections.all("me")
    assert (row["expression"], row["given"], row["consent"], row["note"]) == (
        "happy",
        {"calm": 0.9, "happy": 0.1},
        False,
        "smile",
    )
    assert (corrections.png(plain), corrections.png(shown)) == (None, b"png")
    with pytest.raises(LookupError):
        corrections.erase(shown, "me")
    corrections.erase(shown)
    assert len(corrections.all()) == 1


def test_a_correction_names_an_expression_there_is(tmp_path):
    with pytest.raises(ValueError, match="no expression 'smug'; there are: calm, happy"):
        Corrections(Store(tmp_path), LABELS).add("me", "default", "smug")
