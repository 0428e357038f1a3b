"""A record that aiokafka refuses to read, in the midst of others: all are answered."""

from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from streams.brokers.kafka import KafkaBroker
from streams.events import Click
from streams.records import encode
from streams.settings import Settings
from tests.integration.shop import EventLog, Reader, make_events, open_shop
from tests.integration.test_fuzz import read_letters
from tests.integration.worker_process import WorkerProcess, workers
from tests.streams.header_names import batch

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


async def send(settings: Settings, raw: bytes, n: int) -> None:
    """Put a batch into the only partition of the clicks, byte by byte as it is."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.bootstrap_servers)
    await producer.start()
    try:
        built = producer.create_batch()
        built._buffer, built._closed, built._relative_offset = bytearray(raw), True, n
        await (await producer.send_batch(built, settings.topic("clicks"), partition=0))
    finally:
        await producer.stop()


async def test_names_that_are_not_utf_8_hide_no_event(kafka: KafkaBroker, tmp_path: Path) -> None:
    settings = open_shop(kafka.bootstrap, tmp_path, partitions=1)
    clicks = [each for each in make_events(40, n_users=5, seed=3) if isinstance(each, Click)]
    early, odd, late = clicks[:10], clicks[10:13], clicks[13:]
    log, reader, worker = EventLog(settings), Reader(settings), WorkerProcess(settings, "w0")
    log.publish(list(early))
    records = [(each.user_id.encode(), encode(each)) for each in odd] + [(b"u1", b"{")]
    await send(settings, batch([b"a", b"\xff", b"b", b"\xfe"], 0, 0, False, records), 4)
    log.publish(list(late))
    reader.start()
    worker.start()
    with workers(worker):
        reader.wait_for(len(clicks), 60)
        assert worker.stop() == 0
    reader.close()
    assert set(reader.seen.values()) == {1}
    assert [value for _, value in read_letters(settings)] == [b"{"]
