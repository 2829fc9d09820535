"""Where and when a figure was measured: rows in, benchmarks/results/<name>.json with date, commit and machine out."""

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

FOLDER = Path(__file__).parent / "results"


def machine() -> str:
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        name = next((line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")), name)
    return f"{name}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False, cwd=FOLDER.parent
    )
    return done.stdout.strip() or "unknown"


def write(name: str, rows: object) -> None:
    FOLDER.mkdir(exist_ok=True)
    when = datetime.now(UTC).strftime("%Y-%m-%d")
    record = {"date": when, "commit": commit(), "machine": machine(), "rows": rows}
    new = FOLDER / f"{name}.{os.getpid()}.new"
    new.write_text(json.dumps(record, indent=1) + "\n")
    os.replace(new, FOLDER / f"{name}.json")
    print(json.dumps(record, indent=1))
