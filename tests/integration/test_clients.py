"""The programs around the worker, against a real Kafka: topics, dead letters, subscribing."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from streams.brokers.kafka import KafkaBroker
from streams.cli import doctor
from streams.dead_letter import dead_letter_record
from streams.dead_letters import Replayed, list_dead_letters, replay_dead_letters
from streams.errors import TopicMismatchError
from streams.kafka_config import client_config, producer_config
from streams.outputs import Recommendation, Trigger
from streams.records import encode
from streams.settings import Settings, load_settings
from streams.subscribe import Subscription
from streams.topic_check import check_topics
from streams.topics import all_topics, create_topics, dead_letter_topic, topic_ids
from tests.integration.shop import grow
from tests.streams.reading import messages

pytestmark = pytest.mark.kafka


@pytest.fixture
def settings(kafka: KafkaBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings with topics of the test's own."""
    monkeypatch.chdir(tmp_path)
    name = f"t{uuid4().hex[:8]}"
    return load_settings(bootstrap_servers=kafka.bootstrap, topic_prefix=f"{name}.", app_id=name)


def transactional(settings: Settings) -> Producer:
    ids = {"transactional.id": f"{settings.app_id}-writer", "retry.backoff.ms": 1}
    producer = Producer(producer_config(settings, **ids))
    producer.init_transactions(20)
    return producer


def listed(n: int) -> bytes:
    trigger = Trigger(event_id="e", type="view", at_ms=1, topic="t", partition=0, offset=n)
    return encode(
        Recommendation(recommendation_id=f"r{n}", user_id="u", at_ms=n, trigger=trigger, items=())
    )


def test_created_topics_pass_the_check(settings: Settings) -> None:
    names = {spec.name for spec in all_topics(settings)}
    (missing,) = check_topics(settings)
    assert "rillstream topics create" in missing
    assert all(name in missing for name in names)
    assert set(create_topics(settings)) == names
    assert create_topics(settings) == []
    assert check_topics(settings) == []


def test_topics_of_another_shape_are_told(settings: Settings) -> None:
    create_topics(settings)
    more = settings.model_copy(update={"partitions": 5})
    problems = check_topics(more)
    (found,) = doctor._topics(more)
    assert found.way_out == "rillstream topics check, when that is done", "nothing is to be created"
    assert f"topic {settings.topic('clicks')} has 4 partitions" in " ".join(problems)
    admin = AdminClient(client_config(settings))
    wrong = load_settings(
        bootstrap_servers=settings.bootstrap_servers, topic_prefix="w.", app_id="w"
    )
    items, letters = wrong.topic("items"), dead_letter_topic(wrong.topic("clicks"))
    for made in admin.create_topics([NewTopic(items, 4, 1), NewTopic(letters, 1, 1)]).values():
        made.result(20)
    create_topics(wrong)  # the rest, after which the broker knows these two, too
    problems = check_topics(wrong)
    assert [f"topic {items} has cleanup.policy=delete" in problem for problem in problems] == [
        True,
        False,
    ]
    assert f"topic {letters} has max.message.bytes=1048588, it should be 2000000" in problems[1]


def test_more_copies_than_brokers_are_refused_with_the_reason(settings: Settings) -> None:
    three = settings.model_copy(update={"replication_factor": 3})
    with pytest.raises(TopicMismatchError, match="eplication"):
        create_topics(three)


def test_a_recreated_topic_has_another_id(settings: Settings) -> None:
    create_topics(settings)
    clicks = settings.topic("clicks")
    before = topic_ids(settings, [clicks])
    assert topic_ids(settings, [clicks]) == before
    assert before[clicks] != clicks
    admin = AdminClient(client_config(settings))
    admin.delete_topics([clicks])[clicks].result(20)
    deadline = time.monotonic() + 20
    while clicks in admin.list_topics(timeout=10).topics and time.monotonic() < deadline:
        time.sleep(0.1)
    create_topics(settings)
    assert topic_ids(settings, [clicks]) != before


def test_a_missing_topic_has_no_id(settings: Settings) -> None:
    with pytest.raises(TopicMismatchError, match="topics create"):
        topic_ids(settings, [settings.topic("clicks")])


def test_a_subscriber_sees_committed_lists_only(settings: Settings) -> None:
    """And what is committed after it came is not missed, though it was written before."""
    create_topics(settings)
    topic = settings.topic("recommendations")
    producer = transactional(settings)
    producer.begin_transaction()
    producer.produce(topic, listed(1), "u")
    producer.flush(10)
    producer.abort_transaction(20)
    producer.begin_transaction()
    producer.produce(topic, listed(2), "u")
    producer.flush(10)
    with Subscription(settings, should_stop=_Deadline(15), max_n=2) as lists:
        producer.commit_transaction(20)
        producer.begin_transaction()
        producer.produce(topic, listed(3), "u")
        producer.commit_transaction(20)
        assert [found.at_ms for found in lists] == [2, 3]
    with Subscription(settings, start="earliest", should_stop=_Deadline(15), max_n=2) as lists:
        assert [found.at_ms for found in lists] == [2, 3]


