"""Dead letters: raw bytes, where they were, why, and the way back."""

from __future__ import annotations

import pytest
from confluent_kafka import Producer

from streams.dead_letter import (
    MAX_KEY_BYTES,
    MAX_LETTER_BYTES,
    MAX_REASON_BYTES,
    dead_letter_record,
)
from streams.dead_letters import Replayed, list_dead_letters, replay_dead_letters
from streams.errors import BrokerUnavailableError, TopicMismatchError
from streams.kafka_config import producer_config
from streams.positions import place_of
from streams.settings import Settings, load_settings
from tests.streams.reading import messages


def put(settings: Settings, *letters: tuple[str, bytes | None, bytes | None]) -> None:
    """Put aside (topic, key, value), as a worker does."""
    producer = Producer(producer_config(settings))
    for offset, (source, key, raw) in enumerate(letters):
        topic, key, value, headers = dead_letter_record(
            raw, source, 3, offset, key, "bad", "future"
        )
        producer.produce(topic, value, key, headers=headers)  # type: ignore[arg-type]
    assert producer.flush(10) == 0


JUNK = b"\xff\x00{not json"


def test_a_dead_letter_is_the_raw_message_with_headers() -> None:
    topic, key, value, headers = dead_letter_record(JUNK, "clicks", 3, 17, b"u", "no JSON")
    assert (topic, key, value) == ("clicks.dlq", b"u", JUNK)
    assert dict(headers) == {
        "rillstream.topic": b"clicks",
        "rillstream.partition": b"3",
        "rillstream.offset": b"17",
        "rillstream.kind": b"invalid",
        "rillstream.reason": b"no JSON",
        "rillstream.attempts": b"1",
        "rillstream.first": b"3:17",
    }


@pytest.mark.parametrize("n_key", [1, 3_000_000])
def test_a_message_longer_than_any_dead_letter_is_cut_and_says_so(
    embedded: Settings, n_key: int
) -> None:
    """One that no broker takes would be tried for ever, and nothing behind it would be read."""
    put(embedded, ("clicks", b"k" * n_key, b"x" * 3_000_000))
    (letter,) = list_dead_letters(embedded)
    key, raw = letter.key or b"", letter.raw or b""
    assert len(key) == min(n_key, MAX_KEY_BYTES)
    assert len(key) + len(raw) == MAX_LETTER_BYTES
    assert letter.reason == f"cut, for key and value have {3_000_000 + n_key} bytes: bad"


def test_a_message_of_a_dead_letters_length_is_whole() -> None:
    raw = b"x" * (MAX_LETTER_BYTES - 1)
    _, key, value, headers = dead_letter_record(raw, "clicks", 3, 17, b"u", "no JSON")
    assert (key, value) == (b"u", raw)
    assert dict(headers)["rillstream.reason"] == b"no JSON"


def test_a_reason_is_bounded_and_always_encodable() -> None:
    _, _, _, headers = dead_letter_record(b"", "t", 0, 0, None, "\ud800" + "x" * 5_000)
    assert len(dict(headers)["rillstream.reason"]) == MAX_REASON_BYTES


def test_a_list_shows_where_each_was_and_why(embedded: Settings) -> None:
    put(embedded, ("clicks", b"u", JUNK), ("searches", None, None))
    letters = {letter.topic: letter for letter in list_dead_letters(embedded)}
    click, search = letters["clicks"], letters["searches"]
    assert (click.partition, click.offset, click.kind, click.reason) == (3, 0, "future", "bad")
    assert (click.key, click.raw) == (b"u", JUNK)
    assert (search.key, search.raw, search.offset) == (None, None, 1)
    assert click.at_ms > 1_600_000_000_000


def test_a_list_may_be_of_one_topic_and_short(embedded: Settings) -> None:
    put(embedded, *[("clicks", b"u", JUNK)] * 5, ("searches", b"u", JUNK))
    assert [letter.topic for letter in list_dead_letters(embedded, topic="searches")] == [
        "searches"
    ]
    assert len(list(list_dead_letters(embedded, max_n=2))) == 2


def test_no_dead_letters_is_an_empty_list(embedded: Settings) -> None:
    assert list(list_dead_letters(embedded)) == []
    assert replay_dead_letters(embedded).n_sent == 0


def test_a_kind_of_topic_has_its_prefix(embedded: Settings) -> None:
    eu = load_settings(bootstrap_servers=embedded.bootstrap_servers, topic_prefix="eu.")
    put(eu, ("eu.clicks", b"u", JUNK))
    assert len(list(list_dead_letters(eu, topic="clicks"))) == 1
    assert len(list(list_dead_letters(eu, topic="eu.clicks"))) == 1
    assert list(list_dead_letters(eu, topic="searches")) == []


def test_letters_of_the_learner_are_listed_with_those_of_workers(embedded: Settings) -> None:
    eu = load_settings(bootstrap_servers=embedded.bootstrap_servers, topic_prefix="eu.")
    put(eu, ("eu.decisions", b"u", JUNK), ("eu.impressions", b"u", JUNK), ("eu.clicks", b"u", JUNK))
    found = sorted(letter.topic for letter in list_dead_letters(eu))
    assert found == ["eu.clicks", "eu.decisions", "eu.impressions"]
    assert [letter.topic for letter in list_dead_letters(eu, topic="decisions")] == ["eu.decisions"]
    assert replay_dead_letters(eu).n_sent == 3


def test_a_topic_that_has_no_dead_letters_is_not_an_empty_list(embedded: Settings) -> None:
    with pytest.raises(TopicMismatchError, match=r"no topic klicks\.dlq: use one of clicks, "):
        list(list_dead_letters(embedded, topic="klicks"))


