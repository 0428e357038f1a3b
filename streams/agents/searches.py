"""searches topic -> user rows -> a list for each search.

Key: user_id, co-partitioned with clicks.
"""

from streams.decision import Decision, Shop
from streams.events import decode_search
from streams.filters import filter_of
from streams.records import check_key
from streams.row import Source, UserRow
from streams.runs import Record
from streams.shop_counting import region_of


def apply(record: Record, source: Source, row: UserRow, shop: Shop) -> tuple[UserRow, Decision]:
    """Remember one search, and ask for a list that answers it; redelivery leaves the row as it is.

    Raises:
        RejectedError: not a search, not under its user's key, or a filter that means nothing.
    """
    search = decode_search(record.value, shop.now_ms, max_bytes=shop.max_bytes)
    check_key(record.key, search.user_id)
    held_to = filter_of(search.filters)
    row = row.observe_search(search, source)
    return row, Decision(
        event_id=search.event_id,
        user_id=search.user_id,
        type="search",
        event_at_ms=search.at_ms,
        query=search.query,
        history=row.history(search.at_ms),
        simulated=search.simulated,
        filter=held_to,
        region=region_of(search.context),
    )
