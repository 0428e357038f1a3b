"""Where the group stands, asked by two threads while no broker answers."""

import time
from concurrent.futures import ThreadPoolExecutor

from streams.errors import BrokerUnavailableError
from streams.positions import GroupPositions


def test_who_asks_meanwhile_is_not_left_with_a_closed_client() -> None:
    """A rebalance in a recovery: the first one's question goes on, and fails, beside the second."""
    positions = GroupPositions({"bootstrap.servers": "127.0.0.1:1", "log_level": 0}, "group")

    def ask(after_s: float) -> str:
        time.sleep(after_s)
        try:
            positions.committed([("clicks", 0)], 1.5)
        except BrokerUnavailableError:
            return "no broker"
        return "answered"

    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(ask, [0, 0.7, 1.0])) == ["no broker"] * 3
    positions.close()
