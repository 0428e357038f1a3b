"""The consumer: librdkafka's metadata format, runs that chain, and the flaw of the stock one."""

from itertools import pairwise
from types import SimpleNamespace

import pytest
from aiokafka.structs import TopicPartition
from confluent_kafka import Consumer as ConfluentConsumer
from mode.utils.queues import FlowControlEvent, FlowControlQueue

from streams.runs import Claim
from streams.transport import Consumer, group_metadata


@pytest.mark.parametrize("instance", [None, "worker-1"])
def test_group_metadata_is_what_librdkafka_writes(instance: str | None) -> None:
    config = {"bootstrap.servers": "127.0.0.1:1", "group.id": "shop", "log_level": 0}
    if instance is not None:
        config["group.instance.id"] = instance
    theirs = ConfluentConsumer(config).consumer_group_metadata()
    assert group_metadata("shop", -1, "", instance) == theirs


def records(*offsets: int) -> list[SimpleNamespace]:
    return [SimpleNamespace(offset=o, timestamp=0, timestamp_type=0) for o in offsets]


def test_runs_chain_over_fetches_and_over_holes_in_the_log() -> None:
    consumer = Consumer.__new__(Consumer)
    consumer._ends = {("clicks", 0): 10}
    consumer.app = SimpleNamespace(consumer_generation_id=1)
    claim = Claim(1, 1, b"")
    tp = TopicPartition("clicks", 0)
    chained = [
        (m.value.begin, m.value.end)
        for fetched in (records(10, 11, 12), records(15, 16), records(*range(17, 17 + 300)))
        for m in consumer._runs({tp: fetched}, claim)
    ]
    assert chained[:2] == [(10, 13), (13, 17)]
    assert all(before[1] == after[0] for before, after in pairwise(chained))
    assert chained[-1][1] == 317


async def test_the_stock_flow_control_drops_what_is_queued_when_it_resumes() -> None:
    """Why Faust lost a stream buffer: `on_recovery_completed` calls this on filled queues."""
    flow = FlowControlEvent()
    queue: FlowControlQueue[int] = FlowControlQueue(4096, flow_control=flow, clear_on_resume=True)
    flow.resume()
    for event in range(100):
        queue.put_nowait(event)
    flow.resume()
    assert queue.empty()
