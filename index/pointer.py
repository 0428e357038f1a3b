"""A store's pointer: the file that names the current version, and who may move it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from index.manifest import POINTER_NAME
from index.unfinished import unnamed
from index.writing import sync

_LOCK: Final = ".pointing"


@dataclass(frozen=True, slots=True)
class Pointer:
    """What a store's pointer held at a moment, a name or not: to see that nobody has moved it.

    Attributes:
        raw: Its bytes; None = there was none.
    """

    raw: bytes | None


def pointer_in(root: Path) -> Pointer:
    """What is there now."""
    try:
        return Pointer((root / POINTER_NAME).read_bytes())
    except FileNotFoundError:
        return Pointer(None)


def point(root: Path, version: str) -> None:
    """Name another version: a reader sees the old name or the new one."""
    written = unnamed(root)
    with written.open("x", encoding="utf-8") as file:
        file.write(f"{version}\n")
        file.flush()
        os.fsync(file.fileno())
    written.replace(root / POINTER_NAME)
    sync(root)


@contextmanager
def pointing(root: Path) -> Iterator[None]:
    """No other process points or removes meanwhile; the lock ends with the process that has it."""
    with (root / _LOCK).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
