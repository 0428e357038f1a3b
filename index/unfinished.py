"""What lies beside versions until it gets its name, or is deleted: a killed process leaves it."""

from __future__ import annotations

import shutil
import time
import uuid
from pathlib import Path
from typing import Final

_PREFIX: Final = ".unfinished-"
# A process that still runs has written to it since.
ABANDONED_AFTER_S: Final = 24 * 3600


def unnamed(root: Path) -> Path:
    """A path that nobody else has, to be renamed within this folder."""
    return root / f"{_PREFIX}{uuid.uuid4().hex}"


def is_unfinished(path: Path) -> bool:
    """Whether ``unnamed`` has named it."""
    return path.name.startswith(_PREFIX)


def clear_abandoned(root: Path) -> None:
    """Delete what nobody has written to for a day."""
    for path in root.glob(f"{_PREFIX}*"):
        if is_abandoned(path):
            delete(path)


def is_abandoned(path: Path) -> bool:
    """Whether nobody has written to a folder, or a file, for a day; False where it is gone."""
    try:
        newest = max(p.lstat().st_mtime for p in (path, *path.glob("*")))
    except FileNotFoundError:
        return False  # another process has just finished it
    return time.time() - newest > ABANDONED_AFTER_S


def delete(path: Path) -> None:
    """Delete a folder with all that is in it, or a file; what is gone already is no error.

    What a link points to stays: it is elsewhere, and belongs to whoever has linked it.
    """
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
