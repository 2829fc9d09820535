"""What mien proposes of the faces of live sessions, what comes of it, and how it is taken back."""

import numpy as np
import pytest

from helpers import encoded, mien
from mien.labels import FER2013, LabelSet

pytest.importorskip("pyarrow")
CLEAR, UNSURE = 230, 120
"""Gray levels of faces that the two models below are sure of, and that they differ on."""


class Model:
    """Sure of `happy` where the middle of the face is bright; else it says what it is made to."""

    def __init__(self, other, labels=FER2013):
        from mien.card import ModelCard
        from mien.weights import find_card

        self.labels, self.other, self.card = labels, other, ModelCard.load(find_card("mini"))

    def __call__(self, chips):
        p = np.full((len(chips), 7), 0.05 / 6, np.float32)
        for row, chip in zip(p, chips, strict=True):
            bright = chip[20:28, 20:28].mean() > 180
            row[self.labels.index("happy" if bright else self.other)] = 0.95
        return p


def face(seed, middle=CLEAR):
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6)).astype(np.uint8)
    chip = np.kron(coarse, np.ones((8, 8), np.uint8))
    chip[18:30, 18:30] = middle
    return chip


@pytest.fixture
def store(tmp_path):
    from mien.feedback.store import Store

    store = Store(tmp_path / "s")
    yield store
    store.close()


def session(store, faces, consent="I agree", track=1, apart=1.0):
    from mien.feedback.sessions import Sessions

    sessions = Sessions(store)
    id = sessions.start("key-1", "default", "research", consent=consent)
    for i, chip in enumerate(faces):
        sessions.record(id, i * apart, track, encoded(chip))
    return id


def proposed(store, **rules):
    from mien.feedback.proposals import Proposing, crops, propose

    return propose(store, crops(store), [Model("sad"), Model("fear")], FER2013, np.zeros((0, 256)), Proposing(**rules))


def kept(store):
    from mien.feedback.corrections import Corrections

    return [(row["client"], row["expression"]) for row, _ in Corrections(store, ()).collected()]


def test_what_all_models_and_the_track_agree_on_is_proposed_and_the_rest_is_asked_about_once(store):
    session(store, [face(0), face(1), face(2, UNSURE)], apart=2.0)
    session(store, [face(3)])  # alone in its track
    session(store, [face(4), face(5, UNSURE)])  # its neighbour shows something else
    assert proposed(store) == {"agreement": 1, "question": 5}
    assert proposed(store) == {"agreement": 0, "question": 0}
    assert kept(store).count(("agreement", "happy")) == 1


def test_what_models_differ_on_is_asked_about_first():
    from mien.feedback.proposals import worth

    said = np.array([[[0.9, 0.1], [0.5, 0.5], [1.0, 0.0]], [[0.9, 0.1], [0.5, 0.5], [0.0, 1.0]]])
    sure, open_, differ = worth(said)
    assert sure < open_ < differ


def test_no_face_is_proposed_that_is_like_another_nor_too_many_of_one_session(store):
    session(store, [face(0, UNSURE)] * 3 + [face(1, UNSURE), face(2, UNSURE)])
    assert proposed(store, each=2) == {"agreement": 0, "question": 2}


def test_faces_there_are_already_are_not_asked_about(store):
    from mien.datasets.look import thumbnail
    from mien.feedback.proposals import Proposing, crops, propose

    session(store, [face(0), face(1), face(2, UNSURE)])
    known = np.stack([thumbnail(face(i, m)) for i, m in ((0, CLEAR), (1, CLEAR), (2, UNSURE))])
    assert propose(store, crops(store), [Model("sad"), Model("fear")], FER2013, known, Proposing()) == {
        "agreement": 0,
        "question": 0,
    }


def test_where_recording_was_taken_back_nothing_is_proposed(store):
    from mien.feedback.sessions import Sessions

    id = session(store, [face(0), face(1)])
    Sessions(store).settle(id, "", "")
    assert proposed(store) == {"agreement": 0, "question": 0}


def test_questions_are_never_believed_and_agreements_only_after_they_were_right(store):
    from mien.feedback.intake import Intake, believed, offered
    from mien.feedback.review import Reviews

    session(store, [face(i) for i in range(20)] + [face(99, UNSURE)])
    assert proposed(store) == {"agreement": 18, "question": 3}
    taken, waiting = believed(offered(store), Intake())
    assert (len(taken), len(waiting)) == (0, 21)
    reviews = Reviews(store, FER2013)
    agreements = [one.row["id"] for one in offered(store) if one.row["client"] == "agreement"]
    for id in agreements[:9]:
        reviews.decide(id, "me", "accepted")
    taken, waiting = believed(offered(store), Intake())
    looked_at = [id for id in agreements[9:] if int(id, 16) % 10 == 0]
    assert len(taken) == 18 - len(looked_at)
    assert {why for _, why in waiting} <= {
        "the models are unsure of it, or differ",
        "one in ten of what all models agree on is looked at",
    }
    reviews.decide(agreements[0], "me", "accepted", "sad")  # it was wrong: the trust is gone
    assert not [one for one, why in believed(offered(store), Intake())[0] if "models" in why]


