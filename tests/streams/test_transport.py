"""The consumer: librdkafka's metadata format, runs that chain, and the flaw of the stock one."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    IllegalStateError,
    InconsistentGroupProtocolError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    TopicAuthorizationFailedError,
    UnknownError,
)
from aiokafka.structs import TopicPartition
from confluent_kafka import Consumer as ConfluentConsumer
from faust.transport.drivers import aiokafka as driver
from mode.utils.queues import FlowControlEvent, FlowControlQueue
from structlog.testing import capture_logs

from streams.consumer_thread import ConsumerThread
from streams.errors import (
    BrokerUnavailableError,
    RefusedError,
    RillstreamError,
    SettingsError,
    TopicMismatchError,
)
from streams.group_metadata import group_metadata
from streams.health import Health
from streams.metrics import StepMetrics
from streams.runs import Claim
from streams.static_member import StaticMember
from streams.transport import Consumer

CLICKS = TopicPartition("clicks", 0)


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


class Refusing:
    """An aiokafka consumer whose fetches end with an error, and its thread."""

    def __init__(
        self, error: KafkaError, start: int = 0, keeps: Iterable[TopicPartition] = (CLICKS,)
    ) -> None:
        self.sought: dict[TopicPartition, int] = {}
        self.metrics = StepMetrics()
        self._error, self._start, self._keeps = error, start, frozenset(keeps)
        self.resumed: list[TopicPartition] = []
        self._subscription = SubscriptionState()
        self._coordinator: Any = SimpleNamespace(check_errors=self._raise, generation=6)
        self.thread = ConsumerThread.__new__(ConsumerThread)
        self.thread.app = SimpleNamespace(metrics=self.metrics)
        self.thread._ensure_consumer = lambda: self
        self.thread._consumer = self
        self.thread._fetch_records = self._refuse

    def _raise(self) -> None:
        raise self._error

    async def _refuse(self, *_: object, **__: object) -> None:
        raise self._error

    def resume(self, partition: TopicPartition) -> None:
        self.resumed.append(partition)

    def assignment(self) -> frozenset[TopicPartition]:
        return self._keeps

    async def beginning_offsets(self, places: Mapping[TopicPartition, int]) -> dict[Any, int]:
        return dict.fromkeys(places, self._start)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        if partition not in self._keeps:
            raise IllegalStateError(f"No current assignment for partition {partition}")
        self.sought[partition] = offset


async def test_records_that_retention_removed_unread_are_counted_and_passed_over() -> None:
    consumer = Refusing(OffsetOutOfRangeError({CLICKS: 100}), start=130)
    assert await consumer.thread.fetch({CLICKS}, 10) == {}
    assert consumer.sought == {CLICKS: 130}
    counted = consumer.metrics.registry.get_sample_value
    assert counted("rillstream_removed_unread_total", {"topic": "clicks"}) == 30


async def test_a_partition_that_is_revoked_while_its_start_is_asked_for_is_let_be() -> None:
    """Its next owner begins where the group stands, and counts what is gone there."""
    views = TopicPartition("searches", 1)
    consumer = Refusing(OffsetOutOfRangeError({CLICKS: 100, views: 7}), start=130, keeps=[views])
    assert await consumer.thread.fetch({CLICKS, views}, 10) == {}
    assert consumer.sought == {views: 130}
    counted = consumer.metrics.registry.get_sample_value
    assert counted("rillstream_removed_unread_total", {"topic": "clicks"}) is None
    assert counted("rillstream_removed_unread_total", {"topic": "searches"}) == 123


ENDS: list[tuple[KafkaError, type[RillstreamError], str]] = [
    (TopicAuthorizationFailedError("clicks"), RefusedError, "topic clicks: look at its ACLs"),
    (GroupAuthorizationFailedError("shop"), RefusedError, "group shop: look at its ACLs"),
    (InconsistentGroupProtocolError(), SettingsError, "another RILLSTREAM_APP_ID"),
    (UnknownError(), BrokerUnavailableError, "cannot go on: UnknownError"),
]


@pytest.mark.parametrize(("error", "ours", "said"), ENDS)
async def test_what_aiokafka_cannot_repeat_ends_the_worker_with_its_fate(
    error: KafkaError, ours: type[RillstreamError], said: str
) -> None:
    """Also between two claims, when nothing is fetched: nobody else asks its coordinator."""
    with pytest.raises(ours, match=said):
        await Refusing(error).thread.fetch({CLICKS}, 10)
    with pytest.raises(ours, match=said):
        await Refusing(error).thread.check_membership()


async def test_positions_of_a_generation_that_is_over_are_not_begun_with() -> None:
    """What is assigned by now is paused until its own recovery has found its own positions."""
    consumer = Refusing(UnknownError())
    with pytest.raises(IllegalStateError, match="generation 5, it is now 6"):
        await consumer.thread.begin({("clicks", 0): 17}, 5)
    assert (consumer.sought, consumer.resumed) == ({}, [])
    await consumer.thread.begin({("clicks", 0): 17}, 6)
    assert (consumer.sought, consumer.resumed) == ({CLICKS: 17}, [CLICKS])


async def test_a_member_whose_static_name_another_one_took_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def assigned(self: object, partitions: object, generation: int = 0) -> None:
        """Faust's own, which asks its app to read the changelog."""

    monkeypatch.setattr(driver.AIOKafkaConsumerThread, "on_partitions_assigned", assigned)
    thread = ConsumerThread.__new__(ConsumerThread)
    thread._member = StaticMember()
    thread.app = SimpleNamespace(conf=SimpleNamespace(consumer_group_instance_id="w0"))
    coordinator = SimpleNamespace(generation=2, member_id="first")
    thread._consumer = SimpleNamespace(pause=lambda *partitions: None, _coordinator=coordinator)
    with capture_logs() as said:
        await thread.on_partitions_assigned({CLICKS}, 2)
        coordinator.member_id = "second"
        assert not said
        await thread.on_partitions_assigned({CLICKS}, 2)
    assert [line["instance_id"] for line in said] == ["w0"]


