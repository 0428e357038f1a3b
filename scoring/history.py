"""What the ranking knows of a user: facts read from the row, no model in them; light to import."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from scoring.bought import NOTHING_BOUGHT, BoughtLog

MAX_INTERACTIONS: Final = 64
MAX_QUERIES: Final = 16
MAX_SHOWN: Final = 16
MAX_SHOWN_ITEMS: Final = 20

TYPE_CODES: Final[Mapping[str, str]] = {
    "visit": "h",
    "view": "v",
    "click": "c",
    "cart": "a",
    "purchase": "p",
    "return": "r",
    "favorite": "f",
    "share": "s",
    "review": "w",
    "rating": "g",
}
"""Event type on the wire -> the one-letter code kept in a row, where bytes count."""

TYPE_NAMES: Final[Mapping[str, str]] = {code: name for name, code in TYPE_CODES.items()}


class Interaction(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One event of a user about one item.

    Attributes:
        event: Digest of the event's id, an unsigned 64-bit integer; `(at_ms, event)` orders a ring.
        item_id: The item; it need not be in any index.
        type: One-letter code of the event type, see `TYPE_CODES`.
        at_ms: Event time, milliseconds since the epoch.
        weight: Strength of the event within its type, 1 for an ordinary one. It multiplies the
            weight that the policy gives to the type, so it is a fact and not an opinion: the sign
            and the size of "a purchase" belong to the policy.
    """

    event: int
    item_id: str
    type: str
    at_ms: int
    weight: int = 1


class Shown(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Items that a user was shown at once.

    Attributes:
        event: Digest of the list's id, as in an `Interaction`.
        at_ms: Event time, milliseconds since the epoch.
        items: `item_digest` of the first `MAX_SHOWN_ITEMS`, little-endian, one after the other.
    """

    event: int
    at_ms: int
    items: bytes


def item_digest(item_id: str) -> int:
    """32 bits of an item's id: of 160 items shown, one other in 27 million looks like one."""
    return zlib.crc32(item_id.encode())


@dataclass(frozen=True, slots=True)
class History:
    """A user's past at one moment, as the row tells it.

    Attributes:
        interactions: Newest first, at most `MAX_INTERACTIONS`.
        counts: Long-term counts, decayed to the moment of reading. The key's prefix says of what:
            `c:` category, `b:` brand, `p:` price level.
        queries: Latest search texts, newest first, at most `MAX_QUERIES`.
        shown: What was shown, newest first, at most `MAX_SHOWN`.
        bought: What was bought and returned, newest first, far beyond the ring; where it is empty,
            the interactions say it (see `scoring.purchases`).
    """

    interactions: Sequence[Interaction] = ()
    counts: Mapping[str, float] = field(default_factory=dict)
    queries: Sequence[str] = ()
    shown: Sequence[Shown] = ()
    bought: BoughtLog = NOTHING_BOUGHT
