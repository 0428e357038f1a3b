"""What a worker follows while it serves: looked at again and again, in a thread of its own."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import Final

import structlog

log = structlog.get_logger(__name__)

RETRY_S: Final = 5.0
CLOSE_S: Final = 5.0


class Follower(threading.Thread, ABC):
    """Looks until it is closed. A look that fails is logged, and the next one comes after a pause.

    Whoever follows keeps nothing durable: a restart begins with what is there then.
    """

    def __init__(self, name: str, *, every_s: float = 0.0, close_s: float = CLOSE_S) -> None:
        """Say how often.

        Args:
            name: What is followed; names the thread.
            every_s: Between two looks; 0 = a look waits by itself.
            close_s: How long closing waits for the end.
        """
        super().__init__(name=name, daemon=True)
        self._every_s = every_s
        self._close_s = close_s
        self._done = threading.Event()

    @abstractmethod
    def look(self) -> None:
        """Take over what is new, or say once why it cannot be; an error is tried again."""

    def leave(self) -> None:
        """After the last look."""

    def run(self) -> None:
        """Follow until closed."""
        while not self._done.wait(self._every_s):
            try:
                self.look()
            except Exception:  # without this thread nothing new would ever be taken
                log.exception("following failed, trying again", what=self.name)
                self._done.wait(RETRY_S)
        self.leave()

    def close(self) -> None:
        """Stop; waits for the end, but not for ever."""
        self._done.set()
        if self.is_alive():
            self.join(self._close_s)
