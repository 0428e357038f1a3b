"""Heads under a running worker: the newest are taken, others are refused, and the old go on."""

from __future__ import annotations

import pytest
import torch
from confluent_kafka import Producer
from prometheus_client import CollectorRegistry

from scoring.errors import RankerError
from scoring.ranker.heads import Heads
from streams.kafka_config import producer_config
from streams.learning.model_versions import heads_record
from streams.live.heads_follower import HeadsFollower, NewestHeads
from streams.outbox import Letter
from streams.settings import Settings
from streams.topics import create_topics
from tests.scoring.online.stream import some_heads

BASE = some_heads()


def learned(shift: float) -> Heads:
    network = some_heads().network
    with torch.no_grad():
        network.heads.bias.add_(shift)
    return Heads.of(BASE.features, BASE.tasks, network)


def put(settings: Settings, *letters: Letter) -> None:
    producer = Producer(producer_config(settings))
    for each in letters:
        producer.produce(each.topic, each.value, each.key, 0, headers=list(each.headers))
    assert producer.flush(20) == 0


def said(settings: Settings, heads: Heads, base: Heads = BASE, encoder: str = "e1") -> Letter:
    topic = settings.topic("model_versions")
    return heads_record(topic, heads, base, encoder, 7, {("clicks", 0): 5})


class Worker:
    """What it has, and which heads it took."""

    def __init__(self) -> None:
        self.encoder_version = "e1"
        self.fails = False
        self.taken: list[str] = []

    def follower(self, settings: Settings, registry: CollectorRegistry) -> HeadsFollower:
        return HeadsFollower(
            NewestHeads(settings),
            lambda: {BASE.version: BASE},
            lambda: self.encoder_version,
            self.take,
            registry,
        )

    def take(self, heads: Heads, base: str, encoder_version: str) -> None:
        if self.fails:
            self.fails = False
            raise OSError("not now")
        if encoder_version != self.encoder_version:
            raise RankerError("another encoder")
        self.taken.append(heads.version)


def test_the_newest_heads_are_taken_and_what_does_not_fit_is_refused(embedded: Settings) -> None:
    settings = embedded.model_copy(update={"publish_decisions": True})
    create_topics(settings)
    topic = settings.topic("model_versions")
    first, second, other = learned(0.1), learned(0.2), some_heads(n_codes=0)
    put(settings, said(settings, first), said(settings, second))
    worker, registry = Worker(), CollectorRegistry()
    taken = worker.taken
    follower = worker.follower(settings, registry)
    while not taken:
        follower.look(1.0)
    follower.look(0.2)
    assert taken[-1] == second.version
    damaged = said(settings, first)
    bad = [
        said(settings, first, base=other),
        said(settings, first, encoder="e2"),
        Letter(topic, damaged.key, (damaged.value or b"")[:-9], damaged.headers),
        Letter(topic, damaged.key, damaged.value, []),
    ]
    for number, letter in enumerate(bad, start=1):
        put(settings, letter)
        while registry.get_sample_value("rillstream_heads_refused_total") != number:
            follower.look(1.0)
    assert taken[-1] == second.version
    follower.leave()


def test_refused_heads_are_taken_once_there_is_what_they_are_for(embedded: Settings) -> None:
    """Learners publish when there is something to learn, which may be hours later."""
    settings = embedded.model_copy(update={"publish_decisions": True})
    create_topics(settings)
    first = learned(0.1)
    put(settings, said(settings, first, encoder="e2"))
    worker, registry = Worker(), CollectorRegistry()
    follower = worker.follower(settings, registry)
    while not registry.get_sample_value("rillstream_heads_refused_total"):
        follower.look(1.0)
    follower.look(0.2)
    worker.encoder_version = "e2"
    worker.fails = True
    with pytest.raises(OSError, match="not now"):
        follower.look(0.2)
    assert not worker.taken
    follower.look(0.2)
    follower.look(0.2)
    assert worker.taken == [first.version], "once"
    assert registry.get_sample_value("rillstream_heads_refused_total") == 1
    follower.leave()
