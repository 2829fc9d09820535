"""Find weights: a model's or a network's name in, a checked local file out. Nothing is ever downloaded on its own."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mien.card import DetectorCard, ModelCard

PACKAGED = Path(__file__).parent / "packaged"
"""The models that mien ships: `<name>.json` cards beside the ONNX graphs that they name."""
DEFAULT = "default"


def cache() -> Path:
    """Where `mien models pull` keeps files; MIEN_CACHE moves it."""
    if os.environ.get("MIEN_CACHE"):
        return Path(os.environ["MIEN_CACHE"])
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "mien"
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "mien"


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def packaged() -> list[str]:
    """Names of the models in the package, the default one first."""
    return sorted((card.stem for card in PACKAGED.glob("*.json")), key=lambda name: (name != DEFAULT, name))


def find_card(name_or_path: str | os.PathLike[str] | None = None) -> Path:
    """The card of a packaged model, of a run folder, or the card at this path.

    Raises ValueError with the names there are."""
    name = str(name_or_path or DEFAULT)
    if name in packaged():
        return PACKAGED / f"{name}.json"
    path = Path(name)
    if path.is_dir() and (path / "card.json").exists():
        return path / "card.json"
    if path.is_file() and path.suffix == ".json":
        return path
    raise ValueError(f"no model named {name!r}; there are: {', '.join(packaged())}; a run folder or a card's path works too")


def find_detector(path: str | os.PathLike[str] | None = None) -> Path:
    """The card of the packaged detector, of a run folder, or the card at this path. Raises FileNotFoundError."""
    found = Path(path) if path else PACKAGED / "detectors" / "mien.json"
    found = found / "card.json" if found.is_dir() else found
    if not found.is_file():
        raise FileNotFoundError(f"no detector at {found}; a run folder of mien train --task detect is wanted, or its card.json")
    return found


def find_graph(card: ModelCard | DetectorCard, card_path: Path) -> Path:
    """The ONNX graph that the card names, beside it. Raises ValueError when it is absent or not the one described."""
    graph = card_path.parent / card.weights
    if not graph.is_file():
        raise ValueError(f"{card_path} names the weights {card.weights!r}, which are not beside it")
    if card.sha256 and sha256(graph) != card.sha256:
        raise ValueError(f"{graph} is not the file that {card_path.name} describes (sha256 differs)")
    return graph


def cached(file: str, path: str | os.PathLike[str] | None, how: str) -> Path:
    """Weights of others: at `path`, or in the cache under `file`. Raises FileNotFoundError that says how to get them."""
    found = Path(path) if path else cache() / file
    if not found.is_file():
        raise FileNotFoundError(f"no weights at {found}; {how}")
    return found


@contextmanager
def readable(weights: Path | str) -> Iterator[None]:
    """What a library says of a file that is no network, as a ValueError that names the file."""
    try:
        yield
    except Exception as error:  # each library has exceptions of its own
        raise ValueError(f"{weights} cannot be opened as a network: {str(error).splitlines()[0]}") from error


def store(data: bytes, file: str, expected: str | None) -> Path:
    """Keep downloaded bytes in the cache under `file`. Raises ValueError when their sha256 is not the expected one."""
    found = hashlib.sha256(data).hexdigest()
    if expected and found != expected.lower():
        raise ValueError(f"{file}: sha256 is {found}, expected {expected}; nothing was kept")
    target = cache() / file
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".part")
    partial.write_bytes(data)
    os.replace(partial, target)
    return target
