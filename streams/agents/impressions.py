"""impressions topic -> user rows, no list.

Key: user_id, co-partitioned with clicks.
"""

from streams.decision import Shop
from streams.events import decode_impression
from streams.records import check_key
from streams.row import Source, UserRow
from streams.runs import Record


def apply(record: Record, source: Source, row: UserRow, shop: Shop) -> tuple[UserRow, None]:
    """Remember what was shown; redelivery leaves the row as it is. What is shown asks for nothing.

    Raises:
        RejectedError: not an impression, or not under its user's key.
    """
    impression = decode_impression(record.value, shop.now_ms, max_bytes=shop.max_bytes)
    check_key(record.key, impression.user_id)
    return row.observe_impression(impression, source), None
