"""What one user bought and returned, packed: far more than a ring holds, in less room an entry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

MAX_BOUGHT: Final = 512
"""Of a wholesaler's repeated purchases, the newest 64 interactions know half, these nine tenths."""

HEAD_BYTES: Final = 13
"""Of an entry: 6 of its moment, 4 of its event's digest, 3 of pieces and type; big-endian."""

MOST_PIECES: Final = (1 << 23) - 1


class Bought(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An item was bought, or came back.

    Attributes:
        event: Digest of the event's id, an unsigned 32-bit integer. Two entries are one only where
            all else agrees too.
        item_id: The item; it need not be in any index.
        at_ms: Event time, milliseconds since the epoch.
        pieces: 1 for an ordinary event, at most `MOST_PIECES`.
        type: `p` = purchase, `r` = return, as in `history.TYPE_CODES`.
    """

    event: int
    item_id: str
    at_ms: int
    pieces: int = 1
    type: str = "p"


class BoughtLog(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The newest `MAX_BOUGHT` of a set of `Bought`, newest first: order of arrival never matters.

    Two strings of bytes instead of an object an entry: a row is read and written at every event,
    and looked at entry by entry only when the user buys. `scoring.purchases` reads the columns.

    Attributes:
        heads: n times `HEAD_BYTES`.
        item_ids: n ids.
    """

    heads: bytes = b""
    item_ids: list[str] = []

    def __post_init__(self) -> None:
        """Check that the two belong together.

        Raises:
            ValueError: They do not.
        """
        if len(self.heads) != HEAD_BYTES * len(self.item_ids):
            raise ValueError(f"{len(self.item_ids)} purchases in {len(self.heads)} bytes")

    @classmethod
    def of(cls, entries: Iterable[Bought]) -> BoughtLog:
        """These entries, in whatever order they come."""
        log = NOTHING_BOUGHT
        for entry in entries:
            log = log.observe(entry)
        return log

    def __len__(self) -> int:
        """How many entries."""
        return len(self.item_ids)

    def __getitem__(self, at: int) -> Bought:
        """The entry at a place, 0 the newest."""
        item_id = self.item_ids[at]
        at %= len(self.item_ids)
        head = self.heads[at * HEAD_BYTES : (at + 1) * HEAD_BYTES]
        pieces = int.from_bytes(head[10:])
        return Bought(
            int.from_bytes(head[6:10]),
            item_id,
            int.from_bytes(head[:6]),
            pieces >> 1,
            "r" if pieces & 1 else "p",
        )

    def __iter__(self) -> Iterator[Bought]:
        """Newest first."""
        return map(self.__getitem__, range(len(self)))

    def observe(self, new: Bought) -> BoughtLog:
        """This and one more; unchanged where it is there already, or older than all of a full log.

        Raises:
            OverflowError: A moment or a number of pieces that does not fit.
        """
        head = (
            new.at_ms.to_bytes(6)
            + (new.event & 0xFFFFFFFF).to_bytes(4)
            + (min(new.pieces, MOST_PIECES) << 1 | (new.type == "r")).to_bytes(3)
        )
        heads, item_ids = self.heads, self.item_ids
        place = 0
        for start in range(0, len(heads), HEAD_BYTES):  # late ones are rarely very late
            other = heads[start : start + HEAD_BYTES]
            if (other, item_ids[place]) <= (head, new.item_id):
                if other == head and item_ids[place] == new.item_id:
                    return self
                break
            place += 1
        if place >= MAX_BOUGHT:
            return self
        kept = MAX_BOUGHT - 1
        at = place * HEAD_BYTES
        return BoughtLog(
            heads[:at] + head + heads[at : kept * HEAD_BYTES],
            [*item_ids[:place], new.item_id, *item_ids[place:kept]],
        )


NOTHING_BOUGHT: Final = BoughtLog()
