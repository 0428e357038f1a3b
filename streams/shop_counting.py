"""A batch's clicks -> counts of the items in them, one record an item.

Counts of a source partition are kept where its user rows are, under keys of their own: they are in
the changelog, in the local store, and move to the next owner with the rows. The same bytes go to
the topic that tells every worker. Both are part of the batch's outbox, and so of its transaction.
A record names the first offset that it has not counted: that is its own lock, as in a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from scoring.item_counts import ItemCounts
from scoring.shop_counts import ShopCounts
from streams.errors import RejectedError, RowFormatError
from streams.events import Click
from streams.outbox import Outbox
from streams.records import encode
from streams.row import Source, UserRow
from streams.shop_count_record import ShopCount, decode_shop_count, stored_key

MAX_REGION_LENGTH = 32


class Rows(Protocol):
    """Where rows, and counts among them, are read."""

    def get_many(self, partition: int, keys: Sequence[bytes]) -> list[bytes | None]:
        """What is stored under each key, None where there is nothing."""


class Counted(NamedTuple):
    """What one event means for the counts of its item."""

    source: Source
    item_id: str
    type: str
    at_ms: int
    region: str | None
    newcomer: bool
    bought_before: bool
    price: float | None
    simulated: bool

    def add_to(self, counts: ShopCounts) -> None:
        """Count it."""
        counts.observe(
            self.item_id,
            self.type,
            self.at_ms,
            region=self.region,
            newcomer=self.newcomer,
            bought_before=self.bought_before,
            price=self.price,
        )


def counted(click: Click, source: Source, row: UserRow) -> Counted | None:
    """What a click adds to the counts.

    Args:
        click: What happened.
        source: Where it was read.
        row: Of its user, before it; where the click is in it already, the answer is the same.

    Returns:
        None where it is about no item, or repeats an event that the row knows under another offset.
    """
    if click.item_id is None or (not row.has_applied(source) and row.has_seen(click)):
        return None
    purchase = click.type == "purchase"
    return Counted(
        source,
        click.item_id,
        click.type,
        click.at_ms,
        region_of(click.context),
        purchase and row.is_newcomer(click.at_ms),
        purchase and row.had_bought(click),
        click.price,
        click.simulated,
    )


def region_of(context: Mapping[str, object] | None) -> str | None:
    """`region`, or else `country`, of an event's context."""
    said = None if context is None else context.get("region", context.get("country"))
    return said[:MAX_REGION_LENGTH] if isinstance(said, str) and said else None


def count_batch(events: Iterable[Counted], rows: Rows, topic: str, outbox: Outbox) -> None:
    """Fold a batch's events into the counts of their items, and send what has changed.

    Args:
        events: In the order of each partition.
        rows: Has the counts until now.
        topic: Where the other workers learn of them.
        outbox: Of the batch.

    Raises:
        RowFormatError: What is stored is no count.
    """
    by_partition: dict[int, dict[tuple[str, str], list[Counted]]] = {}
    for event in events:
        partition = int(event.source.key.rpartition(":")[2])
        of_items = by_partition.setdefault(partition, {})
        of_items.setdefault((event.source.key, event.item_id), []).append(event)
    for partition, of_items in by_partition.items():
        keys = [stored_key(*names) for names in of_items]
        changed = outbox.rows.setdefault(partition, {})
        for key, stored, new in zip(
            keys, rows.get_many(partition, keys), of_items.values(), strict=True
        ):
            record = _fold(None if stored is None else _read(stored), new)
            body = encode(record)
            # Also where nothing is new: the crash may have come before the record was sent.
            changed[key] = body
            outbox.send(topic, record.key, body)


def _read(stored: bytes) -> ShopCount:
    try:
        return decode_shop_count(stored)
    except RejectedError as error:
        raise RowFormatError(
            f"a stored count of {len(stored)} bytes is unreadable ({error}): it was written by "
            "another program, or the state folder is damaged; remove it, the changelog has it"
        ) from None


def _fold(known: ShopCount | None, events: Sequence[Counted]) -> ShopCount:
    """The record of an item with the events that it has not counted yet; at least one event."""
    offset = 0 if known is None else known.offset
    counts = ItemCounts.first(events[0].at_ms) if known is None else known.counts
    simulated = known is not None and known.simulated
    for event in events:
        if event.source.offset < offset:
            continue
        offset = event.source.offset + 1
        simulated = simulated or event.simulated
        counts = counts.observe(
            event.type,
            event.at_ms,
            region=event.region,
            newcomer=event.newcomer,
            bought_before=event.bought_before,
            price=event.price,
        )
    return ShopCount(
        source=events[0].source.key,
        item_id=events[0].item_id,
        offset=offset,
        counts=counts,
        simulated=simulated,
    )
