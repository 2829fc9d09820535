"""What an audit finds, what it proposes, and that nothing is lost when it is done."""

import json

import numpy as np
import pytest

from helpers import mien, noise, shared
from mien.datasets import Sample, open_dataset
from mien.datasets.audit import LOOK, REMOVE, actions, audit, read_actions, summary, write_actions
from mien.datasets.audit_report import report
from mien.datasets.base import WRITERS, kind_of
from mien.datasets.look import look
from mien.image import resize
from mien.labels import FER2013, FERPLUS


def blocks(seed):
    """A sharp picture that stays alike when it is a little changed."""
    return noise(6, 6, seed=seed).repeat(8, 0).repeat(8, 1)


def face(seed, label, split="Training", key=None, votes=None):
    return Sample(blocks(seed), label, split, key or f"{seed}-{label}-{split}", votes)


class Faces:
    """Samples as a dataset."""

    def __init__(self, samples, vote_labels=None):
        self.samples, self.labels, self.vote_labels, self.problems = samples, FER2013, vote_labels, []

    def __len__(self):
        return len(self.samples)

    def __iter__(self):
        return iter(self.samples)


def by_key(samples, **more):
    found = audit(Faces(samples, FERPLUS), **more)
    return found, {action.key: action for action in actions(found)}


def test_copies_are_counted_within_and_across_splits():
    samples = [face(0, 3), face(0, 3, "PublicTest"), face(0, 3, "PrivateTest"), face(1, 2), face(1, 2, key="again"), face(2, 1)]
    found, proposed = by_key(samples)
    s = summary(found)
    assert (s["duplicate_groups"], s["redundant"], s["conflicting_groups"]) == (2, 3, 0)
    assert s["cross_split"] == {"Training/PublicTest": 1, "Training/PrivateTest": 1, "PublicTest/PrivateTest": 1}
    assert sorted(proposed) == ["0-3-PublicTest", "0-3-Training", "again"]  # what is tested on is kept
    assert all(action.action == REMOVE for action in proposed.values())
    assert proposed["0-3-Training"].twin == "0-3-PrivateTest"


def test_of_copies_under_several_labels_none_is_learnt_from_unless_people_agree():
    _, proposed = by_key([face(0, 3), face(0, 4), face(1, 3), face(1, 4, "PublicTest")])
    assert {key: action.action for key, action in proposed.items()} == {
        "0-3-Training": REMOVE, "0-4-Training": REMOVE, "1-3-Training": REMOVE, "1-4-PublicTest": LOOK,
    }  # fmt: skip
    happy = np.array([0, 9, 0, 0, 1, 0, 0, 0, 0, 0], np.uint8)
    _, proposed = by_key([face(0, 3, votes=happy), face(0, 4, votes=happy)])
    assert sorted(proposed) == ["0-4-Training"]


def test_a_near_copy_is_shown_to_a_person_and_another_face_is_not():
    near = np.clip(blocks(0).astype(int) + 3, 0, 255).astype(np.uint8)
    found, proposed = by_key([face(0, 3), Sample(near, 3, "Training", "near"), face(5, 3), face(6, 3)])
    assert found.look_alikes == [[0, 1]]
    assert (proposed["near"].action, proposed["near"].twin) == (LOOK, "0-3-Training")
    assert by_key([face(0, 3), Sample(near, 3, "Training", "near")], alike=False)[0].look_alikes == []


