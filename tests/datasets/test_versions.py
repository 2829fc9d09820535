"""Versions of a dataset: told apart by content, compared, and got back as they were."""

from dataclasses import replace

import numpy as np
import pytest

from helpers import encoded, mien, noise
from mien.datasets import Sample
from mien.datasets.audit import Action
from mien.datasets.clean import Cleaned
from mien.datasets.look import image_id
from mien.datasets.versions import Store, VersionedDataset
from mien.labels import FER2013, FERPLUS

pytest.importorskip("pyarrow")


def some(n=6):
    votes = np.arange(10, dtype=np.uint8)
    return [Sample(noise(20, 16, seed=i), i % 7, "Training", f"k{i}", votes if i % 2 else None, f"s{i % 2}") for i in range(n)]


def told(samples):
    return [
        (s.image.tobytes(), s.image.shape, s.label, s.split, s.key, None if s.votes is None else s.votes.tolist(), s.subject)
        for s in samples
    ]


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "d.mien")


def commit(store, samples, reason="why", **more):
    return store.commit(samples, FER2013, FERPLUS, reason, **more)


def test_a_version_gives_back_what_was_put_in(store):
    made = commit(store, some(), source="x.npz", actor="me")
    found = VersionedDataset(store.path)
    assert told(found) == told(some())
    assert (found.labels, found.vote_labels, len(found)) == (FER2013, FERPLUS, 6)
    assert (made.parent, made.actor, made.source, made.changes["added"]) == ("", "me", "x.npz", 6)


def test_a_change_keeps_its_reason_and_the_old_version_stays(store):
    first = commit(store, some())
    fewer = [replace(s, label=5) if s.key == "k2" else s for s in some() if s.key != "k4"]
    second = commit(store, [*fewer, Sample(noise(4, 4), 1, "PublicTest", "new")], reasons={"k4": "blank"}, reason="mended")
    assert (second.parent, second.samples, second.changes) == (first.id, 6, {"added": 1, "removed": 1, "changed": 1})
    changes = {change["key"]: change for change in store.changes()}
    assert (changes["k4"]["change"], changes["k4"]["reason"]) == ("removed", "blank")
    assert (changes["k2"]["before"], changes["k2"]["after"]) == ("label fear", "label surprise")
    assert (changes["new"]["change"], changes["new"]["reason"]) == ("added", "mended")
    assert told(VersionedDataset(f"{store.path}@{first.id[:6]}")) == told(some())
    assert [version.id for version in store.log()] == [second.id, first.id]
    back = store.between(second.id, first.id)
    assert {c["key"]: c["change"] for c in back} == {"k4": "added", "k2": "changed", "new": "removed"}


def test_reasons_are_kept_over_several_versions(store):
    first = commit(store, some())
    commit(store, some()[1:], reasons={"k0": "blurred"})
    third = commit(store, some()[2:], reasons={"k1": "blank"})
    assert {c["key"]: c["reason"] for c in store.between(first.id)} == {"k0": "blurred", "k1": "blank"}
    assert store.between(third.id, third.id) == []


def test_an_id_follows_from_the_content(store, tmp_path):
    other = commit(Store(tmp_path / "other.mien"), some())
    assert commit(store, some()).id == other.id
    assert commit(store, some()).id == other.id  # nothing new: no new version
    assert len(store.log()) == 1


def test_a_picture_is_stored_once(store):
    commit(store, some())
    commit(store, some()[:3])
    commit(store, [*some(), replace(some()[0], key="copy")])
    assert len(list((store.path / "images").iterdir())) == 1


def test_what_is_wrong_is_said(store, tmp_path):
    with pytest.raises(ValueError, match="the key k0"):
        commit(store, [*some(), *some()])
    commit(store, some())
    with pytest.raises(ValueError, match="no version begins with 'zz'; there are:"):
        store.version("zz")
    (tmp_path / "file").write_text("x")
    with pytest.raises(ValueError, match="no folder of versions"):
        Store(tmp_path / "file")


