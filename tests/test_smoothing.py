"""Steadier probabilities along a track; what the frame said is kept."""

import numpy as np
import pytest

from mien.faces import Faces
from mien.labels import LabelSet
from mien.smoothing import SMOOTHERS

LABELS = LabelSet(("calm", "happy", "sad"))
CALM, HAPPY = (0.8, 0.15, 0.05), (0.2, 0.75, 0.05)


def faces(*rows, ids=None):
    n = len(rows)
    return Faces(
        np.zeros((n, 4), np.float32), np.ones(n, np.float32), track_id=np.array(ids if ids is not None else range(n), int),
        probability=np.array(rows, np.float32).reshape(n, 3), labels=LABELS,
    )  # fmt: skip


@pytest.fixture(params=list(SMOOTHERS))
def smooth(request):
    return SMOOTHERS[request.param]()


def test_what_the_frame_said_is_kept(smooth):
    smooth(faces(CALM))
    found = smooth(faces(HAPPY))
    assert found.raw[0].tolist() == pytest.approx(HAPPY)
    assert found.probability.sum(1) == pytest.approx(1)


def test_the_first_frame_is_as_it_is(smooth):
    assert smooth(faces(HAPPY)).probability[0].tolist() == pytest.approx(HAPPY)


def test_no_face_and_unclassified_faces_go_through(smooth):
    assert len(smooth(faces())) == 0
    assert smooth(Faces.none()).probability is None


def test_a_lasting_change_arrives(smooth):
    for i in range(50):
        found = smooth(faces(CALM if i < 10 else HAPPY), i / 25)
    assert found.expression == ["happy"]
    assert found.probability[0, 1] == pytest.approx(0.75, abs=0.02)


def test_tracks_do_not_mix(smooth):
    for i in range(30):
        found = smooth(faces(CALM, HAPPY, ids=[7, 3]), i / 25)
    assert found.expression == ["calm", "happy"]


def test_a_track_seen_after_long_starts_anew(smooth):
    smooth(faces(CALM), 0.0)
    assert smooth(faces(HAPPY), 60.0).probability[0].tolist() == pytest.approx(HAPPY)


@pytest.mark.parametrize("name", ["ema", "majority"])
def test_one_odd_frame_changes_no_name(name):
    smooth = SMOOTHERS[name]()
    said = [smooth(faces(HAPPY if i == 15 else CALM), i / 25).expression[0] for i in range(30)]
    assert set(said) == {"calm"}


def test_the_average_is_one_of_time_not_of_frames():
    """Half a life passed: half the way, at any pace."""
    for pace in (10, 50):
        smooth = SMOOTHERS["ema"](halflife=0.2)
        smooth(faces(CALM), 0.0)
        for i in range(1, pace // 5 + 1):
            found = smooth(faces(HAPPY), i / pace)
        assert found.probability[0, 0] == pytest.approx(0.5, abs=1e-3)


def test_the_majority_holds_a_name_until_another_leads_clearly():
    """Two names that take turns: without the lead the answer would flicker."""
    near = ((0.46, 0.44, 0.1), (0.44, 0.46, 0.1))
    smooth = SMOOTHERS["majority"](window=0.1, lead=0.1)
    said = [smooth(faces(near[i % 2]), i / 25).expression[0] for i in range(40)]
    assert said == ["calm"] * 40
