"""Set any field of a config by its name: `augmentation.mixup=0.2` in, another record out; and what differs, as such words."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

C = TypeVar("C")


def overridden(config: C, settings: Iterable[str]) -> C:
    """The record with each `name=value` set; a name within a part is `part.name`, a value is JSON or text.

    Raises ValueError that says which fields there are, or what kind of value was wanted."""
    for setting in settings:
        path, equals, value = setting.partition("=")
        if not equals:
            raise ValueError(f"{setting!r} sets nothing; wanted NAME=VALUE, such as augmentation.mixup=0.2")
        config = _set(config, path.strip().split("."), value.strip(), path.strip())
    return config


def _set(config: Any, path: list[str], text: str, whole: str) -> Any:
    name, *rest = path
    there = [f.name for f in fields(config)]
    if name not in there:
        raise ValueError(f"no field {whole!r}; there are: {', '.join(there)}")
    old = getattr(config, name)
    if rest and not is_dataclass(old):
        raise ValueError(f"no field {whole!r}; {name} has no parts")
    if is_dataclass(old) and not rest:
        raise ValueError(f"{whole} is a part; set one of {', '.join(f'{whole}.{f.name}' for f in fields(old))}")
    return replace(config, **{name: _set(old, rest, text, whole) if rest else _typed(old, text, whole)})


def _typed(old: Any, text: str, name: str) -> Any:
    """The text as a value of the old one's kind."""
    if isinstance(old, str):
        return text
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    kind = type(old)
    if isinstance(old, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(old, tuple):
        return tuple(value) if isinstance(value, list) else tuple(part.strip() for part in text.split(",") if part.strip())
    if type(value) is not kind:
        raise ValueError(f"{name} is {text!r}; a value such as {json.dumps(old)} was wanted")
    return value


def differences(config: Any, other: Any, but: Collection[str] = (), before: str = "") -> Iterator[str]:
    """`name=value` of each field in which the first differs from the second, `but` those of these names."""
    for f in fields(config):
        name, new, old = before + f.name, getattr(config, f.name), getattr(other, f.name)
        if new == old or name in but:
            continue
        if is_dataclass(new):
            yield from differences(new, old, but, f"{name}.")
        else:
            yield f"{name}={new if isinstance(new, str) else json.dumps(new)}"
