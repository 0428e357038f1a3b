"""Which versions processes of this machine have open, told by locks that end with the process."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import BinaryIO

from index.manifest import VECTORS_NAME


def hold(vectors: BinaryIO) -> None:
    """Mark a version as in use for as long as this file, or a map of it, is open.

    Args:
        vectors: Its ``vectors.npy``; a map keeps the file's lock when the file is closed.
    """
    try:
        fcntl.flock(vectors, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return  # being removed right now, or a file system without locks: it cannot be known


def in_use(folder: Path) -> bool:
    """Whether a process of this machine has the version open."""
    try:
        with (folder / VECTORS_NAME).open("rb") as vectors:
            fcntl.flock(vectors, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
