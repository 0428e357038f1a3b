"""Messages of the topics that are joined -> records."""

from __future__ import annotations

import time

from streams.events import decode_click, decode_impression
from streams.learning.join import Joinable
from streams.learning.shown_list import MadeList, decode_shown
from streams.records import check_key


def decode_joinable(
    kind: str, key: bytes | None, value: bytes | None, *, max_bytes: int
) -> Joinable:
    """A message as what its topic has.

    Args:
        kind: "decisions", "impressions" or "clicks".
        key: The message's key.
        value: Its value.
        max_bytes: Longer impressions and clicks are refused unread.

    Raises:
        RejectedError: It is none, or what a user saw or did is not under that user's key.
    """
    if kind == "decisions":
        return decode_shown(value)
    now_ms = time.time_ns() // 1_000_000
    decode = decode_click if kind == "clicks" else decode_impression
    found = decode(value, now_ms, max_bytes=max_bytes)
    check_key(key, found.user_id)
    return found


def moment_of(record: Joinable) -> int:
    """Event time."""
    return record.moment_ms if isinstance(record, MadeList) else record.at_ms
