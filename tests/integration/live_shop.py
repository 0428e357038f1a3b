"""A shop whose items change while it is open: versions, item records, what shoppers then see."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from confluent_kafka import Producer

import index
from index import IndexStore, Manifest, build_index
from streams import index_versions
from streams.events import Search
from streams.items import Item
from streams.kafka_config import producer_config
from streams.outputs import Recommendation
from streams.records import encode
from streams.settings import Settings
from streams.subscribe import Subscription
from streams.topics import create_topics
from tests.integration.live_worker import Digests
from tests.integration.shop import N_ITEMS, make_settings
from tests.integration.worker_process import WorkerProcess

USERS = [f"shopper-{n}" for n in range(12)]
"""Enough for each partition to have one."""


def open_live_shop(bootstrap: str, folder: Path, **changes: object) -> Settings:
    """Topics, and a version with sixty items, made current."""
    settings = make_settings(bootstrap, folder, **changes)
    create_topics(settings)
    build_version(settings)
    return settings


def live_worker(settings: Settings, name: str) -> WorkerProcess:
    """The real worker with a tower of digests."""
    return WorkerProcess(settings, name, module="tests.integration.live_worker")


def build_version(
    settings: Settings,
    more: Iterable[str] = (),
    *,
    encoder_version: str | None = None,
    tower: type[Digests] = Digests,
    items_read: dict[str, int] | None = None,
) -> Manifest:
    """A version of the sixty items and some more, made current but not announced."""
    items = [
        index.Item(item_id=f"i{n}", title=f"Thing {n}", category=f"c{n % 3}", price=float(n + 1))
        for n in range(N_ITEMS)
    ]
    items += [index.Item(item_id=item_id, title=f"More {item_id}") for item_id in more]
    return build_index(
        IndexStore(settings.index_dir),
        items,
        tower().encode_items([item.title for item in items]),
        encoder_version=encoder_version or tower.version,
        items_read=items_read,
    )


def announce(settings: Settings, manifest: Manifest) -> None:
    """Tell the workers."""
    index_versions.announce(settings, manifest)


class Catalogue:
    """Who changes the items."""

    def __init__(self, settings: Settings) -> None:
        self._topic = settings.topic("items")
        self._producer = Producer(producer_config(settings))

    def put(self, *items: Item) -> None:
        """Publish items; returns when they are stored."""
        for item in items:
            self._producer.produce(self._topic, encode(item), item.item_id.encode())
        assert self._producer.flush(20) == 0

    def delete(self, *item_ids: str) -> None:
        """Publish deletions; returns when they are stored."""
        for item_id in item_ids:
            self._producer.produce(self._topic, None, item_id.encode())
        assert self._producer.flush(20) == 0


class Shoppers:
    """Users on every partition, who search for one thing until all of them see what is expected."""

    def __init__(self, settings: Settings) -> None:
        self._topic = settings.topic("searches")
        self._producer = Producer(producer_config(settings))
        self._should_stop: Callable[[], bool] = lambda: False
        self._lists = Subscription(settings, should_stop=lambda: self._should_stop())
        self._number = 0

    def ask(self, query: str, timeout_s: float = 20) -> dict[str, Recommendation]:
        """One search of each user, and its list."""
        asked = {}
        for user in USERS:
            self._number += 1
            event_id = f"{user}-{self._number}"
            asked[event_id] = user
            now_ms = time.time_ns() // 1_000_000
            search = Search(
                event_id=event_id, user_id=user, type="search", query=query, at_ms=now_ms
            )
            self._producer.produce(self._topic, encode(search), user.encode())
        assert self._producer.flush(20) == 0
        seen, begun = dict[str, Recommendation](), time.monotonic()
        self._should_stop = lambda: time.monotonic() - begun > timeout_s
        for found in self._lists:
            if found.trigger.event_id in asked:
                seen[asked.pop(found.trigger.event_id)] = found
            if not asked:
                break
        assert not asked, f"no list for {sorted(asked)}"
        return seen

    def wait_until(
        self, query: str, holds: Callable[[Recommendation], bool], timeout_s: float = 20
    ) -> float:
        """Search until the lists of all users are as expected; how long that took."""
        begun = time.monotonic()
        while True:
            lists = self.ask(query, timeout_s)
            if all(map(holds, lists.values())):
                return time.monotonic() - begun
            wrong = next(each for each in lists.values() if not holds(each))
            assert time.monotonic() - begun < timeout_s, f"{query!r}: {wrong}"

    def close(self) -> None:
        """Leave the broker."""
        self._lists.close()


def ids(found: Recommendation) -> list[str]:
    """What is in a list."""
    return [place.item_id for place in found.items]