def test_a_subscriber_sees_the_lists_of_partitions_that_are_added(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From their first: "More partitions" asks for them, and nobody starts subscribers again."""
    monkeypatch.setattr("streams.subscribe.LOOK_EVERY_S", 0.5)
    create_topics(settings)
    topic, n_before = settings.topic("recommendations"), settings.partitions
    producer = Producer(producer_config(settings))
    with Subscription(settings, should_stop=_Deadline(30), max_n=2) as lists:
        producer.produce(topic, listed(1), "u", partition=0)
        assert producer.flush(10) == 0
        assert next(iter(lists)).at_ms == 1
        grow(settings, topic, n_before + 2)
        writer = Producer(producer_config(settings))  # one that knows them
        writer.produce(topic, listed(2), "u", partition=n_before + 1)
        assert writer.flush(10) == 0
        assert [found.at_ms for found in lists] == [2]


def test_a_subscriber_says_that_its_topic_is_missing(settings: Settings) -> None:
    with pytest.raises(TopicMismatchError, match="topics create"):
        Subscription(settings, topic_timeout_s=1)


def test_dead_letters_of_transactions_are_listed_and_replayed_once(settings: Settings) -> None:
    """Markers take the last offset of each transaction; neither reading nor replay waits there."""
    create_topics(settings)
    clicks = settings.topic("clicks")
    producer = transactional(settings)
    for n, commit in enumerate([True, False, True, False]):
        producer.begin_transaction()
        topic, key, value, headers = dead_letter_record(
            f"junk {n}".encode(), clicks, 0, n, b"u", "bad"
        )
        producer.produce(topic, value, key, headers=headers)  # type: ignore[arg-type]
        producer.flush(10)
        if commit:
            producer.commit_transaction(20)
        else:
            producer.abort_transaction(20)
    begun_s = time.monotonic()
    assert [letter.raw for letter in list_dead_letters(settings)] == [b"junk 0", b"junk 2"]
    assert replay_dead_letters(settings).n_sent == 2
    assert replay_dead_letters(settings).n_sent == 0
    assert time.monotonic() - begun_s < 15
    assert [(m.key(), m.value()) for m in messages(settings, clicks)] == [
        (b"u", b"junk 0"),
        (b"u", b"junk 2"),
    ]


def test_a_message_as_large_as_the_broker_takes_fits_into_the_dead_letters(
    settings: Settings,
) -> None:
    create_topics(settings)
    clicks = settings.topic("clicks")
    huge = b"x" * 1_048_400
    plain = producer_config(settings, **{"compression.type": "none"})
    producer = Producer(plain)
    producer.produce(clicks, huge, b"u")
    assert producer.flush(20) == 0
    topic, key, value, headers = dead_letter_record(huge, clicks, 0, 0, b"u", "r" * 1_000)
    failures: list[object] = []
    producer.produce(
        topic,
        value,
        key,
        headers=headers,  # type: ignore[arg-type]
        on_delivery=lambda error, _: failures.append(error) if error else None,
    )
    assert producer.flush(20) == 0
    assert failures == []
    assert [letter.raw for letter in list_dead_letters(settings)] == [huge]


def test_a_letter_that_its_topic_refuses_as_too_long_holds_no_other_up(settings: Settings) -> None:
    """As where a limit is lowered; a broker refuses the whole batch that it is in."""
    create_topics(settings)
    clicks = settings.topic("clicks")
    huge = Random(1).randbytes(1_100_000)  # no compression makes it shorter
    producer = Producer(producer_config(settings))
    for offset, raw in enumerate((b"before", huge, b"after")):
        topic, key, value, headers = dead_letter_record(raw, clicks, 0, offset, b"u", "bad")
        producer.produce(topic, value, key, headers=headers)  # type: ignore[arg-type]
    assert producer.flush(20) == 0
    assert replay_dead_letters(settings) == Replayed(2, 0, 0, 1)
    assert sorted(message.value() or b"" for message in messages(settings, clicks)) == [
        b"after",
        b"before",
    ]
    assert replay_dead_letters(settings) == Replayed(0, 0, 0)


class _Deadline:
    def __init__(self, seconds: float) -> None:
        self._end_s = time.monotonic() + seconds

    def __call__(self) -> bool:
        return time.monotonic() > self._end_s
