"""Rows behind newer ones in the changelog, as a zombie leaves them: told by the offsets in them.

Where nothing is written in transactions, nothing keeps a worker that has lost its partitions, and
does not know it yet, from sending the rows of one more batch. They end up behind those of the next
owner, and whoever believed the last row of a key would forget what that owner has applied since.
"""

from __future__ import annotations

from typing import Final

import msgspec

from streams.errors import RejectedError
from streams.shop_count_record import decode_shop_count, is_count


class _Applied(msgspec.Struct, array_like=True, frozen=True):
    """Of a `streams.row.UserRow`, what it has applied; the rest is not looked at."""

    format: int
    ring: msgspec.Raw
    queries: msgspec.Raw
    counts: msgspec.Raw
    offsets: dict[str, int]


_decoder: Final = msgspec.msgpack.Decoder(_Applied)


def is_outdated(key: bytes, known: bytes, found: bytes) -> bool:
    """Whether what is found has applied less than what is known, and of no source more.

    A row's owner goes on from what it knows, so no row of his is outdated. Where each of two knows
    something that the other does not, the later one counts.

    Args:
        key: Of both: a user's, or that of a count.
        known: The row until now.
        found: One that was written after it.
    """
    try:
        if is_count(key):
            return decode_shop_count(found).offset < decode_shop_count(known).offset
        before, after = _decoder.decode(known).offsets, _decoder.decode(found).offsets
    except (msgspec.DecodeError, UnicodeDecodeError, RejectedError):
        return False  # who needs the row says what is wrong with it
    return before != after and all(
        offset <= before.get(source, -1) for source, offset in after.items()
    )
