"""Which kind of model a recipe is for: said by its key ``kind``."""

from __future__ import annotations

from pathlib import Path

import msgspec


def kind_of(file: Path) -> str | None:
    """The kind that a recipe names; None for one that names none, and for what is no recipe at all.

    Whoever reads such a file next says what is wrong with it.
    """
    try:
        said = msgspec.toml.decode(file.read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    kind = said.get("kind") if isinstance(said, dict) else None
    return None if kind is None else str(kind)
