import json

import pytest

from helpers import encoded, mien, noise


def faces(folder, *names, broken=()):
    for i, name in enumerate(names):
        (folder / "happy").mkdir(exist_ok=True)
        (folder / "happy" / name).write_bytes(b"no picture" if name in broken else encoded(noise(48, 48, seed=i)))
    return folder


def test_a_picture_that_cannot_be_read_is_named_and_the_rest_is_scored(tmp_path):
    done = mien("evaluate", "default", "--data", faces(tmp_path, "a.png", "b.png", broken=["b.png"]), "--json")
    assert done.returncode == 0
    assert b"left out: " in done.stderr
    assert b"b.png" in done.stderr
    answer = json.loads(done.stdout)
    assert (answer["left_out"], answer["splits"]["Training"]["n"]) == (1, 1)


def test_a_set_without_any_readable_picture_is_wrong_usage(tmp_path):
    done = mien("evaluate", "default", "--data", faces(tmp_path, "b.png", broken=["b.png"]))
    assert done.returncode == 2
    assert b"no sample could be read; 1 were left out" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.slow
def test_an_option_of_another_task_is_refused_though_it_is_zero(tmp_path):
    run = mien("train", "--data", tmp_path, "--run", tmp_path / "r", "--task", "detect", "--votes", "0", text=True)
    assert run.returncode == 2
    assert "--votes is an option of --task classify" in run.stderr
