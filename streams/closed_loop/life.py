"""Simulated users in a thread of their own, while the main one starts and ends processes."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Self

from streams.records import encode
from streams.simulation.run import Simulation
from streams.simulation.users import Sent


class SentLog:
    """Every event that was sent, for those commands that learn from files of events."""

    def __init__(self) -> None:
        self._events: list[Sent] = []

    def __call__(self, event: Sent) -> None:
        """Keep one."""
        self._events.append(event)

    def write(self, path: Path) -> int:
        """All until now as JSON Lines in the order of their time; how many they are."""
        events = sorted(self._events.copy(), key=lambda event: event.at_ms)
        path.write_bytes(b"".join(encode(event) + b"\n" for event in events))
        return len(events)


class Life(threading.Thread):
    """Runs a simulation until it ends or the `with` block is left."""

    def __init__(self, simulation: Simulation) -> None:
        super().__init__(name="simulated users", daemon=True)
        self._simulation = simulation
        self._failure: Exception | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._simulation.stop()
        self.join()

    def run(self) -> None:
        """Simulate, and keep an error for whoever asks."""
        try:
            self._simulation.run()
        except Exception as error:
            self._failure = error

    def check(self) -> None:
        """Raise what ended the thread, if something did."""
        if self._failure is not None:
            raise self._failure
