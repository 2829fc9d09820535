"""Models that a store keeps: promoted, taken back, never half there."""

import json

import pytest

from helpers import mien
from mien.card import ModelCard
from mien.feedback.shelf import Shelf
from mien.feedback.store import Store
from mien.weights import find_card


@pytest.fixture
def shelf(tmp_path):
    store = Store(tmp_path)
    yield Shelf(store)
    store.close()


def test_a_model_is_kept_under_its_version_and_found_by_it(shelf):
    version = shelf.add("mini", name="mine")
    assert version == shelf.add("mini") == ModelCard.load(find_card("mini")).version
    assert shelf.versions() == [version]
    assert ModelCard.load(shelf.card(version)).name == "mine"
    assert ModelCard.load(shelf.card(version)).version == version


def test_nothing_was_promoted_so_the_packaged_one_answers(shelf):
    assert shelf.current == ""
    assert shelf.card("") == find_card()
    with pytest.raises(ValueError, match="none to take back"):
        shelf.roll_back("me")


def test_promotions_are_taken_back_one_by_one(shelf):
    first, second = shelf.add("mini"), shelf.add("fer2013")
    shelf.promote(first, "me", "smaller")
    shelf.promote(second, "me", "better")
    assert shelf.current == second
    assert shelf.roll_back("me") == (second, first)
    assert shelf.roll_back("me") == (first, "")
    assert [row["undone"] for row in shelf.history()] == [True, True]
    assert [note["action"] for note in shelf.store.notes(9)] == ["promote", "promote", "roll back", "roll back"]


def test_what_is_not_whole_is_not_promoted(shelf):
    version = shelf.add("mini")
    (shelf.card(version).parent / "mini_xception.onnx").write_bytes(b"half")
    with pytest.raises(ValueError, match="sha256 differs"):
        shelf.promote(version, "me", "")
    with pytest.raises(ValueError, match="no model 'abc'"):
        shelf.promote("abc", "me", "")
    assert shelf.current == ""


def test_a_copy_that_was_stopped_is_no_model(shelf):
    (shelf.folder / "0123456789ab.77.new").mkdir(parents=True)
    (shelf.folder / "0123456789ab.77.new" / "card.json").write_text("{")
    assert shelf.versions() == []


def test_the_version_is_of_what_answers_alone():
    card = ModelCard.load(find_card("mini"))
    raw = json.loads(card.to_json())
    same = {**raw, "name": "x", "metrics": {}, "command": "y"}
    other = {**raw, "temperature": raw["temperature"] + 0.1}
    assert _loaded(same).version == card.version != _loaded(other).version


def _loaded(raw):
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "card.json"
        path.write_text(json.dumps(raw))
        return ModelCard.load(path)


def test_the_command_line_promotes_and_takes_back(tmp_path):
    assert mien("feedback", "promote", "mini", "--store", tmp_path).returncode == 0
    shown = mien("feedback", "models", "--store", tmp_path).stdout.decode()
    assert "answers" in shown
    assert "mini" in shown
    done = mien("feedback", "rollback", "--store", tmp_path)
    assert b"the packaged model answers now" in done.stdout
    again = mien("feedback", "rollback", "--store", tmp_path)
    assert again.returncode == 2
    assert b"none to take back" in again.stderr
