"""<root>/.building: where one build at a time works, and what a killed one leaves for the next."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from index.errors import BusyError
from index.unfinished import is_abandoned

_FOLDER = ".building"
_STAGING = "staging"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Workplace:
    """The folder in which a build keeps what is not a version yet.

    Attributes:
        staging: An empty folder, removed when the build ends.
    """

    def __init__(self, folder: Path) -> None:
        """Use this folder, which is locked for this process."""
        self._folder = folder
        self.staging = folder / _STAGING
        shutil.rmtree(self.staging, ignore_errors=True)  # of a build that was killed
        self.staging.mkdir()

    def encoded(self, encoder_version: str) -> Path:
        """The file of vectors that this encoder has made for a version that is not there yet."""
        name = hashlib.blake2b(encoder_version.encode(), digest_size=8).hexdigest()
        return self._folder / f"encoded-{name}"

    def forget_encoded(self, encoder_version: str) -> None:
        """This encoder's vectors are in a version now; those of others go a day later."""
        own = self.encoded(encoder_version)
        for path in self._folder.glob("encoded-*"):
            if path == own or is_abandoned(path):
                path.unlink(missing_ok=True)


@contextmanager
def workplace(root: Path) -> Iterator[Workplace]:
    """Lock and enter the workplace of an index folder.

    The lock is the operating system's: it ends with the process, however that ends. It holds among
    the processes of one machine.

    Raises:
        BusyError: Another build has it.
        OSError: The disk is full, most of all: what was staged is removed, what was encoded stays,
            and the next build begins with it.
    """
    folder = root / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
            raise BusyError(
                f"another build (process {owner}) works in {root}: let it end, then try again"
            ) from None
        with suppress(OSError):  # for the message above; a full disk is found out later
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        try:
            place = Workplace(folder)
            yield place
        except OSError as error:
            if error.errno in _FULL and not error.filename:  # a write knows no name
                raise OSError(error.errno, error.strerror, str(root)) from error
            raise
        finally:
            shutil.rmtree(folder / _STAGING, ignore_errors=True)
    finally:
        os.close(descriptor)
