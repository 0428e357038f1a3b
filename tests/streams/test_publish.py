"""Publishing: what is sent, under which key, at which pace, and what happens to bad rows."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from streams import publish
from streams.brokers.embedded import EmbeddedBroker
from streams.errors import BadFileError, BrokerUnavailableError, SettingsError
from streams.events import Click, Impression, Search, decode_click
from streams.files import BadRow
from streams.items import Item, ItemDeleted
from streams.publish import Progress, Publisher, parse_speed, replay
from streams.records import encode
from streams.settings import Settings, load_settings
from tests.streams.reading import messages


def click(n: int, at_ms: int = 1000) -> Click:
    return Click(event_id=f"e{n}", user_id=f"u{n % 7}", type="view", item_id="i", at_ms=at_ms)


BAD = BadRow(Path("log.jsonl"), 3, "broken")


def test_every_record_arrives_once_under_its_key(embedded: Settings) -> None:
    clicks = [click(n) for n in range(5_000)]
    with Publisher(embedded) as publisher:
        done = replay(clicks, publisher)
    found = messages(embedded, "clicks")
    assert sorted(message.value() or b"" for message in found) == sorted(map(encode, clicks))
    for message in found:
        value = message.value()
        assert message.key() == decode_click(value, 10_000).user_id.encode()
    assert done.sent == {"clicks": 5_000}


def test_the_first_record_does_not_wait_for_a_producer_id(embedded: Settings) -> None:
    """Each of these publishers is a new producer, which would ask every 500 ms only."""
    waits_s = []
    for n in range(8):
        with Publisher(embedded) as publisher:
            begun_s = time.perf_counter()
            publisher.send(click(n))
            publisher.flush()
            waits_s.append(time.perf_counter() - begun_s)
    assert max(waits_s) < 0.4


def test_each_kind_has_its_topic_and_key(embedded: Settings) -> None:
    search = Search(event_id="e", user_id="u", type="search", query="q", at_ms=1)
    item = Item(item_id="i", title="t")
    shown = Impression(recommendation_id="r", user_id="u", at_ms=1, item_ids=("i",))
    with Publisher(embedded) as publisher:
        for record in (search, item, shown):
            publisher.send(record)

    def sent(topic: str) -> list[tuple[object, object]]:
        return [(message.key(), message.value()) for message in messages(embedded, topic)]

    assert sent("searches") == [(b"u", encode(search))]
    assert sent("items") == [(b"i", encode(item))]
    assert sent("impressions") == [(b"u", encode(shown))]


def test_a_deletion_is_a_null_under_the_items_key(embedded: Settings) -> None:
    with Publisher(embedded) as publisher:
        publisher.send(ItemDeleted(item_id="gone"))
    (tombstone,) = messages(embedded, "items")
    assert (tombstone.key(), tombstone.value()) == (b"gone", None)


def test_a_users_events_keep_their_order(embedded: Settings) -> None:
    with Publisher(embedded) as publisher:
        replay([click(n, at_ms=n) for n in range(2_000)], publisher)
    moments: dict[bytes, list[int]] = {}
    for message in messages(embedded, "clicks"):
        key, event = message.key(), decode_click(message.value(), 10_000)
        assert isinstance(key, bytes)
        moments.setdefault(key, []).append(event.at_ms)
    assert len(moments) == 7
    assert all(times == sorted(times) for times in moments.values())


@pytest.mark.parametrize(("speed", "least_s", "most_s"), [(2.0, 0.5, 0.9), (None, 0.0, 0.4)])
def test_events_leave_when_they_are_due(
    embedded: Settings, speed: float | None, least_s: float, most_s: float
) -> None:
    """One second of event time at double speed is half a second."""
    events = [click(0, at_ms=5_000), click(1, at_ms=5_500), click(2, at_ms=6_000)]
    with Publisher(embedded) as publisher:
        start_s = time.monotonic()
        progress = replay(events, publisher, speed=speed)
        elapsed_s = time.monotonic() - start_s
    assert least_s <= elapsed_s <= most_s
    assert progress.at_ms == 6_000


def test_a_late_event_does_not_stop_the_replay(embedded: Settings) -> None:
    start_s = time.monotonic()
    with Publisher(embedded) as publisher:
        replay([click(0, at_ms=900_000), click(1, at_ms=100)], publisher, speed=1.0)
    assert time.monotonic() - start_s < 3


def test_times_may_become_now(embedded: Settings) -> None:
    before_ms = time.time_ns() // 1_000_000
    item = Item(item_id="i", title="t")
    with Publisher(embedded) as publisher:
        replay([item, click(0, at_ms=1), click(1, at_ms=2)], publisher, times="now")
    now_ms = time.time_ns() // 1_000_000
    for message in messages(embedded, "clicks"):
        assert before_ms <= decode_click(message.value(), now_ms).at_ms <= now_ms
    (sent,) = messages(embedded, "items")
    assert sent.value() == encode(item)


def test_a_bad_row_stops_the_replay_with_file_and_line(embedded: Settings) -> None:
    with (
        Publisher(embedded) as publisher,
        pytest.raises(BadFileError, match=r"log\.jsonl:3: broken"),
    ):
        replay([click(0), BAD, click(1)], publisher)
    assert len(messages(embedded, "clicks")) == 1


def test_bad_rows_may_be_skipped_and_are_counted(embedded: Settings) -> None:
    skipped: list[BadRow] = []
    with Publisher(embedded) as publisher:
        done = replay(
            [click(0), BAD, click(1)], publisher, bad_rows="skip", on_bad_row=skipped.append
        )
    assert done.rejected == 1
    assert skipped == [BAD]
    assert len(messages(embedded, "clicks")) == 2


def test_progress_is_told_while_it_goes_on(embedded: Settings) -> None:
    told: list[Progress] = []
    events = [click(n, at_ms=n * 100) for n in range(8)]
    with Publisher(embedded) as publisher:
        done = replay(events, publisher, speed=1.0, on_progress=told.append)
    counts = [progress.sent.total() for progress in told]
    assert len(told) >= 3
    assert counts == sorted(counts)
    assert told[-1].sent == done.sent == {"clicks": 8}


def test_a_replay_can_be_stopped_while_it_waits(embedded: Settings) -> None:
    start_s = time.monotonic()
    with Publisher(embedded) as publisher:
        done = replay(
            [click(0, at_ms=0), click(1, at_ms=3_600_000)],
            publisher,
            speed=1.0,
            should_stop=lambda: time.monotonic() - start_s > 0.3,
        )
    assert done.sent.total() == 1
    assert time.monotonic() - start_s < 3


def test_no_broker_is_one_clear_error() -> None:
    settings = load_settings(bootstrap_servers="127.0.0.1:1")
    publisher = Publisher(settings)
    with pytest.raises(BrokerUnavailableError, match=r"127\.0\.0\.1:1.*rillstream broker"):
        publisher.check(timeout_s=0.5)


def test_what_ended_a_publishing_is_not_hidden_by_a_broker_that_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C and SIGTERM end a command with codes of their own, and soon."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(publish, "FAREWELL_S", 0.1, raising=False)

    def interrupted(broker: EmbeddedBroker) -> None:
        with Publisher(load_settings(bootstrap_servers=broker.bootstrap)) as publisher:
            broker.stop()
            publisher.send(click(1))
            raise KeyboardInterrupt

    with EmbeddedBroker() as broker, pytest.raises(KeyboardInterrupt):
        interrupted(broker)


@pytest.mark.parametrize(("text", "speed"), [("1x", 1.0), ("10x", 10.0), ("0.5", 0.5)])
def test_a_speed_is_a_factor(text: str, speed: float) -> None:
    assert parse_speed(text) == speed


def test_the_highest_speed_is_no_pace_at_all() -> None:
    assert parse_speed("max") is None


@pytest.mark.parametrize("text", ["", "x", "fast", "0x", "-1x", "nan", "inf"])
def test_another_speed_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="1x, 10x"):
        parse_speed(text)
