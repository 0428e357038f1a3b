"""The folder that a worker keeps between its lives: its rows and its name."""

import errno
import fcntl
import os
import socket
import sys
import uuid
from pathlib import Path

from streams.errors import SettingsError

_NAME = "worker-id"


def name_in(path: Path) -> str:
    """The name of the worker whose folder this is; '' = it has had none yet."""
    try:
        return (path / _NAME).read_text().strip()
    except FileNotFoundError:
        return ""


class StateFolder:
    """The folder of one worker's rows, and of its name.

    The name outlives the process. As the transactional id's last part it lets a restarted worker
    end its own open transaction at once; the lock sees to it that it never has two owners. A copy
    of the folder has the same name and a lock of its own: on Linux the name is locked, too, so that
    copies are found within a machine, or a container. Elsewhere the broker lets only one of them
    write at a time, and the writer says so.
    """

    def __init__(self, path: Path) -> None:
        """Lock the folder for this process, for as long as it lives.

        Raises:
            SettingsError: Another worker has it, or a copy of it.
        """
        path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise SettingsError(
                f"another worker uses the state folder {path}: give each one its own, "
                "RILLSTREAM_STATE_DIR or --state-dir"
            ) from None
        self.name = os.read(descriptor, 64).decode().strip()
        if not self.name:
            self.name = uuid.uuid4().hex
            os.write(descriptor, self.name.encode())
        if sys.platform == "linux" and not _take(self.name):
            os.close(descriptor)
            raise SettingsError(
                f"another worker of this machine has the name in {path / _NAME}: one state "
                f"folder is a copy of the other. Delete {path / _NAME}, and this worker gets "
                "a name of its own; the rows may stay"
            )


def _take(name: str) -> bool:
    """Have a name until this process ends, by a socket in Linux's abstract namespace."""
    taken = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        taken.bind(f"\0rillstream-worker-{name}")
    except OSError as error:
        taken.close()
        if error.errno != errno.EADDRINUSE:
            raise
        return False
    taken.detach()
    return True