async def test_a_consumer_that_still_connects_has_no_membership_to_ask_for() -> None:
    consumer = Refusing(UnknownError())
    consumer._coordinator = None  # as aiokafka has it until it has started
    await consumer.thread.check_membership()
    consumer.thread._consumer = None
    await consumer.thread.check_membership()


async def test_a_member_stays_however_long_it_fetches_nothing_unless_it_is_stuck() -> None:
    consumer = Refusing(UnknownError())
    consumer._subscription._last_fetch_ended -= 1_000
    now_s = [0.0]
    consumer.thread.app.health = health = Health(limit_s=3, clock=lambda: now_s[0])
    with health.under_way("a batch"):
        now_s[0] = 5.0
        await consumer.thread.stay_in_group()
        assert consumer._subscription.fetcher_idle_time >= 1_000
    await consumer.thread.stay_in_group()
    assert consumer._subscription.fetcher_idle_time < 1_000
    consumer.thread._consumer = None  # as long as it connects
    await consumer.thread.stay_in_group()


async def test_a_partition_that_ends_before_the_group_s_position_is_not_read_again() -> None:
    consumer = Refusing(OffsetOutOfRangeError({CLICKS: 100}))
    with pytest.raises(TopicMismatchError, match=r"clicks\[0\] ends before offset 100"):
        await consumer.thread.fetch({CLICKS}, 10)
    assert consumer.sought == {}


async def test_a_partition_that_is_assigned_while_a_fetch_waits_has_no_position_yet() -> None:
    """Nobody has committed there, and `begin` has not come: the fetch was for those before."""
    consumer = Refusing(NoOffsetForPartitionError(CLICKS))
    assert await consumer.thread.fetch({CLICKS}, 10) == {}
    assert consumer.sought == {}
