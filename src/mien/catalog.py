"""Look parts up by name: a name in, the part out; its module is imported on first use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any


@dataclass(frozen=True)
class Catalog:
    """A table of names to `"module:attribute"`; installed packages add names by entry points of `group`."""

    kind: str
    entries: Mapping[str, str]
    group: str

    def names(self) -> list[str]:
        return sorted({*self.entries, *(point.name for point in entry_points(group=self.group))})

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def __getitem__(self, name: str) -> Any:
        """The part itself. Raises ValueError with the names there are, ImportError with the command that installs it."""
        if name in self.entries:
            module, attribute = self.entries[name].split(":")
            return getattr(import_module(module), attribute)
        for point in entry_points(group=self.group, name=name):
            return point.load()
        raise ValueError(f"no {self.kind} named {name!r}; there are: {', '.join(self.names())}")
