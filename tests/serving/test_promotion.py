"""A model that is promoted answers soon, and nobody who asks meanwhile goes without."""

import threading
import time

import pytest

from helpers import astronaut, encoded, mien
from mien.card import ModelCard
from mien.weights import find_card

pytestmark = pytest.mark.slow
PHOTO = encoded(astronaut(), "JPEG", quality=92)


def version(name):
    return ModelCard.load(find_card(name)).version


def test_a_promotion_under_load_loses_no_request_and_every_answer_names_its_model(start_server, tmp_path):
    server, answers, stop = start_server("--data", tmp_path), [], threading.Event()

    def asking():
        while not stop.is_set():
            found = server.ask("/v1/predict", PHOTO, content_type="image/jpeg")
            answers.append((found.status, found.json.get("model_version"), len(found.json.get("faces", ()))))

    clients = [threading.Thread(target=asking) for _ in range(6)]
    for client in clients:
        client.start()
    time.sleep(1)
    for name in ("fer2013", "mini"):
        assert mien("feedback", "promote", name, "--store", tmp_path).returncode == 0
        waited = time.monotonic()
        while answers[-1][1] != version(name):
            assert time.monotonic() - waited < 20
            time.sleep(0.05)
    assert mien("feedback", "rollback", "--store", tmp_path).returncode == 0
    time.sleep(4)
    stop.set()
    for client in clients:
        client.join()
    assert {(status, faces) for status, _, faces in answers} == {(200, 1)}
    in_turn = [version("default"), version("fer2013"), version("mini"), version("fer2013")]
    assert {v for _, v, _ in answers} == set(in_turn)
    assert answers[-1][1] == version("fer2013")
    cards = server.ask("/v1/models").json
    assert [card["version"] for card in cards if card["active"]] == [version("fer2013")]
    assert server.ask("/readyz").json["model_version"] == version("fer2013")


def test_a_server_begins_with_the_model_that_was_promoted(start_server, tmp_path):
    assert mien("feedback", "promote", "mini", "--store", tmp_path).returncode == 0
    server = start_server("--data", tmp_path)
    assert server.ask("/v1/predict", PHOTO, content_type="image/jpeg").json["model"] == "mini"


def test_a_model_with_other_classes_is_refused_while_the_server_runs(start_server, tmp_path):
    import json

    server = start_server("--data", tmp_path / "data")
    raw = json.loads(find_card("mini").read_text())
    raw |= {"labels": [*raw["labels"][:-1], "calm"], "name": "other"}
    (tmp_path / "card.json").write_text(json.dumps(raw))
    (tmp_path / raw["weights"]).write_bytes((find_card("mini").parent / raw["weights"]).read_bytes())
    assert mien("feedback", "promote", tmp_path, "--store", tmp_path / "data").returncode == 0
    time.sleep(3)
    assert server.ask("/v1/predict", PHOTO, content_type="image/jpeg").json["model"] == "default"
    assert any("has other classes" in line for line in server.said)
