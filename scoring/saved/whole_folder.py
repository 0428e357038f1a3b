"""Files and a model's folder appear whole or not at all; others than its maker may read it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scoring.errors import ModelError


def must_be_new(folder: Path) -> None:
    """Say so before a long work whose result would have no place.

    Raises:
        ModelError: There is something already.
    """
    if folder.exists():
        raise ModelError(f"{folder} is there already: choose another --out, or remove it")


def work_folder(folder: Path, *, restart: bool) -> Path:
    """Where a training keeps what it has come to, until the folder of its model is there.

    Args:
        folder: Of the model.
        restart: Forget what a training has left.

    Raises:
        ModelError: There is something already at the folder of the model.
    """
    must_be_new(folder)
    found = folder.with_name(f".{folder.name}.training")
    if restart:
        shutil.rmtree(found, ignore_errors=True)
    return found


def settle(part: Path, file: Path) -> None:
    """Give a file its name once all of it is on the disk."""
    with part.open("rb") as stream:
        os.fsync(stream.fileno())
    part.replace(file)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A folder to write into, which gets its name when the block ends without an error.

    Weights get the rights of other files: workers run as another user, and safetensors 0.8 writes
    files that only their owner may read.

    Raises:
        ModelError: There is something already.
    """
    must_be_new(folder)
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    yield part
    for file in part.rglob("*.safetensors"):
        file.chmod(part.stat().st_mode & 0o666)
    part.rename(folder)
