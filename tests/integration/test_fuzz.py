"""Mutated messages against a worker: it survives.

Each message is applied, or lies in the dead letters, untouched.

FUZZ=200000 runs the long form.
"""

import os
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from streams.brokers.kafka import KafkaBroker
from streams.events import Click
from streams.kafka_config import consumer_config, producer_config
from streams.records import encode
from streams.settings import Settings
from streams.topics import dead_letter_topic
from tests.integration.shop import Reader, make_events, open_shop
from tests.integration.worker_process import WorkerProcess, workers

N = int(os.environ.get("FUZZ", "10000"))

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(120 + N // 300)]

Message = tuple[bytes | None, bytes | None]
Letter = tuple[str | bytes | None, bytes | None]


def flip(rng: random.Random, key: bytes, value: bytes) -> Message:
    at = rng.randrange(len(value))
    return key, value[:at] + bytes([rng.randrange(256)]) + value[at + 1 :]


def cut(rng: random.Random, key: bytes, value: bytes) -> Message:
    return key, value[: rng.randrange(len(value))]


def splice(rng: random.Random, key: bytes, value: bytes) -> Message:
    at = rng.randrange(len(value))
    return key, value[:at] + rng.randbytes(rng.randrange(1, 30)) + value[at:]


def wrong_key(rng: random.Random, key: bytes, value: bytes) -> Message:
    return rng.choice([None, b"", b"someone-else", b"\xff\xfe"]), value


def empty(rng: random.Random, key: bytes, value: bytes) -> Message:
    return key, rng.choice([None, b"", b"null", b"[]", b"{}", b"0"])


def oversize(rng: random.Random, key: bytes, value: bytes) -> Message:
    return key, value[:-1] + b',"pad":"' + b"x" * 70_000 + b'"}'


def poisoned(rng: random.Random, key: bytes, value: bytes) -> Message:
    field = rng.choice([b'"at_ms":', b'"user_id":', b'"event_id":'])
    junk = rng.choice([b"NaN", b"-1", b"1e999", b"null", b"[1]", b'"\\ud800"', b"9" * 400, b"true"])
    head, _, tail = value.partition(field)
    return key, head + field + junk + b"," + field + tail


def nested(rng: random.Random, key: bytes, value: bytes) -> Message:
    depth = rng.choice([50, 5_000, 30_000])
    return key, value[:-1] + b',"deep":' + b"[" * depth + b"]" * depth + b"}"


def unchanged(rng: random.Random, key: bytes, value: bytes) -> Message:
    return key, value


MUTATIONS: list[tuple[Callable[[random.Random, bytes, bytes], Message], int]] = [
    (flip, 30), (cut, 20), (splice, 15), (wrong_key, 8), (empty, 6), (oversize, 1), (poisoned, 12),
    (nested, 1), (unchanged, 10),
]  # fmt: skip


def publish_mutations(settings: Settings, n: int) -> Counter[bytes | None]:
    """Send mutated events; returns how often each value was sent."""
    rng, sent = random.Random(71), Counter[bytes | None]()
    producer = Producer(producer_config(settings))
    events = make_events(2_000, n_users=200, seed=72)
    functions, weights = zip(*MUTATIONS, strict=True)
    for _ in range(n):
        event = rng.choice(events)
        topic = settings.topic("clicks" if isinstance(event, Click) else "searches")
        (function,) = rng.choices(functions, weights)
        key, value = function(rng, event.user_id.encode(), encode(event))
        sent[value] += 1
        while True:
            try:
                producer.produce(topic, value, key)
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(60) == 0
    return sent


def read_letters(settings: Settings) -> list[Letter]:
    """Every dead letter's raw value, and the reason in its headers."""
    consumer = Consumer(
        consumer_config(
            settings,
            "letters",
            **{"enable.partition.eof": True, "fetch.message.max.bytes": 2_000_000},
        )
    )
    topics = [dead_letter_topic(settings.topic(kind)) for kind in ("clicks", "searches")]
    consumer.assign([TopicPartition(topic, 0, 0) for topic in topics])
    letters, n_ends = list[Letter](), 0
    while n_ends < len(topics):
        for message in consumer.consume(1000, 1.0):
            error = message.error()
            if error is None:
                reason = dict(message.headers() or ())["rillstream.reason"]
                letters.append((reason, message.value()))
            else:
                n_ends += error.code() == KafkaError._PARTITION_EOF
    consumer.close()
    return letters


def test_every_mutated_message_is_applied_or_in_the_dead_letters(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    settings = open_shop(kafka.bootstrap, tmp_path, batch_max=512)
    sent = publish_mutations(settings, N)
    reader, worker = Reader(settings), WorkerProcess(settings, "w0")
    reader.start()
    worker.start()
    with workers(worker):
        deadline, n = time.monotonic() + 60 + N / 500, -1
        letters: list[Letter] = []
        while len(reader.seen) + len(letters) < N and time.monotonic() < deadline:
            if len(reader.seen) == n:
                letters = read_letters(settings)
            n = len(reader.seen)
            time.sleep(0.5)
        assert worker.ended() is None, worker.log_text()[-3000:]
        assert worker.stop() == 0
        assert "could not be read: see rillstream dead-letters list" in worker.log_text()
    reader.close()
    letters = read_letters(settings)
    assert len(reader.seen) + len(letters) == N
    assert max(reader.seen.values()) == 1
    assert all(reason for reason, _ in letters)
    unsent = Counter(value for _, value in letters) - sent
    assert not unsent, f"{len(unsent)} dead letters are not the bytes that were sent"
    assert len(letters) > N / 2
    assert len(reader.seen) > N / 10
