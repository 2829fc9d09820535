"""Imports go one way: each layer imports only from itself and those above it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mien

ROOT = Path(mien.__file__).parent
LAYERS = [
    "errors labels boxes image fetch arrow catalog runtime locks weights card page",
    "faces answer",
    "quality preprocess detectors classifiers tracking smoothing sources sinks annotators models",
    "datasets recognizer stream explain",
    "evaluation",
    "training batch",
    "feedback",
    "serving deploy",
    "cli __main__",
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names.split()}
FILES = sorted(p for p in ROOT.rglob("*.py") if p != ROOT / "__init__.py")


def _imported(path: Path) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_only_from_its_layer_and_above(path):
    own = path.relative_to(ROOT).parts[0].removesuffix(".py")
    for name in _imported(path):
        if name.startswith("mien."):
            other = name.split(".")[1]
            assert LEVEL[other] <= LEVEL[own], f"{own} imports {other}"


HOMES = {
    "cv2": {"image", "detectors", "preprocess", "annotators", "sources", "training"},
    "keras": {"models", "training", "explain", "classifiers", "feedback", "cli"},
    "tensorflow": {"training"},
    "sqlalchemy": {"feedback"},
    "alembic": {"feedback"},
    "ray": {"batch"},
}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_heavy_libraries_stay_at_home(path):
    own = path.relative_to(ROOT).parts[0].removesuffix(".py")
    for name in _imported(path):
        assert own in HOMES.get(name.split(".")[0], {own}), f"{own} imports {name}"


def test_importing_mien_loads_numpy_alone():
    code = (
        "import numpy, sys; before = set(sys.modules); import mien; print(*{m.split('.')[0] for m in set(sys.modules) - before})"
    )
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())
    assert not loaded & {"cv2", "onnxruntime", "PIL", "pandas", "typer", "rich", "pyarrow", "av", "keras", "tensorflow"}
    assert {m for m in loaded if m not in sys.stdlib_module_names} <= {"mien"}


def test_every_public_name_is_there():
    for name in mien.__all__:
        assert getattr(mien, name)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = mien.nothing
