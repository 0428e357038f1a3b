"""Numbers of a policy as a TOML file: strict, so that a typing error is an error and no default."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, get_type_hints

import msgspec

from scoring.errors import PolicyError
from scoring.policy import Policy

Numbers = Mapping[str, Any]

_KINDS: Final[Mapping[str, Any]] = get_type_hints(Policy)
"""Name of a number -> what it must be."""


def read_numbers(file: Path) -> dict[str, Any]:
    """The numbers that a policy file names; what it does not name stays as it was.

    Raises:
        PolicyError: The file is missing, is no TOML, or names what no policy has.
    """
    try:
        said = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PolicyError(f"{file} is no policy file: {error}") from None
    return checked_numbers(said, str(file))


def checked_numbers(said: Numbers, where: str) -> dict[str, Any]:
    """The same numbers, each of the kind that a policy has under its name.

    Args:
        said: Name -> number.
        where: Named in an error.

    Raises:
        PolicyError: A name or a kind that no policy has.
    """
    found = {}
    for name, value in said.items():
        if name not in _KINDS:
            near = difflib.get_close_matches(name, list(_KINDS), n=1, cutoff=0.0)
            raise PolicyError(f"{where}: no policy has {name} (did you mean {near[0]}?)")
        try:
            found[name] = msgspec.convert(value, _KINDS[name])
        except msgspec.ValidationError as error:
            raise PolicyError(f"{where}: {name}: {error}") from None
    return found


def with_numbers(policy: Policy, numbers: Numbers, where: str) -> Policy:
    """A policy with some numbers replaced.

    Raises:
        PolicyError: They make no policy; `where` is named.
    """
    try:
        return replace(policy, **numbers)
    except PolicyError as error:
        raise PolicyError(f"{where}: {error}") from None


def write_numbers(file: Path, numbers: Numbers, about: str) -> None:
    """A policy file.

    Args:
        file: Replaced where it is there.
        numbers: Plain numbers and words, no mappings.
        about: Lines that stand above them as comments.
    """
    comment = "".join(f"# {line}\n" for line in about.splitlines())
    lines = "".join(f"{name} = {_toml(value)}\n" for name, value in numbers.items())
    part = file.with_suffix(".part")
    part.write_text(comment + lines, encoding="utf-8")
    part.replace(file)


def _toml(value: str | int | float) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else repr(value)
