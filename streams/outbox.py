"""All that one batch sends: lists, features, dead letters, changelog entries, positions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from streams.runs import Claim, Run

Headers = Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Letter:
    """One message with headers: a dead letter with its reason, a vector with its origin."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(slots=True)
class Outbox:
    """The whole effect of one batch of records; a writer makes it durable at once.

    ``rows`` maps a partition to the new row of each user in it: the changelog gets them, and after
    that the local store.  ``reached`` maps each source partition to (position before the batch,
    position after it).  ``oldest_ms`` has, by topic, when the oldest record in it was produced.
    """

    claim: Claim
    messages: dict[str, list[dict[str, bytes | None]]] = field(default_factory=dict)
    marked: list[Letter] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    rows: dict[int, dict[bytes, bytes]] = field(default_factory=dict)
    reached: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)
    notes: dict[tuple[str, int], str] = field(default_factory=dict)
    oldest_ms: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, runs: Iterable[Run], claim: Claim) -> "Outbox":
        """An empty outbox that moves the positions over `runs`."""
        outbox = cls(claim)
        for run in runs:
            begin, _ = outbox.reached.get(run.source, (run.begin, run.end))
            outbox.reached[run.source] = (begin, run.end)
            first_ms = run.records[0].timestamp
            outbox.oldest_ms[run.topic] = min(first_ms, outbox.oldest_ms.get(run.topic, first_ms))
        return outbox

    def send(self, topic: str, key: bytes | None, value: bytes | None) -> None:
        """Add one message; its partition follows from the key."""
        message = {"key": key, "value": value}
        try:
            self.messages[topic].append(message)
        except KeyError:
            self.messages[topic] = [message]

    @property
    def ends(self) -> dict[tuple[str, int], int]:
        """Position of each source partition once the batch is durable."""
        return {source: end for source, (_, end) in self.reached.items()}
