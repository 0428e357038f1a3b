"""Subscribing: which lists come, that each comes once, and that nothing unreadable ends it."""

from __future__ import annotations

import time

import pytest
from confluent_kafka import Producer

from streams import subscribe
from streams.errors import BrokerUnavailableError
from streams.kafka_config import producer_config
from streams.outputs import Recommendation, Trigger
from streams.records import encode
from streams.settings import Settings, load_settings
from streams.subscribe import Subscription


def listed(n: int, user: str = "u") -> Recommendation:
    trigger = Trigger(event_id="e", type="view", at_ms=1, topic="t", partition=0, offset=n)
    return Recommendation(
        recommendation_id=f"r{n}", user_id=user, at_ms=n, trigger=trigger, items=()
    )


def send(settings: Settings, *values: Recommendation | bytes) -> None:
    producer = Producer(producer_config(settings))
    for value in values:
        key = "?" if isinstance(value, bytes) else value.user_id
        raw = value if isinstance(value, bytes) else encode(value)
        producer.produce("recommendations", raw, key)
    assert producer.flush(10) == 0


class Deadline:
    """True after a while: ends a subscription that has seen all there is."""

    def __init__(self, seconds: float) -> None:
        self._end_s = time.monotonic() + seconds

    def __call__(self) -> bool:
        return time.monotonic() > self._end_s


def test_earliest_begins_with_the_first_list(embedded: Settings) -> None:
    send(embedded, *[listed(n) for n in range(100)])
    with Subscription(embedded, start="earliest", max_n=100, should_stop=Deadline(20)) as lists:
        assert [found.at_ms for found in lists] == list(range(100))


def test_latest_begins_when_the_subscription_is_made(embedded: Settings) -> None:
    send(embedded, listed(1))
    with Subscription(embedded, max_n=1, should_stop=Deadline(20)) as lists:
        send(embedded, listed(2))
        assert [found.at_ms for found in lists] == [2]


def test_only_the_users_lists_come(embedded: Settings) -> None:
    send(embedded, listed(1, "ann"), listed(2, "bob"), listed(3, "ann"))
    stop = Deadline(3)
    with Subscription(embedded, user="ann", start="earliest", should_stop=stop) as lists:
        assert sorted(found.at_ms for found in lists) == [1, 3]


def test_a_repeated_list_is_dropped(embedded: Settings) -> None:
    send(embedded, listed(1), listed(1), listed(2), listed(1))
    with Subscription(embedded, start="earliest", should_stop=Deadline(3)) as lists:
        assert [found.at_ms for found in lists] == [1, 2]
        assert lists.n_duplicates == 2


def test_what_is_remembered_is_bounded(embedded: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscribe, "MAX_REMEMBERED", 2)
    send(embedded, listed(1), listed(2), listed(3), listed(1))
    with Subscription(embedded, start="earliest", should_stop=Deadline(3)) as lists:
        assert [found.at_ms for found in lists] == [1, 2, 3, 1]


def test_an_unreadable_message_is_counted_and_passed_over(embedded: Settings) -> None:
    send(embedded, b"{", listed(1))
    stop = Deadline(20)
    with Subscription(embedded, start="earliest", max_n=1, should_stop=stop) as lists:
        assert [found.at_ms for found in lists] == [1]
        assert lists.n_unreadable <= 1


def test_it_ends_after_max_n_and_goes_on_where_it_was(embedded: Settings) -> None:
    send(embedded, listed(1), listed(2), listed(3))
    with Subscription(embedded, start="earliest", max_n=2, should_stop=Deadline(20)) as lists:
        assert [found.at_ms for found in lists] == [1, 2]
        assert list(lists) == []


def test_no_broker_is_one_clear_error() -> None:
    settings = load_settings(bootstrap_servers="127.0.0.1:1")
    with pytest.raises(BrokerUnavailableError, match=r"127\.0\.0\.1:1.*rillstream broker"):
        Subscription(settings, topic_timeout_s=0.5)
