"""Locks: one at a time, and a process that dies lets go."""

import subprocess
import sys
import threading

import pytest

from mien.locks import locked

HOLDS = "import sys, pathlib, mien.locks as l\nwith l.locked(pathlib.Path(sys.argv[1])): print(1, flush=True); sys.stdin.read()"


def test_a_lock_is_held_by_one_until_its_process_ends(tmp_path):
    path = tmp_path / "new" / "run.lock"
    ask = [sys.executable, "-c", HOLDS, str(path)]
    with subprocess.Popen(ask, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline().strip() == b"1"
        with pytest.raises(BlockingIOError, match="locked by another process"), locked(path):
            pass
        threading.Timer(0.3, other.kill).start()
        with locked(path, wait=True):
            assert other.wait(30) != 0


def test_what_cannot_be_locked_is_said(tmp_path):
    (tmp_path / "run.lock").write_bytes(b"not a lock at all, but a text" * 40)
    with pytest.raises(OSError, match="cannot be locked"), locked(tmp_path / "run.lock"):
        pass
