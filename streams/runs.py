"""What travels from the consumer to the agents: runs of consecutive records of one partition.

Faust's own unit is one event a record; its stream, event and acknowledgement objects cost more than
the work itself.  A run carries up to a few hundred records through the same path for the price of
one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Record(Protocol):
    """One record as the consumer delivers it (aiokafka's ConsumerRecord has this shape)."""

    @property
    def offset(self) -> int:
        """Its place in the partition."""

    @property
    def timestamp(self) -> int:
        """When it was produced, or appended where the topic says so; ms since the epoch."""

    @property
    def key(self) -> bytes | None:
        """The raw key, None where there is none."""

    @property
    def value(self) -> bytes | None:
        """The raw value; None deletes what the key stands for."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """Names and raw values, in the order in which they were sent."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to process partitions: one membership in one generation of the consumer group.

    ``group_metadata`` is librdkafka's serialised form; a transaction that carries it is refused by
    the broker once the generation is over, which is what fences a zombie.
    """

    number: int
    generation: int
    group_metadata: bytes


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive records of one partition.

    ``begin`` is the position right after the run before it, ``end`` the position after its last
    record: the runs of a claim form a chain, whatever holes compaction or transaction markers have
    left in the log.
    """

    topic: str
    partition: int
    begin: int
    end: int
    records: Sequence[Record]
    claim: Claim

    @property
    def source(self) -> tuple[str, int]:
        """Topic and partition."""
        return self.topic, self.partition
