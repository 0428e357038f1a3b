"""What a worker counts about itself."""

import time
from types import SimpleNamespace

import pytest

from streams.metrics import StepMetrics
from streams.outbox import Letter, Outbox
from streams.runs import Claim, Run

CLAIM = Claim(1, 1, b"")


def test_dead_letters_count_once_they_are_durable() -> None:
    """Those of a batch that is computed again count once; a learner's come long after reading."""
    metrics = StepMetrics()
    outbox = Outbox(CLAIM, letters=[Letter("clicks.dlq", None, b"no JSON", [])])
    assert metrics.registry.get_sample_value("rillstream_dead_letters_total") == 0
    metrics.durable(outbox)
    assert metrics.registry.get_sample_value("rillstream_dead_letters_total") == 1


def test_a_delay_is_that_of_the_oldest_record_of_a_batch() -> None:
    now_ms = int(time.time() * 1000)
    records = [[30_000, 10], [90_000, 5_000], [60_000, 20]]  # ms ago, in three partitions
    runs = [
        Run(
            "clicks",
            partition,
            0,
            2,
            [SimpleNamespace(timestamp=now_ms - ago) for ago in ages],
            CLAIM,
        )
        for partition, ages in enumerate(records)
    ]
    metrics = StepMetrics()
    metrics.durable(Outbox.of(runs, CLAIM))
    found = metrics.registry.get_sample_value
    assert found("rillstream_delay_seconds_count", {"topic": "clicks"}) == 1
    assert found("rillstream_delay_seconds_sum", {"topic": "clicks"}) == pytest.approx(90, abs=10)


def test_a_record_from_the_future_has_no_delay() -> None:
    """The clocks of two machines differ."""
    metrics = StepMetrics()
    ahead = Outbox(CLAIM, oldest_ms={"clicks": int(time.time() * 1000) + 60_000})
    metrics.durable(ahead)
    found = metrics.registry.get_sample_value
    assert found("rillstream_delay_seconds_sum", {"topic": "clicks"}) == 0


def test_a_position_is_told_by_who_has_the_partition_before_its_first_event_too() -> None:
    """What has moved to another worker would stand still here, and look like a growing lag."""
    metrics = StepMetrics()

    def told() -> dict[str, float]:
        (gauge,) = metrics.position.collect()
        return {sample.labels["partition"]: sample.value for sample in gauge.samples}

    metrics.begun({("clicks", 0): 7, ("clicks", 1): 3})
    assert told() == {"0": 7, "1": 3}
    run = Run("clicks", 0, 7, 9, [SimpleNamespace(timestamp=0)], CLAIM)
    metrics.durable(Outbox.of([run], CLAIM))
    assert told() == {"0": 9, "1": 3}
    metrics.begun({("clicks", 1): 3})
    assert told() == {"1": 3}
