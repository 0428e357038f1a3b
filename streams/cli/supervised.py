"""How the workers of a supervisor are: each is asked at its own port."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from typing import Final

from streams.health import Health
from streams.probes import LIVE, READY

ANSWER_S: Final = 2.0


class Workers:
    """Live while the supervisor is and no worker says or shows that it is dead; ready with all.

    A worker that nobody answers for is ending or beginning: the supervisor sees to it, and its
    platform has nothing to do.
    """

    def __init__(self, own: Health, address: str, ports: Sequence[int]) -> None:
        """Ask nobody yet.

        Args:
            own: Of the supervisor itself.
            address: Where all workers answer; 0.0.0.0 asked on Linux is this machine.
            ports: Of each.
        """
        self._own = own
        self._address = address
        self._ports = ports

    def why_dead(self) -> str | None:
        """See `streams.probes.Condition`."""
        said = [why for why in (self._own.why_dead(), *self._ask(LIVE)) if why]
        return ", ".join(said) or None

    def why_not_ready(self) -> str | None:
        """See `streams.probes.Condition`."""
        return ", ".join(self._ask(READY)) or None

    def _ask(self, path: str) -> Iterator[str]:
        with ThreadPoolExecutor(len(self._ports)) as threads:
            answers = threads.map(lambda port: _answer(self._address, port, path), self._ports)
        for number, why in enumerate(answers):
            if why is None and path == READY:
                why = "it is not running"
            if why:
                yield f"worker {number}: {why}"


def _answer(address: str, port: int, path: str) -> str | None:
    """Why not; empty = all is well, None = nobody is there."""
    connection = HTTPConnection(address, port, timeout=ANSWER_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace").strip()
    except TimeoutError:
        return f"no answer within {ANSWER_S:g} s"
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()
    return "" if answer.status == 200 else text
