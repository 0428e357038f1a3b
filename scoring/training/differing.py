"""Where two settings differ, for people who have to tell them apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec


def differing(theirs: str | None, ours: str) -> str:
    """What was, and what is now; of JSON objects only the fields that are not the same.

    A field that is missing is one that is null: "" where a newer version knows one more, unset.

    >>> differing('{"a": {"b": 1, "c": 2}}', '{"a": {"b": 3, "c": 2}}')
    'a.b: 1, now 3'
    """
    before, after = _object(theirs), _object(ours)
    if before is None or after is None:
        return f"{theirs}, now {ours}"
    return "; ".join(f"{name}: {a}, now {b}" for name, a, b in _apart(before, after))


def _apart(before: dict[str, Any], after: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for name in dict.fromkeys([*before, *after]):
        a, b = before.get(name), after.get(name)
        if isinstance(a, dict) and isinstance(b, dict):
            yield from ((f"{name}.{inner}", x, y) for inner, x, y in _apart(a, b))
        elif a != b:
            yield name, _said(a), _said(b)


def _said(value: Any) -> str:
    return "none" if value is None else msgspec.json.encode(value).decode()


def _object(said: str | None) -> dict[str, Any] | None:
    try:
        found = msgspec.json.decode(said or "")
    except msgspec.DecodeError:
        return None
    return found if isinstance(found, dict) else None
