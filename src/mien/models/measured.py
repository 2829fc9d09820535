"""What benchmarks/architectures.py found of every network: nothing in, rows out; no Keras is needed to read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "measured.json"


def measured() -> dict[str, Any]:
    """`rows` of `name`, `parameters`, `megaflops`, `bytes`, `ms_1`, `ms_64` (a face), and `date`, `commit`, `machine`."""
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found
