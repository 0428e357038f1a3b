"""JSON as its standard has it, without nan and infinity, which other programs refuse to read."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any


def strict_json(
    value: Any, *, indent: int | None = None, default: Callable[[Any], Any] | None = None
) -> str:
    """A value as JSON, with null where a number is none.

    Args:
        value: What is to be written.
        indent: Spaces a level; None = one line.
        default: Makes plain values of what JSON does not know; None = it is a TypeError.
    """
    plain = with_nulls(value)
    return json.dumps(plain, ensure_ascii=False, default=default, allow_nan=False, indent=indent)


def with_nulls(value: Any) -> Any:
    """The same, with None for nan and infinity."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {name: with_nulls(each) for name, each in value.items()}
        case list() | tuple():
            return [with_nulls(each) for each in value]
    return value


def measures_of(said: Mapping[str, float | None]) -> dict[str, float]:
    """What JSON says of measures: nan where it has null, for there was nothing to measure."""
    return {name: math.nan if value is None else value for name, value in said.items()}
