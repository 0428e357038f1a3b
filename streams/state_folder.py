"""The folder that a worker keeps between its lives: its rows and its name."""

import fcntl
import os
import uuid
from pathlib import Path

from streams.errors import SettingsError


class StateFolder:
    """The folder of one worker's rows, and of its name.

    The name outlives the process. As the transactional id's last part it lets a restarted worker
    end its own open transaction at once; the lock sees to it that it never has two owners.
    """

    def __init__(self, path: Path) -> None:
        """Lock the folder for this process, for as long as it lives.

        Raises:
            SettingsError: Another worker has it.
        """
        path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path / "worker-id", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
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