def test_a_lost_picture_is_named_and_the_rest_goes_through(store):
    commit(store, some(3))
    lost = VersionedDataset(store.path)
    lost.store.__dict__["_places"] = {k: v for k, v in lost.store._places.items() if k != image_id(some()[1].image).hex()}
    assert [s.key for s in lost] == ["k0", "k2"]
    assert "is missing" in lost.problems[0]


def test_actions_are_done_and_those_that_do_not_fit_are_named():
    def of(key, action, **more):
        return Action(key, "Training", "", action, "reason", **more)

    actions = [
        of("k0", "remove", image=image_id(some()[0].image).hex()[:16]), of("k1", "relabel", to="happiness"),
        of("k2", "look"), of("k3", "remove", image="0" * 16), of("k4", "relabel", to="bored"), of("k9", "remove"),
    ]  # fmt: skip
    cleaned = Cleaned(some(), FER2013, {a.key: a for a in actions})
    left = {s.key: s.label for s in cleaned}
    assert left == {"k1": 3, "k2": 2, "k3": 3, "k4": 4, "k5": 5}
    assert cleaned.reasons == {"k0": "reason", "k1": "reason"}
    assert [line.split(":")[0] for line in cleaned.problems] == ["k3", "k4", "k9"]


def test_a_person_who_took_consent_back_is_gone_and_not_taken_in_again(store):
    commit(store, some())
    second = commit(store, some()[1:])
    assert store.forget("s1") == 3
    assert (store.version().samples, store.version().forgotten) == (2, 3)
    stored = b"".join(p.read_bytes() for p in (store.path / "versions").iterdir())
    assert b"s1" not in stored
    assert b"k3" not in stored
    assert {c["key"] for c in store.changes(second.id)} == {"k0"}
    with pytest.raises(ValueError, match="s1 took consent back"):
        commit(store, some())
    assert commit(store, [s for s in some() if s.subject != "s1"]).samples == 3


@pytest.mark.parametrize("subject", ["", "nobody"])
def test_who_is_not_there_cannot_be_forgotten(store, subject):
    commit(store, [*some(), Sample(noise(20, 20), 1, "Training", "nameless")])
    with pytest.raises(ValueError, match=f"no samples of a subject '{subject}'; there are: s0, s1"):
        store.forget(subject)
    assert not (store.path / "forgotten").exists()
    assert len(list(VersionedDataset(store.path))) == 7


@pytest.mark.slow
def test_another_set_is_added_by_the_names_of_its_classes(tmp_path):
    from mien.datasets import open_dataset

    for folder, name in (("a", "happy"), ("a", "sad"), ("b", "sad")):
        (tmp_path / folder / name).mkdir(parents=True)
        (tmp_path / folder / name / "1.png").write_bytes(encoded(noise(20, 20, seed=len(folder + name))))
    (tmp_path / "c" / "bored").mkdir(parents=True)
    (tmp_path / "c" / "bored" / "1.png").write_bytes(encoded(noise(20, 20)))
    store = tmp_path / "d.mien"
    assert mien("data", "add", store, tmp_path / "a").returncode == 0
    done = mien("data", "add", store, tmp_path / "b")
    assert b"3 samples, 1 of them new" in done.stdout, done.stderr
    found = open_dataset(store)
    assert [(s.key, found.labels[s.label]) for s in found][-1] == ("b/sad/1.png", "sad")
    refused = mien("data", "add", store, tmp_path / "c")
    assert (refused.returncode, b"no class named bored" in refused.stderr) == (2, True)


def test_an_action_that_contradicts_another_is_refused(tmp_path):
    from mien.datasets.clean import by_key

    once = Action("7", "Training", "happy", "remove", "blank", "", "", "")
    assert by_key([once, once], tmp_path) == {"7": once}
    with pytest.raises(ValueError, match="7 is there twice, with remove and with look"):
        by_key([once, replace(once, action="look")], tmp_path)