def test_with_its_session_an_unused_proposal_goes_and_one_that_is_learnt_from_stays(store):
    from mien.feedback.corrections import Corrections
    from mien.feedback.intake import offered
    from mien.feedback.review import Reviews
    from mien.feedback.sessions import Sessions

    session(store, [face(i) for i in range(4)], apart=2.0)
    proposed(store)
    first, second, *others = (one.row["id"] for one in offered(store))
    Reviews(store, FER2013).decide(first, "me", "accepted")
    Corrections(store, ()).take([second])
    assert len(others) == 2
    Sessions(store).expire(before=1e12)
    assert {one.row["id"] for one in offered(store)} == {first, second}


class TestFaces:
    """What a cycle takes in of all that, on faces of its own."""

    @pytest.fixture
    def versions(self, tmp_path):
        from mien.datasets.base import Sample
        from mien.datasets.versions import Store as Versions

        versions = Versions(tmp_path / "s" / "faces.mien")
        samples = [Sample(face(i), FER2013.index("happy"), "Training", f"own/{i}") for i in range(3)]
        versions.commit(samples, FER2013, None, "begin")
        return versions

    def gathered(self, store, versions):
        from mien.feedback.intake import Intake, gathered

        return gathered(store, LabelSet(tuple(FER2013)), Intake(), (), versions)

    def test_what_came_with_the_data_is_not_taken_for_erased(self, store, tmp_path):
        from mien.datasets.base import Sample
        from mien.datasets.versions import Store as Versions
        from mien.feedback.intake import erased

        versions = Versions(tmp_path / "gathered.mien")
        versions.commit([Sample(face(0), 0, "Training", "server/of another store")], FER2013, None, "begin")
        assert erased(store, versions) == []

    def test_a_reviewer_s_word_changes_the_label_of_a_face_that_is_there_and_is_no_second_sample(self, store, versions):
        from mien.datasets.versions import VersionedDataset
        from mien.feedback.proposals import ask_about
        from mien.feedback.review import Reviews

        doubted = [(sample, "sad", "p_mislabelled 0.9") for sample in VersionedDataset(versions.path)]
        assert ask_about(store, doubted, FER2013) == 3
        assert ask_about(store, doubted, FER2013) == 3
        reviews = Reviews(store, FER2013)
        waiting = {q.offered.row["note"].split(",")[0]: q.offered.row["id"] for q in reviews.queue()}
        assert set(waiting) == {"own/0", "own/1", "own/2"}  # once, though they were asked about twice
        reviews.decide(waiting["own/0"], "me", "accepted")
        reviews.decide(waiting["own/1"], "me", "accepted", "happy")
        reviews.decide(waiting["own/2"], "me", "rejected")
        found = self.gathered(store, versions)
        assert found.new == []
        assert {key: (a.action, a.to) for key, a in found.actions.items()} == {
            "own/0": ("relabel", "sad"), "own/2": ("remove", "")
        }  # fmt: skip

    def test_a_face_that_is_there_is_not_taken_in_again_by_anybody_s_word(self, store, versions):
        from mien.feedback.corrections import Corrections

        Corrections(store, FER2013).add("local", "default", "sad", png=encoded(face(0)))
        Corrections(store, FER2013).add("local", "default", "sad", png=encoded(face(7)))
        found = self.gathered(store, versions)
        assert [sample.label for sample, _ in found.new] == [FER2013.index("sad")]
        assert found.actions == {}

    def test_what_was_erased_is_erased_from_the_faces_and_a_person_is_forgotten(self, store, versions, tmp_path):
        from mien.datasets.versions import VersionedDataset
        from mien.feedback.corrections import Corrections
        from mien.feedback.intake import erased

        put = Corrections(store, FER2013)
        ids = [put.add("local", "m", "sad", png=encoded(face(i)), subject="p1" if i > 8 else "", agreed="yes") for i in (7, 8, 9)]
        found = self.gathered(store, versions)
        whole = [*VersionedDataset(versions.path).whole(), *(sample for sample, _ in found.new)]
        versions.commit(whole, FER2013, None, "more", source="here")
        put.erase(ids[0])
        assert erased(store, versions) == [f"server/{ids[0]}"]
        assert versions.erase(erased(store, versions)) == 1
        assert {row.key for row in versions.rows()} == {"own/0", "own/1", "own/2", f"server/{ids[1]}", f"server/{ids[2]}"}
        done = mien("feedback", "forget", "p1", "--store", tmp_path / "s")
        assert b"1 corrections and 1 faces of p1 are gone" in done.stdout, done.stderr
        assert f"server/{ids[2]}" not in {row.key for row in versions.rows()}
        assert b"nothing is kept of 'p1'" in mien("feedback", "forget", "p1", "--store", tmp_path / "s").stderr
        assert b"whose corrections" in mien("feedback", "forget", "", "--store", tmp_path / "s").stderr
        assert len(kept(store)) == 1  # the one that nobody's name is on


def test_faces_of_sessions_are_chosen_by_the_command_too(store, tmp_path):
    from helpers import FACE, astronaut

    left, top, right, bottom = FACE
    picture = astronaut()[top - 20 : bottom + 20, left - 30 : right + 30]
    session(store, [picture, picture[:, ::-1].copy(), np.roll(picture, 25, 1)])
    done = mien("feedback", "ask", "--store", tmp_path / "s")
    assert done.returncode == 0, done.stderr
    asked, agreed = (int(word) for word in done.stdout.decode().split() if word.isdigit())
    assert asked + agreed == len(kept(store)) > 0
