"""A real Kafka for the tests that concern it: one a session, others that a test may kill."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.brokers.kafka import KafkaBroker, why_unavailable


def require_kafka() -> None:
    """Skip without a broker on a developer's machine; fail in CI, where a skip hides everything."""
    reason = why_unavailable()
    if reason is None:
        return
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(f"CI needs a real Kafka: {reason}", pytrace=False)
    pytest.skip(f"needs a real Kafka: {reason}")


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """A broker shared by the session: use topics and groups of your own, never stop it."""
    require_kafka()
    with KafkaBroker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker
    broker.discard()


@pytest.fixture
def fresh_kafka(tmp_path: Path) -> Iterator[KafkaBroker]:
    """A broker of the test's own, to `kill()` and `start()` again with the same data and port."""
    require_kafka()
    with KafkaBroker(tmp_path / "kafka") as broker:
        yield broker
    broker.discard()
