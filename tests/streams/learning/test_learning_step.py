"""A learner that is killed anywhere goes on from exactly there; fakes stand for Kafka."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from rich.console import Console

from scoring.online.learner import OnlineLearner
from scoring.online.settings import OnlineSettings
from scoring.online.state import to_bytes
from scoring.ranker.heads import Heads
from scoring.ranker.network import HeadsNetwork
from streams.cli.learn import Status, said
from streams.errors import SettingsError
from streams.learning import checkpoint, model_versions
from streams.learning.course import Course, Taught
from streams.learning.metrics import LearnerMetrics
from streams.learning.step import LearningStep
from streams.outbox import Outbox
from streams.positions import Source
from streams.runs import Claim, Run
from tests.scoring.online.stream import some_heads
from tests.streams.learning.shop_stream import (
    BASE,
    LEARNING,
    N_PARTITIONS,
    START_MS,
    messages,
    topics,
)


class Broker:
    """What is durable: logs, positions with notes, rows, what was published."""

    def __init__(self, n_lists: int, seed: int, *, n_of_first: int | None = None) -> None:
        self.assigned = frozenset(range(N_PARTITIONS))
        self.logs: dict[Source, list[Any]] = {}
        self.arrivals: list[Source] = []
        for sent in messages(n_lists, seed, n_of_first=n_of_first):
            source = sent.kind, sent.partition
            log = self.logs.setdefault(source, [])
            log.append(
                SimpleNamespace(
                    offset=len(log), timestamp=0, key=sent.key, value=sent.value, headers=()
                )
            )
            self.arrivals.append(source)
        self.positions: dict[Source, int] = {}
        self.notes: dict[Source, str] = {}
        self.rows: dict[bytes, bytes] = {}
        self.published: list[tuple[bytes, model_versions.HeadsVersion]] = []
        self.letters: list[bytes] = []

    def get_many(self, partition: int, keys: Sequence[bytes]) -> list[bytes | None]:
        return [self.rows.get(key) for key in keys]

    def commit(self, outbox: Outbox) -> None:
        for source, (begin, end) in outbox.reached.items():
            assert self.positions.get(source, 0) == begin <= end
            self.positions[source] = end
        self.notes |= outbox.notes
        self.rows |= outbox.rows.get(0, {})
        ends = {f"{topic}:{partition}": at for (topic, partition), at in self.positions.items()}
        for sent in outbox.marked:
            said = model_versions.read_headers(sent.headers)
            assert said.offsets == ends, "heads say how far was read, as it is committed with them"
            self.published.append((sent.value or b"", said))
        self.letters += [sent.value or b"" for sent in outbox.letters]

    def n_bad(self, kind: str) -> int:
        """Messages of a topic that cannot be read, up to the committed positions."""
        return sum(
            each.value == b"no JSON"
            for (topic, partition), log in self.logs.items()
            for each in log[: self.positions.get((topic, partition), 0)]
            if topic == kind
        )

    def batches(self, rng: random.Random) -> list[list[tuple[Source, int, int]]]:
        """What is left, in the order of arrival, cut by chance."""
        at = {source: int(self.notes.get(source, "0")) for source in self.logs}
        skip = dict(at)
        found, batch = [], dict[Source, int]()
        for source in self.arrivals:
            if skip[source] > 0:
                skip[source] -= 1
                continue
            batch[source] = batch.get(source, 0) + 1
            if rng.random() < 0.05:
                found.append([(key, at[key], at[key] + n) for key, n in batch.items()])
                at |= {key: at[key] + n for key, n in batch.items()}
                batch = {}
        found.append([(key, at[key], at[key] + n) for key, n in batch.items()])
        return found


class Lived:
    """One life after the other, each ended by chance, before or after a commit."""

    def __init__(self, broker: Broker, n_deaths: int, seed: int) -> None:
        self.broker = broker
        self.rounds: list[tuple[int, str]] = []
        self.last: tuple[Taught, Course]
        rng = random.Random(seed)
        for life in range(n_deaths + 1):
            self._live(Claim(life, life, b""), rng, dies=life < n_deaths)

    def _report(self, taught: Taught, course: Course) -> None:
        self.rounds.append((taught.until_ms, taught.version))
        self.last = taught, course

    def _live(self, claim: Claim, rng: random.Random, *, dies: bool) -> None:
        broker = self.broker
        step = LearningStep(
            LEARNING,
            topics(),
            broker,
            lambda: dict(broker.positions),
            self._report,
        )
        batches = broker.batches(rng)
        last = rng.randrange(len(batches)) if dies else len(batches)
        for number, batch in enumerate(batches):
            runs = [
                Run(*source, begin, end, broker.logs[source][begin:end], claim)
                for source, begin, end in batch
            ]
            outbox = step(runs, claim)
            if outbox.reached and (number < last or rng.random() < 0.5):
                broker.commit(outbox)
            if number == last:
                return


def test_lives_that_end_anywhere_learn_what_one_life_learns() -> None:
    """The crash table of docs/learning.md, with its transaction taken as one."""
    whole, broken = (Broker(150, seed=1) for _ in range(2))
    straight = Lived(whole, 0, seed=5)
    killed = Lived(broken, 6, seed=7)
    assert len(straight.rounds) >= 12
    _is_said_in_a_line(*straight.last)
    assert dict(killed.rounds) == dict(straight.rounds), "each round ends in the same heads"
    raw, last = broken.published[-1]
    assert last.version == whole.published[-1][1].version
    assert last.learned_to_ms == whole.published[-1][1].learned_to_ms
    assert Heads.from_bytes(raw).version == last.version != last.base_version == BASE.version
    for broker in (whole, broken):
        assert min(int(note) for note in broker.notes.values()) > 0, "the oldest is not read again"
        assert len(broker.letters) == broker.n_bad("decisions") > 0, "each is put aside once"


def test_no_round_ends_later_than_the_messages_were_sent() -> None:
    broker = Broker(60, seed=2)
    for log in broker.logs.values():
        for each in log:
            each.timestamp = START_MS
    assert Lived(broker, 0, seed=1).rounds == []


def test_another_encoder_begins_learning_anew_wherever_lives_end() -> None:
    """Workers take heads of their own encoder only: those of the one before would be the last."""
    whole, broken = (Broker(150, seed=1, n_of_first=75) for _ in range(2))
    straight = Lived(whole, 0, seed=5)
    killed = Lived(broken, 6, seed=7)
    assert dict(killed.rounds) == dict(straight.rounds)
    encoders = [said.encoder_version for _, said in whole.published]
    assert encoders == sorted(encoders), "the first one's heads, then the second one's"
    assert encoders[-1] == "e2"
    _, course = straight.last
    n_of_second = course.learner.n_rows
    assert 100 < n_of_second <= 75 * 3, "nothing of the first encoder's cosines is in them"


def test_another_ranker_learns_with_the_encoder_of_now() -> None:
    """Lists that are open at its start may have been made with the encoder before."""
    broker = Broker(150, seed=1, n_of_first=75)
    before = OnlineLearner(some_heads(n_codes=0), OnlineSettings())
    broker.rows = checkpoint.rows_of(0, 0, "e1", to_bytes(before))
    Lived(broker, 0, seed=5)
    assert broker.published[-1][1].encoder_version == "e2"


def _is_said_in_a_line(taught: Taught, course: Course) -> None:
    object_of = json.loads(json.dumps(said(taught, course)))
    assert object_of["heads_version"] == taught.version
    assert 0 < object_of["ctr_auc"] <= 1
    assert object_of["records"]["lists"] > 100
    console = Console(file=io.StringIO(), width=200)
    with Status(console) as status:
        status(taught, course)
        line = console.file.getvalue()  # type: ignore[attr-defined]
    assert line.startswith(f"{taught.version}: ")
    assert line.count("AUC") == 2


def test_what_is_learned_from_records_that_were_read_before_is_published_too() -> None:
    """Committed by a life whose heads were not ready: no new record may be needed to see them."""
    broker = Broker(60, seed=2)
    broker.positions = {source: len(log) for source, log in broker.logs.items()}
    broker.notes = dict.fromkeys(broker.logs, "0")
    Lived(broker, 0, seed=1)
    assert broker.published
    assert not broker.letters, "they were put aside by that life"


def test_what_cannot_be_read_is_put_aside_also_where_nothing_can() -> None:
    """No round ends then, and letters without number would wait for one."""
    broker = Broker(60, seed=2)
    source = ("decisions", 0)
    bad = [
        SimpleNamespace(offset=at, timestamp=0, key=b"k", value=b"no JSON", headers=())
        for at in range(3_000)
    ]
    step = LearningStep(LEARNING, topics(), broker, dict, lambda *_: None)
    claim = Claim(1, 1, b"")
    for begin in range(0, 3_000, 100):
        outbox = step([Run(*source, begin, begin + 100, bad[begin : begin + 100], claim)], claim)
        if outbox.reached:
            broker.commit(outbox)
    assert len(broker.letters) == broker.positions[source] == 3_000
    assert broker.notes[source] == "3000", "and is not read again after a restart"


def test_of_two_learners_the_one_without_the_first_partition_ends_and_the_other_waits() -> None:
    broker = Broker(60, seed=2)
    broker.assigned = frozenset([1])
    with pytest.raises(SettingsError, match="stop the other"):
        Lived(broker, 0, seed=1)
    broker.assigned = frozenset([0])
    assert Lived(broker, 0, seed=1).rounds == []
    assert broker.positions == {}
    broker.assigned = frozenset(range(N_PARTITIONS))
    assert Lived(broker, 0, seed=1).rounds


def test_headers_that_say_nothing_are_no_heads() -> None:
    from streams.errors import RejectedError

    with pytest.raises(RejectedError, match="version"):
        model_versions.read_headers([("offsets", b"{}")])


def test_metrics_say_why_nothing_is_learned() -> None:
    """Lists of another ranker's columns: no round is ever held, and none is reported."""
    broker, registry, rounds = Broker(60, seed=1), CollectorRegistry(), list[Taught]()
    other = replace(LEARNING, base=Heads.of(("a",), ("cvr",), HeadsNetwork(1, 1)))
    step = LearningStep(
        other,
        topics(),
        broker,
        lambda: dict(broker.positions),
        lambda taught, _: rounds.append(taught),
        LearnerMetrics(registry).read,
    )
    claim = Claim(1, 1, b"")
    for batch in broker.batches(random.Random(5)):
        step(
            [Run(*at, begin, end, broker.logs[at][begin:end], claim) for at, begin, end in batch],
            claim,
        )
    assert not rounds
    closed = registry.get_sample_value("rillstream_join_records", {"fate": "lists"})
    assert closed
    assert (
        registry.get_sample_value("rillstream_join_records", {"fate": "other_features"}) == closed
    )
    assert registry.get_sample_value("rillstream_join_waiting")
