"""Faces are collected from who agreed, one face at a time, and removed again when asked."""

import json

import numpy as np
import pytest

from helpers import astronaut, encoded, faceless, filmed, mien
from mien.datasets import open_dataset
from mien.datasets.collect import SIDE, Session
from mien.labels import FER2013
from mien.sources import Frame

pytest.importorskip("pyarrow")


def frames(*images):
    return [Frame("camera", image, i, float(i)) for i, image in enumerate(images)]


def test_one_face_in_view_is_taken_and_all_else_says_why():
    session, why = Session("p1", "I agree", FER2013, id="s"), []
    two = np.hstack([astronaut()[:300, 80:380], astronaut()[:300, 80:380]])
    small = np.pad(astronaut()[::4, ::4], ((200, 200), (200, 200), (0, 0)))
    taken = list(session.taken(frames(faceless(), two, small, astronaut(), astronaut(), astronaut()), "happiness", 2, why.append))
    assert [(s.key, s.label, s.subject, s.image.shape) for s in taken] == [
        (f"p1/s/happy/00{n}", 3, "p1", (SIDE, SIDE, 3)) for n in (1, 2)
    ]
    assert why[0] == "no face in view"
    assert "2 faces in view" in why[1]
    assert len(why) == 3


@pytest.mark.parametrize(("subject", "consent"), [("", "I agree"), ("p1", "")])
def test_without_a_person_or_consent_there_is_no_session(subject, consent):
    with pytest.raises(ValueError, match=r"subject|consent"):
        Session(subject, consent, FER2013)


@pytest.mark.slow
def test_the_command_line_asks_collects_and_forgets(tmp_path):
    video, store = filmed(tmp_path / "v.webm"), tmp_path / "faces.mien"
    ask = ("data", "collect", store, "--subject", "p1", "--camera", video, "--expressions", "happy,sad", "--each", "3")
    assert b"Nothing was kept" in mien(*ask, input=b"no\n").stdout
    assert not store.exists()
    done = mien(*ask, input=b"yes\n\n\nyes\n")
    assert done.returncode == 0, done.stderr
    found = list(open_dataset(store))
    assert [(s.label, s.subject) for s in found] == [(3, "p1")] * 3 + [(4, "p1")] * 3
    again = ("data", "collect", store, "--subject", "p2", "--camera", video, "--expressions", "fear", "--each", "1")
    assert mien(*again, input=b"yes\n\nyes\n").returncode == 0
    assert len(open_dataset(store)) == 7
    assert b"consent: I agree" in mien("data", "log", store).stdout
    assert mien("data", "forget", store, "p1").returncode == 0
    first = mien("data", "log", store, "--json").stdout
    assert [s.subject for s in open_dataset(store)] == ["p2"]
    assert list(open_dataset(f"{store}@{json.loads(first)[-1]['id']}")) == []
    assert mien("data", "forget", store, "nobody").returncode == 2


@pytest.mark.slow
def test_what_was_given_on_the_pages_is_taken_in_once(tmp_path):
    from mien.feedback.corrections import Corrections
    from mien.feedback.store import Store

    kept = Store(tmp_path / "server")
    corrections = Corrections(kept, FER2013)
    corrections.add("local", "default", "sad", png=encoded(faceless()), subject="p9", agreed="I agree")
    corrections.add("local", "default", "happy", png=encoded(faceless()))
    corrections.add("local", "default", "happy")
    kept.close()
    gather = ("data", "gather", tmp_path / "faces.mien", "--data", tmp_path / "server")
    assert mien(*gather).returncode == 0
    found = list(open_dataset(tmp_path / "faces.mien"))
    assert [(s.label, s.subject) for s in found] == [(4, "p9"), (3, "")]
    assert (found[0].image == faceless()).all()
    changes = json.loads(mien("data", "diff", tmp_path / "faces.mien", "--json").stdout)
    assert changes[0]["reason"] == "consent: I agree"
    assert b"nothing new" in mien(*gather).stdout


def test_a_person_s_face_is_not_kept_without_what_they_agreed_to(tmp_path):
    from mien.feedback.corrections import Corrections
    from mien.feedback.store import Store

    with pytest.raises(ValueError, match="agreed"):
        Corrections(Store(tmp_path), FER2013).add("local", "default", "sad", png=b"", subject="p9")