def test_a_letter_without_headers_is_listed_too(embedded: Settings) -> None:
    producer = Producer(producer_config(embedded))
    producer.produce("clicks.dlq", b"by hand", b"k")
    producer.flush(10)
    (letter,) = list_dead_letters(embedded)
    assert (letter.topic, letter.partition, letter.kind) == ("clicks", -1, "unknown")


def test_a_letter_is_sent_back_only_to_the_topic_whose_letters_it_lies_among(
    embedded: Settings,
) -> None:
    """Whoever may write to `clicks.dlq` could else have us write to any topic."""
    _, key, value, headers = dead_letter_record(JUNK, "payments", 0, 0, b"u", "bad")
    producer = Producer(producer_config(embedded))
    producer.produce("clicks.dlq", value, key, headers=headers)  # type: ignore[arg-type]
    assert producer.flush(10) == 0
    assert replay_dead_letters(embedded).n_sent == 1
    assert [message.value() for message in messages(embedded, "clicks")] == [JUNK]
    assert messages(embedded, "payments") == []


def test_a_replay_sends_the_same_bytes_under_the_same_key_back(embedded: Settings) -> None:
    sent = [("clicks", b"u1", JUNK), ("clicks", None, b"2"), ("clicks", b"u3", None)]
    put(embedded, *sent, ("searches", b"u4", b"4"))
    assert replay_dead_letters(embedded).n_sent == 4
    back = {(message.key(), message.value()) for message in messages(embedded, "clicks")}
    assert back == {(key, raw) for _, key, raw in sent}
    assert [message.value() for message in messages(embedded, "searches")] == [b"4"]


def test_the_next_replay_goes_on_where_the_last_one_ended(embedded: Settings) -> None:
    put(embedded, *[("clicks", b"u", str(n).encode()) for n in range(6)])
    assert replay_dead_letters(embedded, max_n=4).n_sent == 4
    assert replay_dead_letters(embedded).n_sent == 2
    assert replay_dead_letters(embedded).n_sent == 0
    put(embedded, ("clicks", b"u", b"new"))
    assert replay_dead_letters(embedded).n_sent == 1
    assert sorted(m.value() or b"" for m in messages(embedded, "clicks")) == [
        *[str(n).encode() for n in range(6)],
        b"new",
    ]
    assert replay_dead_letters(embedded, from_start=True).n_sent == 7


def read_in_vain(settings: Settings, *, after: int) -> None:
    """Put aside what came to clicks behind an offset, as a worker that still cannot read it."""
    producer = Producer(producer_config(settings))
    for message in messages(settings, "clicks"):
        partition, offset = place_of(message)
        if offset < after:
            continue
        topic, key, value, headers = dead_letter_record(
            message.value(),
            "clicks",
            partition,
            offset,
            message.key(),
            "bad",
            headers=message.headers() or (),  # type: ignore[arg-type]
        )
        producer.produce(topic, value, key, headers=headers)  # type: ignore[arg-type]
    assert producer.flush(10) == 0


def test_a_letter_that_is_replayed_unmended_is_the_same_message_with_one_attempt_more(
    embedded: Settings,
) -> None:
    put(embedded, ("clicks", b"u", JUNK))
    for attempt in range(3):
        assert replay_dead_letters(embedded) == Replayed(1, 0, 0)
        read_in_vain(embedded, after=attempt)
    letters = list(list_dead_letters(embedded))
    assert [letter.attempts for letter in letters] == [1, 2, 3, 4]
    assert {(letter.key, letter.raw, letter.first) for letter in letters} == {(b"u", JUNK, "3:0")}
    (*_, last) = messages(embedded, "clicks.dlq")
    assert len(last.headers() or ()) == 7


def test_a_replay_of_everything_sends_each_message_once_however_often_it_came_back(
    embedded: Settings,
) -> None:
    """Else each one doubles what there is."""
    put(embedded, ("clicks", b"u", JUNK), ("clicks", b"u", b"other"))
    for n in range(3):
        assert replay_dead_letters(embedded, from_start=True) == Replayed(2, 0, 2 * n)
        read_in_vain(embedded, after=2 * n)
    assert len(list(list_dead_letters(embedded))) == 8


def test_a_letter_that_was_cut_is_not_sent_back(embedded: Settings) -> None:
    """Half a message is none, and its topic would refuse it for good, with all behind it."""
    put(embedded, ("clicks", b"u", b"x" * 3_000_000), ("clicks", b"u", JUNK))
    assert replay_dead_letters(embedded) == Replayed(1, 1, 0)
    assert [message.value() for message in messages(embedded, "clicks")] == [JUNK]
    assert replay_dead_letters(embedded) == Replayed(0, 0, 0)


@pytest.mark.parametrize("said", [b"\xff\xfe", b"-1", "\u0663".encode(), b"9" * 5_000, b""])
def test_attempts_that_anybody_may_have_written_are_read_leniently(said: bytes) -> None:
    foreign = [("rillstream.attempts", said), ("rillstream.first", said), ("\ud800", None)]
    _, _, _, headers = dead_letter_record(JUNK, "clicks", 3, 17, b"u", "bad", headers=foreign)
    assert dict(headers)["rillstream.attempts"] == b"1"
    assert len(dict(headers)["rillstream.first"]) <= 64


def test_no_broker_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.letter_box.ANSWER_S", 0.5)
    settings = load_settings(bootstrap_servers="127.0.0.1:1")
    with pytest.raises(BrokerUnavailableError):
        list(list_dead_letters(settings))
    with pytest.raises(BrokerUnavailableError):
        replay_dead_letters(settings)
