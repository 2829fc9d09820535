"""Keys open what they are for, until they are revoked; nobody can read them back."""

import pytest

from mien.feedback.keys import Keys
from mien.feedback.store import Store


@pytest.fixture
def keys(tmp_path):
    return Keys(Store(tmp_path))


def test_a_token_is_known_again_with_its_scopes(keys):
    token = keys.create(" page ", ["live", "predict", "live"])
    key = keys.of(token)
    assert (key.name, key.scopes, key.revoked) == ("page", {"live", "predict"}, None)
    assert keys.all() == [key]


def test_a_revoked_key_is_refused_at_once_and_stays_listed(keys):
    token = keys.create("page")
    keys.revoke(keys.of(token).id)
    assert keys.of(token) is None
    assert keys.all()[0].revoked


@pytest.mark.parametrize("token", ["", "mien", "mien_x_y", "other_a_b", "mien__", "mien_\x00_é"])
def test_other_tokens_are_refused(keys, token):
    keys.create("page")
    assert keys.of(token) is None


def test_another_secret_with_a_right_id_is_refused(keys):
    token = keys.create("page")
    assert keys.of(token[:-1] + ("a" if token[-1] != "a" else "b")) is None


def test_the_secret_is_nowhere_in_the_file(tmp_path):
    store = Store(tmp_path)
    secret = Keys(store).create("page").split("_", 2)[2]
    store.forget()
    assert all(secret.encode() not in file.read_bytes() for file in tmp_path.iterdir())


def test_unknown_scopes_and_keys_are_errors_that_name_those_there(keys):
    with pytest.raises(ValueError, match="no scope 'fly'; there are: predict"):
        keys.create("page", ["fly"])
    with pytest.raises(ValueError, match="was given"):
        keys.create("page", [])
    with pytest.raises(ValueError, match="needs a name"):
        keys.create(" ")
    token = keys.create("page")
    with pytest.raises(ValueError, match=keys.of(token).id):
        keys.revoke("absent")
