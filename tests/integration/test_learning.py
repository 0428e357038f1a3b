"""A learner that is killed learns what one that lives learns, bit for bit."""

import time
from pathlib import Path

import pytest
from confluent_kafka import OFFSET_BEGINNING, Message, Producer, TopicPartition

from scoring.ranker.heads import Heads
from scoring.ranker.ranker import Ranker
from streams.brokers.kafka import KafkaBroker
from streams.connection import PartitionReader
from streams.kafka_config import consumer_config, producer_config
from streams.learning.model_versions import KEY, HeadsVersion, heads_record, read_headers
from streams.settings import Settings
from streams.topics import create_topics, dead_letter_topic, learner_app_id
from tests.integration.live_shop import Shoppers, live_worker, open_live_shop
from tests.integration.shop import make_settings
from tests.integration.worker_process import WorkerProcess, workers
from tests.scoring.ranker.test_learned import heads, knowledge
from tests.streams.learning.shop_stream import BASE, N_PARTITIONS, messages
from tests.streams.learning.test_learning_step import Broker, Lived

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(500)]

N_LISTS, SEED = 300, 3


class Records:
    """The committed records of a topic of one partition, as they come."""

    def __init__(self, settings: Settings, topic: str) -> None:
        config = consumer_config(settings, "reader")
        self._reader = PartitionReader(config, [TopicPartition(topic, 0, OFFSET_BEGINNING)])
        self.found: list[Message] = []

    def read_until(self, version: str | None, timeout_s: float = 200) -> None:
        """To heads of this version, or to the end, which is where nothing comes for a second."""
        deadline = time.monotonic() + timeout_s
        while version is None or version not in [versions(each).version for each in self.found]:
            new = self._reader.consume(100, 1.0)
            self.found += [each for each in new if each.error() is None]
            if version is None and not new:
                break
            assert time.monotonic() < deadline, f"{len(self.found)} records"
        self._reader.close()


def versions(record: Message) -> HeadsVersion:
    """What the headers of a record say."""
    return read_headers(record.headers())  # type: ignore[arg-type]


def test_a_learner_that_is_killed_learns_what_one_life_learns(
    kafka: KafkaBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = Broker(N_LISTS, SEED)
    Lived(expected, 0, seed=0)
    (tmp_path / "heads.safetensors").write_bytes(BASE.to_bytes())
    changes = {"partitions": N_PARTITIONS, "publish_decisions": True, "ranker": tmp_path}
    for name, value in changes.items():
        monkeypatch.setenv(f"RILLSTREAM_{name.upper()}", str(value))
    settings = make_settings(kafka.bootstrap, tmp_path, batch_max=64, **changes)
    create_topics(settings)
    producer = Producer(producer_config(settings))
    for sent in messages(N_LISTS, SEED):
        producer.produce(settings.topic(sent.kind), sent.value, sent.key, sent.partition)  # type: ignore[arg-type]
    assert producer.flush(20) == 0
    learner = WorkerProcess(settings, "l0", module="tests.integration.learner")
    with workers(learner):
        learner.start("committed:1")
        assert learner.wait(200) == -9, learner.log_text()[-3000:]
        learner.start()
        published = Records(settings, settings.topic("model_versions"))
        heads_version = expected.published[-1][1].version
        published.read_until(heads_version)
        n_begun = learner.log_text().count("window_s")
        assert n_begun == 2, "two lives of the first"
        second = WorkerProcess(settings, "l1", module="tests.integration.learner")
        with workers(second):
            second.start()
            assert second.wait(60) != 0
        assert f"another learner is in group {learner_app_id(settings)}" in second.log_text()
        assert learner.log_text().count("window_s") == n_begun, "the first one was not disturbed"
        assert learner.stop() == 0
    assert {each.key() for each in published.found} == {KEY}
    assert Heads.from_bytes(published.found[-1].value() or b"").version == heads_version
    learned_to = [versions(each).learned_to_ms for each in published.found]
    assert learned_to == sorted(set(learned_to)), "what was aborted is not seen"
    letters = Records(settings, dead_letter_topic(settings.topic("decisions")))
    letters.read_until(None)
    offsets = [str(sorted(each.headers() or ())) for each in letters.found]
    assert 0 < len(offsets) == len(set(offsets)) <= expected.n_bad("decisions")


def test_a_worker_takes_what_is_published_and_goes_on_when_it_does_not_fit(
    kafka: KafkaBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, newer = heads(cosine_short_term=2.0), heads(cosine_short_term=3.0)
    Ranker(own, knowledge()).save(tmp_path)
    for name, value in (("RANKER", str(tmp_path)), ("PUBLISH_DECISIONS", "true")):
        monkeypatch.setenv(f"RILLSTREAM_{name}", value)
    settings = open_live_shop(kafka.bootstrap, tmp_path, publish_decisions=True)
    topic = settings.topic("model_versions")
    shoppers, worker = Shoppers(settings), live_worker(settings, "w0")

    def publish(base: Heads, learned: Heads) -> None:
        sent = heads_record(topic, learned, base, "digests", 1, {})
        producer = Producer(producer_config(settings))
        producer.produce(topic, sent.value, sent.key, headers=list(sent.headers))
        assert producer.flush(20) == 0

    with workers(worker):
        worker.start()
        worker.wait_for_log("worker ready", timeout_s=200)
        shoppers.wait_until("Thing 3", lambda each: each.heads_version == own.version)
        publish(own, newer)
        worker.wait_for_log("heads in force")
        publish(newer, own)
        worker.wait_for_log("heads refused, the old ones go on")
        seen = {each.heads_version for each in shoppers.ask("Thing 3").values()}
        assert seen == {newer.version}
