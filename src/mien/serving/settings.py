"""What `mien serve` is told: flags, environment and a TOML file in, one checked record out.

A flag wins over the environment (`MIEN_SERVE_PORT=8080`), which wins over the file (`port = 8080`, or under `[serve]`).
"""

from __future__ import annotations

import ipaddress
import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

from mien.errors import insist

PREFIX = "MIEN_SERVE_"
PURPOSES = {
    "personal": "your own face, on your own machine",
    "research": "a study whose participants consented",
    "practice": "interviews and talks that people practise",
    "audience": "feedback of an audience that consented",
    "medical": "care or safety of the person",
    "workplace": "people at work",
    "education": "people who learn",
}
"""What faces are read for; it is written into the audit log and shown to everybody on the page."""
RESTRICTED = ("workplace", "education")
"""Where reading emotions from faces is forbidden in the European Union but for medical or safety reasons (AI Act, article 5)."""
WORDS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


def data_folder() -> Path:
    """Where a server keeps its database unless told otherwise."""
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "mien"
    return Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local" / "share")) / "mien"


MOST_THREADS = 256


@dataclass(frozen=True)
class Settings:
    """Every setting of a server. Times are in seconds, sizes in bytes unless named otherwise."""

    host: str = "127.0.0.1"
    port: int = 8000
    """0: any that is free; the address is printed."""
    model: str = ""
    """As for `mien predict`; empty: the packaged one."""
    detector: str = ""
    smooth: str = "ema"
    """How live answers are steadied: none, ema or majority."""
    watch: bool = True
    """Let the monitor of the live stream forecast accuracy, and say when what is seen has changed."""
    every: int = 1
    """Look for faces in each n-th live frame, follow them between; looks are spared anyway where more comes than can be done."""
    purpose: str = "personal"
    legal_basis: str = ""
    """Why a restricted purpose is lawful here; it goes into the audit log."""
    data: str = ""
    """Folder of the database; empty: the user's own. `:memory:` keeps nothing beyond the process."""
    retention_hours: float = 24.0
    """Timelines of sessions and what was recorded are erased after that."""
    hosts: tuple[str, ...] = ()
    """Names by which browsers may call this server, besides its address."""
    origins: tuple[str, ...] = ()
    """Other sites whose pages may call it (CORS)."""
    body_mb: float = 20.0
    """Largest request, megabytes."""
    megapixels: float = 36.0
    """Largest picture of a request: decoding takes up to nine bytes a pixel."""
    images: int = 16
    """Pictures in one request."""
    threads: int = 0
    """That find and classify faces; 0: as many as there are cores."""
    batch: int = 8
    queue: int = 64
    """Pictures of requests that may wait."""
    cameras: int = 256
    """Live connections."""
    cameras_each: int = 32
    """Of one key; this machine's own are not counted."""
    frames: float = 60.0
    """Frames a second of one live connection that are answered, the newest of those it sends; 0: as many as can be."""
    rate: float = 600.0
    """Pictures a minute, of one key or address, that are no live frames; 0: as many as it wants."""
    rate_loopback: bool = False
    """Count this machine's own, too."""
    idle: float = 120.0
    """After which a live connection that sends no frame is closed."""
    drain: float = 5.0
    """Given to work in hand when the server is told to stop."""
    private_urls: bool = False
    """Fetch pictures from private networks and this machine, too."""
    json_logs: bool = False

    def __post_init__(self) -> None:
        numbers = [f.name for f in fields(self) if isinstance(getattr(self, f.name), float)]
        insist(self, *((name, math.isfinite(getattr(self, name)), "a finite number") for name in numbers))
        insist(
            self,
            ("host", bool(self.host.strip()), "an address, such as 127.0.0.1 or 0.0.0.0"),
            ("port", 0 <= self.port <= 65535, "0 to 65535"),
            ("purpose", self.purpose in PURPOSES, "one of " + ", ".join(PURPOSES)),
            ("every", self.every >= 1, "at least 1"),
            ("retention_hours", self.retention_hours > 0, "more than 0"),
            ("body_mb", self.body_mb > 0, "more than 0"),
            ("megapixels", self.megapixels > 0, "more than 0"),
            ("origins", all(_origin(one) for one in self.origins), "addresses such as https://example.org, without a path"),
            ("images", self.images >= 1, "at least 1"),
            ("threads", 0 <= self.threads <= MOST_THREADS, f"0 to {MOST_THREADS}"),
            ("batch", self.batch >= 1, "at least 1"),
            ("queue", self.queue >= 1, "at least 1"),
            ("cameras", self.cameras >= 1, "at least 1"),
            ("cameras_each", self.cameras_each >= 1, "at least 1"),
            ("frames", self.frames >= 0, "0 or more"),
            ("rate", self.rate >= 0, "0 or more"),
            ("idle", self.idle > 0, "more than 0"),
            ("drain", self.drain >= 0, "0 or more"),
        )
        if self.purpose in RESTRICTED and not self.legal_basis.strip():
            raise ValueError(
                f"purpose is {self.purpose!r}, {PURPOSES[self.purpose]}: reading emotions from faces is forbidden there in the "
                "European Union but for medical or safety reasons; give the reason as legal_basis, or another purpose"
            )
        if self.purpose == "personal" and not self.loopback:
            raise ValueError(
                f"others can reach this server (host {self.host!r}, hosts {list(self.hosts)}): "
                "say what faces are read for, as purpose: " + ", ".join(name for name in PURPOSES if name != "personal")
            )

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the server: names in `hosts` are those of a proxy, through which others come."""
        return is_loopback(self.host) and not self.hosts


def _origin(text: str) -> bool:
    scheme, _, rest = text.partition("://")
    return scheme in ("http", "https") and bool(rest) and not set(rest) & set("/*?# ")


def is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.split("%")[0]).is_loopback
    except ValueError:
        return False


def settings(
    flags: Mapping[str, Any] = {},
    environment: Mapping[str, str] = os.environ,
    file: Path | None = None,
) -> Settings:
    """Of `flags`, None means not given. Raises ValueError that names the setting, where it came from and what was wanted."""
    found: dict[str, Any] = {}
    if file:
        found |= {name: _typed(name, value, str(file)) for name, value in _read(file).items()}
    for variable, value in environment.items():
        if variable.startswith(PREFIX):
            name = variable.removeprefix(PREFIX).lower()
            found[name] = _typed(name, value, variable)
    return Settings(**found | {name: value for name, value in flags.items() if value is not None})


def _read(file: Path) -> dict[str, Any]:
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{file}: no such file; settings as TOML were wanted") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ValueError(f"{file} is not TOML: {error}") from None
    if "serve" not in raw:
        return raw
    if not isinstance(raw["serve"], dict):
        raise ValueError(f"{file}: serve is {raw['serve']!r}; a table [serve] of settings was wanted")
    beside = [name for name in raw if name in {f.name for f in fields(Settings)}]
    if beside:
        raise ValueError(f"{file}: settings stand under [serve] or above everything, not both; beside it: {', '.join(beside)}")
    return dict(raw["serve"])


def _typed(name: str, value: Any, origin: str) -> Any:
    """The value as the setting's type, from TOML or from an environment's text, where lists are parted by commas."""
    kinds = get_type_hints(Settings)
    known = [field.name for field in fields(Settings)]
    if name not in known:
        raise ValueError(f"{origin}: no setting {name!r}; there are: {', '.join(known)}")
    kind, text = kinds[name], isinstance(value, str)
    try:
        if kind is bool:
            return WORDS[value.lower()] if text else {True: True, False: False}[value]
        if kind in (int, float) and not isinstance(value, bool):
            return kind(value) if text or isinstance(value, int | kind) else int("")
        if kind is str and text:
            return value
        if kind == tuple[str, ...]:
            parts = value.split(",") if text else value
            return tuple(part.strip() for part in parts if part.strip())
    except (KeyError, ValueError, TypeError, AttributeError):
        pass
    wanted = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}.get(kind, "a list of texts")
    raise ValueError(f"{origin}: {name} is {value!r}; {wanted} was wanted")
