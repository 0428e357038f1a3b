"""Where an item's vector came from, and what the items lane says beside its committed position.

Encoders change while items arrive, and each encoder has a topic of its own. Two things make it
possible to tell what an encoder's topic lacks, and which of two records of an item is newer:

- every vector, and every deletion, carries the place of the item's record in a header;
- every committed position of the items topic carries a note: which encoder made the vectors of the
  records before it, and since which offset without a gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from streams.row import Source

if TYPE_CHECKING:
    from confluent_kafka import Message

HEADER: Final = "item"


@dataclass(frozen=True, slots=True)
class Taken:
    """What a position's note says.

    Attributes:
        encoder_version: Whose topic got the vectors.
        since: Of every record from this offset up to the position.
    """

    encoder_version: str
    since: int

    def note(self) -> str:
        """As it is committed."""
        return f"{self.encoder_version}@{self.since}"

    @classmethod
    def parse(cls, note: str) -> Self | None:
        """A note again; None for what is none: earlier releases wrote nothing."""
        version, _, since = note.rpartition("@")
        return cls(version, int(since)) if version and since.isdecimal() else None


def origin_header(source: Source) -> tuple[str, bytes]:
    """The header of a vector whose item was read there."""
    return HEADER, f"{source.key}:{source.offset}".encode()


def origin_of(message: Message) -> Source | None:
    """Where the item of a vector was read; None where earlier releases did not say it."""
    found = dict(message.headers() or ()).get(HEADER)
    if not isinstance(found, bytes):
        return None
    key, _, offset = found.decode(errors="replace").rpartition(":")
    return Source(key, int(offset)) if offset.isdecimal() else None
