"""Flags over environment over file; what is wrong is named with where it came from."""

import socket
from dataclasses import fields
from pathlib import Path

import pytest

from helpers import mien
from mien.serving.settings import RESTRICTED, Settings, is_loopback, settings


def test_a_flag_wins_over_the_environment_and_that_over_the_file(tmp_path):
    file = tmp_path / "mien.toml"
    file.write_text('port = 1\nqueue = 5\nbatch = 2\norigins = ["https://a.org"]\n')
    made = settings({"port": 3, "model": None}, {"MIEN_SERVE_PORT": "2", "MIEN_SERVE_QUEUE": "6", "HOME": "/"}, file)
    assert (made.port, made.queue, made.batch, made.origins, made.model) == (3, 6, 2, ("https://a.org",), "")


def test_a_file_may_have_a_table_of_its_own(tmp_path):
    (tmp_path / "mien.toml").write_text("[serve]\nrate = 30\nrate_loopback = true\n")
    made = settings({}, {}, tmp_path / "mien.toml")
    assert (made.rate, made.rate_loopback) == (30.0, True)


def test_the_environment_is_text_of_every_type():
    told = {"HOSTS": "a.org, b.org", "JSON_LOGS": "yes", "IDLE": "2.5", "PURPOSE": "research"}
    made = settings({}, {f"MIEN_SERVE_{name}": value for name, value in told.items()})
    assert (made.hosts, made.json_logs, made.idle) == (("a.org", "b.org"), True, 2.5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("port = 'high'", "port is 'high'; a whole number"),
        ("port = 1.5", "a whole number"),
        ("port = true", "a whole number"),
        ("json_logs = 2", "true or false"),
        ("hosts = [1]", "a list of texts"),
        ("model = 5", "text was wanted"),
        ("prot = 5", "no setting 'prot'; there are: host, port"),
        ("port = ", "not TOML"),
    ],
)
def test_a_wrong_file_is_named_with_what_was_wanted(tmp_path, text, said):
    (tmp_path / "mien.toml").write_text(text)
    with pytest.raises(ValueError, match=said) as wrong:
        settings({}, {}, tmp_path / "mien.toml")
    assert "mien.toml" in str(wrong.value)


def test_a_wrong_variable_is_named():
    with pytest.raises(ValueError, match="MIEN_SERVE_PORT: port is 'x'"):
        settings({}, {"MIEN_SERVE_PORT": "x"})


def test_an_absent_file_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="no such file"):
        settings({}, {}, tmp_path / "none.toml")


@pytest.mark.parametrize(
    "given",
    [
        {"port": 70000},
        {"batch": 0},
        {"purpose": "spying"},
        {"retention_hours": 0},
        {"host": ""},
        {"threads": 9999},
        {"origins": ("*",)},
    ],
)
def test_values_out_of_range_are_errors(given):
    with pytest.raises(ValueError, match=f"{next(iter(given))} is .*wanted"):
        Settings(**given)


@pytest.mark.parametrize("purpose", RESTRICTED)
def test_work_and_education_need_a_legal_basis(purpose):
    with pytest.raises(ValueError, match="forbidden"):
        Settings(purpose=purpose)
    assert Settings(purpose=purpose, legal_basis="fatigue of drivers").purpose == purpose


def test_others_may_only_come_for_a_purpose_that_was_said():
    with pytest.raises(ValueError, match="say what faces are read for"):
        Settings(host="0.0.0.0")
    assert not Settings(host="0.0.0.0", purpose="research").loopback


@pytest.mark.parametrize(
    ("host", "only_here"),
    [("127.0.0.1", 1), ("127.8.0.1", 1), ("::1", 1), ("LocalHost", 1), ("0.0.0.0", 0), ("::", 0)],
)
def test_what_only_this_machine_can_reach(host, only_here):
    assert is_loopback(host) == bool(only_here)


def test_every_setting_is_in_the_manual():
    manual = (Path(__file__).parents[2] / "docs" / "server.md").read_text(encoding="utf-8")
    table = manual[manual.index("| setting |") :]
    assert [field.name for field in fields(Settings) if f"`{field.name}`" not in table] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [("[serve]\nport = 1\n", ""), ("serve = 3", "a table"), ('host = "0.0.0.0"\n[serve]\nport = 1\n', "beside it: host")],
)
def test_a_file_has_its_settings_in_one_place(tmp_path, text, said):
    (tmp_path / "mien.toml").write_text(text)
    if not said:
        assert settings(environment={}, file=tmp_path / "mien.toml").port == 1
        return
    with pytest.raises(ValueError, match=said):
        settings(environment={}, file=tmp_path / "mien.toml")


@pytest.mark.parametrize("name", ["body_mb", "drain", "rate", "megapixels"])
def test_numbers_are_finite(name):
    for value in ("inf", "nan"):
        with pytest.raises(ValueError, match=f"{name} is {value}"):
            settings(environment={f"MIEN_SERVE_{name.upper()}": value})


def test_a_check_sees_a_port_that_is_taken_and_a_folder_that_cannot_be(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = mien("serve", "--check", "--port", port, "--data", tmp_path, text=True)
    assert run.returncode == 2
    assert f"port {port} cannot be had" in run.stderr
    (tmp_path / "file").write_text("x")
    run = mien("serve", "--data", tmp_path / "file", text=True)
    assert run.returncode == 2
    assert "no database can be kept there" in run.stderr
