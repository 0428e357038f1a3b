"""librdkafka's mock cluster in this process: a broker for the demo that needs nothing installed.

It keeps about 5 MB a partition in memory, creates topics on first use with four partitions, has no
CreateTopics call, shows the records of aborted transactions, and forgets everything at the end.
Nothing about loss or recovery can be learned from it.
"""

from typing import Self

from confluent_kafka import Producer

PARTITIONS = 4


class EmbeddedBroker:
    """Lives as long as the `with` block; other processes reach it over TCP on 127.0.0.1."""

    def __init__(self) -> None:
        self._owner: Producer | None = None
        self._bootstrap = ""

    @property
    def bootstrap(self) -> str:
        """Address for `bootstrap.servers`; empty before `start`."""
        return self._bootstrap

    def start(self) -> None:
        """Start the mock cluster; a second call changes nothing."""
        if self._owner is not None:
            return
        self._owner = Producer(
            {"bootstrap.servers": "unused", "test.mock.num.brokers": 1, "log_level": 3}
        )
        brokers = self._owner.list_topics(timeout=10).brokers
        self._bootstrap = ",".join(f"{broker.host}:{broker.port}" for broker in brokers.values())

    def stop(self) -> None:
        """End the cluster and forget its records."""
        self._owner = None
        self._bootstrap = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
