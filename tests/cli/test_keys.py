"""`mien keys` and `mien audit`, as a user has them."""

import json

import pytest

from helpers import mien


def said(*args):
    return mien(*args, text=True)


@pytest.mark.slow
def test_what_is_done_with_keys_is_shown_and_written_down(tmp_path):
    assert "no keys; make one" in said("keys", "list", "--data", tmp_path).stdout
    assert "nothing happened here yet" in said("audit", "--data", tmp_path).stdout
    token = said("keys", "create", "a lab", "--scope", "predict", "--data", tmp_path).stdout.strip()
    id = token.split("_")[1]
    (row,) = json.loads(said("keys", "list", "--json", "--data", tmp_path).stdout)
    assert (row["id"], row["name"], row["scopes"], row["revoked"]) == (id, "a lab", ["predict"], None)
    assert said("keys", "revoke", id, "--data", tmp_path).returncode == 0
    table = said("audit", "--data", tmp_path).stdout
    assert all(word in table for word in ("create key", "name: a lab", "revoke key", id))
    lines = [json.loads(line) for line in said("audit", "--json", "--last", "1", "--data", tmp_path).stdout.splitlines()]
    assert [(line["actor"], line["action"], line["subject"]) for line in lines] == [("command line", "revoke key", id)]
    assert token not in table
    assert token.encode() not in (tmp_path / "mien.sqlite3").read_bytes()


def test_a_key_that_is_not_there_and_a_scope_that_is_not_are_wrong_usage(tmp_path):
    unknown = said("keys", "revoke", "nope", "--data", tmp_path)
    assert unknown.returncode
    assert "nope" in unknown.stderr
    scope = said("keys", "create", "x", "--scope", "everything", "--data", tmp_path)
    assert scope.returncode
    assert "there are: predict, live" in scope.stderr
