"""Two workers count the shop between them: each knows all of it, also when one is killed."""

import random
import signal
import time
from pathlib import Path

import pytest

from streams.brokers.kafka import KafkaBroker
from streams.events import Click
from tests.integration.live_shop import live_worker, open_live_shop
from tests.integration.shop import EventLog, Reader, check_counts
from tests.integration.worker_process import workers

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(400)]


def purchases(n: int, hot: str, *, first: int) -> list[Click]:
    """Two of three are of one item; the customers are spread over all partitions."""
    rng = random.Random(first)
    now_ms = time.time_ns() // 1_000_000
    return [
        Click(
            event_id=f"p{first + k}",
            user_id=f"buyer-{rng.randrange(80)}",
            type="purchase",
            item_id=hot if k % 3 else f"i{rng.randrange(60)}",
            at_ms=now_ms - 1_000 + k,
            context={"country": "FR"},
        )
        for k in range(n)
    ]


def visits(round_: int) -> list[Click]:
    """Of twelve people of whom nothing is known."""
    now_ms = time.time_ns() // 1_000_000
    return [
        Click(
            event_id=f"v{round_}-{n}", user_id=f"visitor-{round_}-{n}", type="visit", at_ms=now_ms
        )
        for n in range(12)
    ]


class Firsts(Reader):
    """Notes what stands first in the list of each visitor."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.first: dict[str, tuple[str, str]] = {}

    def note(self, found: object) -> None:
        item = found.items[0]  # type: ignore[attr-defined]
        self.first[found.user_id] = (item.item_id, item.reason)  # type: ignore[attr-defined]


def ask_until(log: EventLog, reader: Firsts, expected: tuple[str, str], round_: int) -> int:
    """New visitors, until all of a round get the same item first; returns the next round."""
    deadline = time.monotonic() + 60
    while True:
        asked = visits(round_)
        log.publish(list(asked))
        reader.wait_for(len(log.written), 60)
        round_ += 1
        firsts = {reader.first.get(each.user_id) for each in asked}
        if firsts == {expected}:
            return round_
        assert time.monotonic() < deadline, firsts
        time.sleep(0.3)


def test_every_worker_recommends_what_all_of_them_have_counted(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    settings = open_live_shop(kafka.bootstrap, tmp_path, shop_counts=True)
    log, reader = EventLog(settings), Firsts(settings)
    one, other = live_worker(settings, "w0"), live_worker(settings, "w1")
    reader.start()
    with workers(one, other):
        one.start()
        other.start()
        one.wait_for_log("worker ready", timeout_s=120)
        other.wait_for_log("worker ready", timeout_s=120)
        log.publish(list(purchases(600, "i7", first=0)))
        round_ = ask_until(log, reader, ("i7", "popular now"), 0)
        other.send(signal.SIGKILL)
        log.publish(list(purchases(1_500, "i9", first=10_000)))
        round_ = ask_until(log, reader, ("i9", "popular now"), round_)
        other.wait(10)
        n_ready = other.n_ready()
        other.start()  # it reads what was counted while it was away
        other.wait_for_log("shop counts read", 2, 120)
        other.wait_for_log("worker ready", n_ready + 1, 120)
        ask_until(log, reader, ("i9", "popular now"), round_)
        assert one.stop() == 0
        assert other.stop() == 0
    reader.close()
    check_counts(settings, log)
