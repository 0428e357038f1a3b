"""clicks topic -> user rows -> a list for each click.

Key: user_id, co-partitioned with the changelog.
"""

from streams.decision import Decision, Shop
from streams.events import decode_click
from streams.records import check_key
from streams.row import Source, UserRow
from streams.runs import Record
from streams.shop_counting import counted, region_of


def apply(record: Record, source: Source, row: UserRow, shop: Shop) -> tuple[UserRow, Decision]:
    """Fold one click into its user's row, and ask for a new list.

    Redelivery leaves the row as it is.  An item that the index does not know is remembered by its
    id alone: category, brand and price count only where they are known.

    Raises:
        RejectedError: not a click, or not under its user's key.
    """
    click = decode_click(record.value, shop.now_ms, max_bytes=shop.max_bytes)
    check_key(record.key, click.user_id)
    event = None if shop.counted is None else counted(click, source, row)
    if click.item_id is None:
        row = row.touch(source)
    else:
        category, brand, price = shop.attributes(click.item_id)
        row = row.observe_click(click, source, category=category, brand=brand, price=price)
    decision = Decision(
        event_id=click.event_id,
        user_id=click.user_id,
        type=click.type,
        event_at_ms=click.at_ms,
        query=None,
        history=row.history(click.at_ms),
        simulated=click.simulated,
        region=region_of(click.context),
    )
    if shop.counted is not None and event is not None:
        shop.counted.append(event)
    return row, decision
