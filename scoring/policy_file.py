"""Numbers of a policy as a TOML file: strict, so that a typing error is an error and no default.

It may also name the ranker whose heads these numbers weigh: ``ranker = "FOLDER"``, relative to it.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, get_type_hints

import msgspec

from scoring.errors import PolicyError, PolicyFileError, RankerError
from scoring.policy import Policy
from scoring.ranker.named import NamedRanker
from scoring.slates.beliefs import Beliefs

Numbers = Mapping[str, Any]

_KINDS: Final[Mapping[str, Any]] = get_type_hints(Policy)
"""Name of a number -> what it must be."""


def read_numbers(file: Path) -> dict[str, Any]:
    """The numbers that a policy file names; what it does not name stays as it was.

    Raises:
        PolicyFileError: The file is missing, is no TOML, or names what no policy has, or what is no
            ranker.
    """
    try:
        said = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise PolicyFileError(f"{file}: {error.strerror}: name a policy file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PolicyFileError(f"{file} is no policy file: {error}") from None
    return checked_numbers(said, str(file), file.parent)


def checked_numbers(said: Numbers, where: str, beside: Path = Path()) -> dict[str, Any]:
    """The same numbers, each of the kind that a policy has under its name.

    Args:
        said: Name -> number.
        where: Named in an error.
        beside: The folder that a ranker's is relative to.

    Raises:
        PolicyFileError: A name or a kind that no policy has, or no ranker in a folder.
    """
    found = {}
    for name, value in said.items():
        if name not in _KINDS:
            near = difflib.get_close_matches(name, list(_KINDS), n=1, cutoff=0.0)
            raise PolicyFileError(f"{where}: no policy has {name} (did you mean {near[0]}?)")
        try:
            if name == "ranker":
                found[name] = _ranker(value, beside)
            else:
                found[name] = msgspec.convert(value, _KINDS[name])
        except (msgspec.ValidationError, RankerError) as error:
            raise PolicyFileError(f"{where}: {name}: {error}") from None
    return found


def with_numbers(policy: Policy, numbers: Numbers, where: str) -> Policy:
    """A policy with some numbers replaced.

    Raises:
        PolicyFileError: They make no policy; `where` is named.
    """
    try:
        return replace(policy, **numbers)
    except PolicyError as error:
        raise PolicyFileError(f"{where}: {error}") from None


def write_numbers(file: Path, numbers: Numbers, about: str) -> None:
    """A policy file.

    Args:
        file: Replaced where it is there.
        numbers: As `read_numbers` gives them. A ranker below the file's folder is named relative to
            it, any other by its whole path.
        about: Lines that stand above them as comments.
    """
    comment = "".join(f"# {line}\n" for line in about.splitlines())
    lines = "".join(f"{name} = {_toml(value, file)}\n" for name, value in numbers.items())
    part = file.with_suffix(".part")
    part.write_text(comment + lines, encoding="utf-8")
    part.replace(file)


def _ranker(value: object, beside: Path) -> NamedRanker:
    if isinstance(value, NamedRanker):
        return value
    return NamedRanker.in_folder(beside / msgspec.convert(value, str))


def _toml(value: str | float | Numbers | Beliefs | NamedRanker, file: Path) -> str:
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{name} = {_toml(each, file)}' for name, each in value.items())} }}"
    if isinstance(value, Beliefs):
        rows = ",\n    ".join(repr(list(row)) for row in value.precision)
        return f"{{ mean = {list(value.mean)!r}, precision = [\n    {rows},\n] }}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, NamedRanker):
        folder, beside = value.folder, file.parent.resolve()
        value = str(folder.relative_to(beside) if folder.is_relative_to(beside) else folder)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
