"""What people are asked about, and what becomes of their word."""

import json

import numpy as np
import pytest

from helpers import encoded, mien
from mien.labels import FER2013


@pytest.fixture
def store(tmp_path):
    from mien.feedback.store import Store

    store = Store(tmp_path / "s")
    yield store
    store.close()


@pytest.fixture
def reviews(store):
    from mien.feedback.review import Reviews

    return Reviews(store, FER2013)


def given(store, n=3, client="key-1", sure=None, seed=0):
    """Corrections from a client who is not believed yet; `sure`: the answers' highest probabilities."""
    from mien.feedback.corrections import Corrections

    draw, ids = np.random.default_rng(seed), []
    for i in range(n):
        png = encoded(draw.integers(0, 256, (48, 48)).astype(np.uint8))
        p = None if sure is None else {"sad": sure[i], "happy": 1 - sure[i]}
        ids.append(Corrections(store, FER2013).add(client, "default", "happy", png=png, given=p))
    return ids


def test_the_least_sure_comes_first_and_what_was_not_measured_before_all(store, reviews):
    ids = given(store, 3, sure=[0.99, 0.6, 0.8]) + given(store, 1, seed=1)
    assert [q.offered.row["id"] for q in reviews.queue()] == [ids[3], ids[1], ids[2], ids[0]]


def test_what_is_decided_leaves_the_queue_and_what_is_reopened_comes_back(store, reviews):
    from mien.feedback.intake import Intake, believed, offered

    first, second, third = given(store)
    reviews.decide(first, "me", "accepted", "fear")
    reviews.decide(second, "me", "rejected")
    assert [q.offered.row["id"] for q in reviews.queue()] == [third]
    taken, _ = believed(offered(store), Intake())
    assert [(one.row["id"], one.expression, why) for one, why in taken] == [(first, "fear", "reviewed by me")]
    reviews.decide(first, "me", "reopened")
    assert {q.offered.row["id"] for q in reviews.queue()} == {first, third}
    assert [note["action"] for note in store.notes(3)] == ["review"] * 3


def test_what_was_rejected_contradicts_nobody(store, reviews):
    from mien.feedback.corrections import Corrections
    from mien.feedback.intake import Intake, believed, offered

    png = encoded(np.zeros((48, 48), np.uint8))
    right, wrong = (Corrections(store, FER2013).add("local", "default", name, png=png) for name in ("happy", "sad"))
    assert {q.offered.row["id"] for q in reviews.queue()} == {right, wrong}
    reviews.decide(wrong, "me", "rejected")
    assert [one.row["id"] for one, _ in believed(offered(store), Intake())[0]] == [right]


def test_what_cannot_be_decided_is_said(store, reviews):
    own, *_ = given(store)
    with pytest.raises(ValueError, match="no decision 'maybe'; there are: accepted, rejected, reopened"):
        reviews.decide(own, "me", "maybe")
    with pytest.raises(ValueError, match="no expression 'smug'; there are: angry"):
        reviews.decide(own, "me", "accepted", "smug")
    with pytest.raises(LookupError, match="no correction nothing"):
        reviews.decide("nothing", "me", "accepted")
    with pytest.raises(PermissionError, match="a correction of their own"):
        reviews.decide(own, "key-1", "accepted")
    assert not reviews.open_to(reviews.queue()[0], "key-1")


def test_faces_are_reviewed_in_the_terminal(store, reviews, tmp_path):
    ids = given(store, 4, sure=[0.6, 0.7, 0.8, 0.9])
    done = mien("feedback", "review", "--store", tmp_path / "s", input=b"4\nx\nz\n7\ns\nnonsense\nq\n")
    assert done.returncode == 0, done.stderr.decode()
    assert b"4 wait. What does this face show?" in done.stdout
    assert b"'nonsense' is none of these" in done.stderr
    assert b"2 decided" in done.stdout
    assert {q.offered.row["id"] for q in reviews.queue()} == set(ids[2:])
    listed = mien("feedback", "review", "--store", tmp_path / "s", "--json")
    assert [row["id"] for row in json.loads(listed.stdout)] == ids[2:]
    assert b"has not been right often enough yet" in mien("feedback", "review", "--store", tmp_path / "s", "--list").stdout


def test_the_terminal_s_picture_has_two_pixels_a_character():
    from mien.cli.feedback_review import SIDE, blocks

    text = blocks(np.full((48, 48), 128, np.uint8))
    lines = text.plain.splitlines()
    assert (len(lines), set(map(len, lines))) == (SIDE // 2, {SIDE})
    assert text.spans[0].style == "rgb(128,128,128) on rgb(128,128,128)"
