"""Set any field of a config by its name: `augmentation.mixup=0.2`, or a mapping from a file, in, another record out; and what
differs, as such words."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar, get_args, get_type_hints

C = TypeVar("C")


def overridden(config: C, settings: Iterable[str]) -> C:
    """The record with each `name=value` set; a name within a part is `part.name`, a value is JSON or text.

    Raises ValueError that says which fields there are, or what kind of value was wanted."""
    mapping: dict[str, Any] = {}
    for setting in settings:
        path, equals, text = setting.partition("=")
        if not equals:
            raise ValueError(f"{setting!r} sets nothing; wanted NAME=VALUE, such as augmentation.mixup=0.2")
        _put(mapping, config, path.strip(), path.strip().split("."), text.strip())
    return merged(config, mapping)


def merged(config: C, mapping: Mapping[str, Any]) -> C:
    """The record with each field of the mapping set, and those of its parts; what is not in it stays.

    All are set at once, since one may only be right beside another. Raises ValueError as `overridden` does."""
    return _merged(config, mapping, "")


def _put(mapping: dict[str, Any], config: Any, whole: str, path: Sequence[str], text: str) -> None:
    """The value that the text stands for, into the mapping at its path."""
    name, *rest = path
    old = _old(config, name, whole)
    if rest and isinstance(old, dict):
        mapping.setdefault(name, {})[".".join(rest)] = _read(text)
    elif rest and is_dataclass(old):
        _put(mapping.setdefault(name, {}), old, whole, rest, text)
    elif rest:
        raise ValueError(f"no field {whole!r}; {name} has no parts")
    else:
        mapping[name] = _meant(old, text)


def _merged(config: Any, mapping: Mapping[str, Any], before: str) -> Any:
    new = {}
    for name, value in mapping.items():
        old = _old(config, name, before + name)
        if is_dataclass(old) and isinstance(value, Mapping):
            new[name] = _merged(old, value, f"{before}{name}.")
        elif isinstance(old, dict) and isinstance(value, Mapping):
            new[name] = {**old, **value}
        else:
            new[name] = _elements(config, name, _checked(old, value, before + name), before)
    return replace(config, **new)


def _old(config: Any, name: str, whole: str) -> Any:
    there = [f.name for f in fields(config)]
    if name not in there:
        raise ValueError(f"no field {whole!r}; there are: {', '.join(there)}")
    return getattr(config, name)


def _meant(old: Any, text: str) -> Any:
    """The text as a value, knowing the one it replaces."""
    if isinstance(old, str):
        return text
    value = _read(text)
    if isinstance(old, tuple) and not isinstance(value, list):
        return [part.strip() for part in text.split(",") if part.strip()]
    return value


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _checked(old: Any, value: Any, name: str) -> Any:
    """The value, of the old one's kind."""
    if is_dataclass(old):
        raise ValueError(f"{name} is a part; set one of {', '.join(f'{name}.{f.name}' for f in fields(old))}")
    if isinstance(old, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(old, tuple) and isinstance(value, list | tuple):
        return tuple(value)
    if type(value) is not type(old):
        raise ValueError(f"{name} is {value!r}; a value such as {json.dumps(old)} was wanted")
    return value


def _elements(config: Any, name: str, value: Any, before: str) -> Any:
    """The value; raises ValueError for a list with something in it that is not of the field's kind."""
    if not isinstance(value, tuple):
        return value
    kind = get_args(get_type_hints(type(config))[name])[0]
    fitting = (int, float) if kind is float else kind
    if wrong := [one for one in value if not isinstance(one, fitting) or isinstance(one, bool)]:
        wanted = {str: "texts", float: "numbers"}.get(kind, f"values of type {kind.__name__}")
        raise ValueError(f"{before}{name} has {wrong[0]!r:.50} in it; {wanted} were wanted")
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