@pytest.mark.parametrize(
    ("image", "fault"),
    [
        (np.full((48, 48), 9, np.uint8), "blank"), (noise(48, 48) // 16, "dark"), (255 - noise(48, 48) // 16, "bright"),
        (120 + noise(48, 48) // 32, "pale"), (resize(noise(6, 6), 48, 48).reshape(48, 48), "blurred"),
    ],
    ids=["blank", "dark", "bright", "pale", "blurred"],
)  # fmt: skip
def test_what_makes_a_picture_hard_to_read_is_named(image, fault):
    assert fault in look(image).faults
    assert look(noise(48, 48)).faults == []


def test_other_sizes_votes_and_predictions_are_shown_to_a_person():
    pytest.importorskip("cleanlab")
    sad = np.array([0, 0, 0, 8, 0, 0, 0, 0, 0, 2], np.uint8)
    samples = [Sample(noise(48, 48, seed=i), i % 2, "Training", str(i)) for i in range(40)]
    samples += [
        Sample(noise(48, 48, seed=50), 3, "Training", "voted", sad),
        Sample(noise(60, 48, seed=51), 3, "Training", "tall"),
    ]
    predictions = np.full((42, 7), 0.02)
    predictions[np.arange(42), [sample.label for sample in samples]] = 0.88
    predictions[4] = np.roll(predictions[4], 1)
    found, proposed = by_key(samples, predictions=predictions)
    assert (proposed["voted"].to, proposed["voted"].action) == ("sad", LOOK)
    assert "another size" in proposed["tall"].reason
    assert (proposed["4"].to, proposed["4"].label) == ("disgust", "angry")
    assert len(found.suspects) == 1


def test_predictions_of_another_form_are_refused():
    with pytest.raises(ValueError, match=r"wanted \(1, 7\)"):
        by_key([face(0, 3)], predictions=np.zeros((2, 7)))


def test_a_detector_is_asked_when_wanted():
    samples = [face(0, 3), face(1, 3)]
    answers = iter([[], [1]])
    found, proposed = by_key(samples, faces=lambda picture: next(answers))
    assert found.faceless == [0]
    assert "no face" in next(iter(proposed.values())).reason
    assert summary(by_key(samples)[0])["without_a_face"] is None


def test_actions_are_written_read_and_checked(tmp_path):
    _, proposed = by_key([face(0, 3), face(0, 3, key='a,"b"')])
    write_actions(list(proposed.values()), tmp_path / "a.csv")
    assert read_actions(tmp_path / "a.csv") == list(proposed.values())
    (tmp_path / "b.csv").write_text("key,action\n1,destroy\n")
    with pytest.raises(ValueError, match="line 2: action 'destroy'"):
        read_actions(tmp_path / "b.csv")
    (tmp_path / "c.csv").write_text("x,y\n")
    with pytest.raises(ValueError, match="must have key and action"):
        read_actions(tmp_path / "c.csv")


def test_the_page_shows_what_was_found_and_escapes_it():
    faces = Faces([face(0, 3), face(0, 4, key="<b>"), *[face(i, 2) for i in range(5, 9)]])
    found = audit(faces)
    page = report(found, summary(found), faces, "set <1>")
    assert "Audit of set &lt;1&gt;" in page
    assert "&lt;b&gt;" in page
    assert page.count("data:image/png") >= 2


def test_an_empty_set_has_nothing_wrong():
    s = summary(audit(Faces([])))
    assert (s["samples"], s["duplicate_groups"], s["counts"], s["cross_split"]) == (0, 0, {}, {})


def written(path, samples):
    with WRITERS[kind_of(path)](path, FER2013, None) as write:
        for sample in samples:
            write(sample)
    return path


@pytest.mark.slow
def test_the_command_line_audits_cleans_and_gets_everything_back(tmp_path):
    pytest.importorskip("pyarrow")
    samples = [Sample(noise(48, 48, seed=i // 2), i % 7 if i == 1 else 0, "Training", str(i)) for i in range(8)]
    data = written(tmp_path / "d.npz", samples)
    done = mien("data", "audit", data, "--json", "--to", tmp_path / "out")
    assert (done.returncode, json.loads(done.stdout)["redundant"]) == (0, 4)
    assert (tmp_path / "out" / "report.html").read_text().startswith("<!doctype html>")
    assert mien("data", "clean", data, "--apply", tmp_path / "out" / "actions.csv").returncode == 0
    store = tmp_path / "d.npz.mien"
    assert len(open_dataset(store)) == 3
    newest, first = json.loads(mien("data", "log", store, "--json").stdout)
    assert (newest["parent"], newest["changes"]["removed"], first["source"]) == (first["id"], 5, "d.npz")
    changes = json.loads(mien("data", "diff", store, "--json").stdout)
    assert {change["reason"] for change in changes} == {"the same picture", "the same picture under another label"}
    assert mien("data", "checkout", store, first["id"][:8], tmp_path / "back.npz").returncode == 0
    before, after = np.load(data), np.load(tmp_path / "back.npz")
    assert all(np.array_equal(before[name], after[name]) for name in before.files)


@pytest.mark.slow
def test_what_is_known_of_fer2013_is_found():
    s = summary(audit(open_dataset(shared("data", "fer2013.npz"))))
    assert (s["samples"], s["duplicate_groups"], s["redundant"]) == (35887, 1516, 1853)
    assert (s["conflicting_groups"], s["blank"]) == (57, 12)
    assert s["cross_split"] == {"Training/PublicTest": 280, "Training/PrivateTest": 288, "PublicTest/PrivateTest": 44}
