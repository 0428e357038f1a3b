"""A user's row: facts from events, a function of the set of events and never of their order.

Why it does not matter in which order, or how often, events arrive:

- The ring is the newest `MAX_INTERACTIONS` of a *set*, under a total order over everything that an
  entry holds. The newest of a set are the same however it was put together.
- What was bought and returned is kept in the same way, far beyond the ring, see `BoughtLog`.
- Counts are sums of integers in weekly buckets, see `counts.py`.
- The same event under a new offset (a publisher that retried) is dropped while the ring reaches
  back to it. The same offset again (a redelivery) is always dropped: `has_applied`.

An entry holds 64 bits of its event's id (a UUID as text takes four times as much), and two are the
same when *all* that they hold is the same: different events are taken for one only if their digests
agree, and their moment, item, type and weight as well. Were all 64 entries of a ring alike but for
their ids, one row in 9 * 10**15 would miss one (2**64 over 2,016 pairs).
"""

from __future__ import annotations

import contextlib
import hashlib
from typing import Any, Final, NamedTuple

import msgspec

from scoring.bought import MAX_BOUGHT, NOTHING_BOUGHT, Bought, BoughtLog
from scoring.history import (
    MAX_INTERACTIONS,
    MAX_QUERIES,
    MAX_SHOWN,
    MAX_SHOWN_ITEMS,
    TYPE_CODES,
    History,
    Interaction,
    Shown,
    item_digest,
)
from scoring.item_counts import DAY_MS
from streams.counts import (
    COUNT_HALF_LIFE_DAYS,
    EVIDENCE,
    WEEK_MS,
    Counts,
    add,
    decayed,
    names_of,
)
from streams.errors import RowFormatError
from streams.events import Click, Impression, Search

FORMAT: Final = 2
MAX_SOURCES: Final = 32


class Source(NamedTuple):
    """Where an event was read.

    Attributes:
        key: `<topic id>:<partition>`; a recreated topic has another id, and so another key.
        offset: Position in that partition.
    """

    key: str
    offset: int


class PastQuery(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One search of the user; `event` is the digest of its id, as in an `Interaction`."""

    event: int
    query: str
    at_ms: int


class Facts(NamedTuple):
    """What events made of a row, without where they were read: equal for equal sets of events."""

    ring: list[Interaction]
    queries: list[PastQuery]
    counts: Counts
    shown: list[Shown]
    bought: BoughtLog


class UserRow(msgspec.Struct, frozen=True, array_like=True):
    """Never changed in place: `observe_…` and `touch` return a new row.

    Attributes:
        format: Version of this layout.
        ring: Latest interactions, newest first, at most `MAX_INTERACTIONS`.
        queries: Latest searches, newest first, at most `MAX_QUERIES`.
        counts: See `streams.counts.Counts`.
        offsets: Source key -> last applied offset, the latest source last.
        shown: Latest impressions, newest first, at most `MAX_SHOWN`; rows from before there were
            any are read as if without.
        bought: Purchases and returns; in rows from before there was such a log it is empty until
            the next purchase, which then takes over those of the ring.
    """

    format: int
    ring: list[Interaction]
    queries: list[PastQuery]
    counts: Counts
    offsets: dict[str, int]
    shown: list[Shown] = msgspec.field(default_factory=list)
    bought: BoughtLog = NOTHING_BOUGHT

    @classmethod
    def empty(cls) -> UserRow:
        """The row of a user of whom nothing is known."""
        return cls(FORMAT, [], [], {}, {})

    @classmethod
    def decode(cls, stored: bytes) -> UserRow:
        """What `encode` wrote.

        Raises:
            RowFormatError: These bytes are no row, or one of another version.
        """
        try:
            row = _decoder.decode(stored)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            _check_format(stored)
            raise RowFormatError(
                f"a stored row of {len(stored)} bytes is unreadable ({error}): it was written by "
                "another program, or the state folder is damaged; remove it, the changelog has it"
            ) from None
        _refuse_other_formats(row.format)
        return row

    def encode(self) -> bytes:
        """msgpack; equal facts under equal offsets give equal bytes."""
        return _encoder.encode(self)

    def has_applied(self, source: Source) -> bool:
        """Whether this row already holds the event at that position."""
        return source.offset <= self.offsets.get(source.key, -1)

    def touch(self, source: Source) -> UserRow:
        """The same facts, read up to `source`."""
        if self.has_applied(source):
            return self
        offsets = _advance(self.offsets, source)
        return UserRow(
            FORMAT, self.ring, self.queries, self.counts, offsets, self.shown, self.bought
        )

    def observe_click(
        self,
        click: Click,
        source: Source,
        *,
        category: str | None = None,
        brand: str | None = None,
        price: float | None = None,
    ) -> UserRow:
        """This row with the click; unchanged where `source` was applied before.

        Args:
            click: What happened. A visit, which has no item, only moves the position.
            source: Where it was read.
            category: Of the item, where known; counted, like the next two.
            brand: Of the item.
            price: Of the item.
        """
        if click.item_id is None or self.has_applied(source):
            return self.touch(source)
        interaction = Interaction(
            _digest(click.event_id),
            click.item_id,
            TYPE_CODES[click.type],
            click.at_ms,
            (click.quantity or 1).bit_length(),
        )
        ring, known = _insert(self.ring, interaction, MAX_INTERACTIONS)
        counts = self.counts
        evidence = EVIDENCE.get(click.type, 0)
        if not known and evidence:
            names = names_of(category, brand, price)
            if names:
                counts = add(counts, click.at_ms // WEEK_MS, names, evidence)
        bought = self.bought
        if interaction.type in "pr":
            bought = self._purchases().observe(_bought(interaction, click.quantity or 1))
        offsets = _advance(self.offsets, source)
        return UserRow(FORMAT, ring, self.queries, counts, offsets, self.shown, bought)

    def observe_search(self, search: Search, source: Source) -> UserRow:
        """This row with the search; unchanged where `source` was applied before."""
        if self.has_applied(source):
            return self
        query = PastQuery(_digest(search.event_id), search.query, search.at_ms)
        queries, _ = _insert(self.queries, query, MAX_QUERIES)
        offsets = _advance(self.offsets, source)
        return UserRow(FORMAT, self.ring, queries, self.counts, offsets, self.shown, self.bought)

    def observe_impression(self, impression: Impression, source: Source) -> UserRow:
        """This row with what was shown; unchanged where `source` was applied before."""
        if self.has_applied(source):
            return self
        digests = map(item_digest, impression.item_ids[:MAX_SHOWN_ITEMS])
        items = b"".join(digest.to_bytes(4, "little") for digest in digests)
        shown = Shown(_digest(impression.recommendation_id), impression.at_ms, items)
        every, _ = _insert(self.shown, shown, MAX_SHOWN)
        offsets = _advance(self.offsets, source)
        return UserRow(FORMAT, self.ring, self.queries, self.counts, offsets, every, self.bought)

    @property
    def facts(self) -> Facts:
        """For comparing rows that saw the same events under different offsets."""
        return Facts(self.ring, self.queries, self.counts, self.shown, self.bought)

    def history(self, now_ms: int, *, half_life_days: float = COUNT_HALF_LIFE_DAYS) -> History:
        """What the ranking reads: counts decayed to now, query texts without repeats."""
        return History(
            interactions=self.ring,
            counts=decayed(self.counts, now_ms, half_life_days),
            queries=list(dict.fromkeys(past.query for past in self.queries)),
            shown=self.shown,
            bought=self.bought,
        )

    def has_seen(self, click: Click) -> bool:
        """Whether the ring holds this event, under whatever offset."""
        if not self.ring or self.ring[0].at_ms < click.at_ms:
            return False
        digest = _digest(click.event_id)
        return any(past.event == digest for past in self.ring)

    def had_bought(self, click: Click) -> bool:
        """Whether a purchase of the click's item before the click is known."""
        before = (click.at_ms, _digest(click.event_id) & 0xFFFFFFFF)
        log = self._purchases()
        return click.item_id in log.item_ids and any(
            past.item_id == click.item_id and past.type == "p" and (past.at_ms, past.event) < before
            for past in log
        )

    def is_newcomer(self, at_ms: int) -> bool:
        """Whether nothing was bought until a day before a moment, as far as is known."""
        log = self._purchases()
        return not len(log) or (len(log) < MAX_BOUGHT and log[-1].at_ms > at_ms - DAY_MS)

    def _purchases(self) -> BoughtLog:
        return self.bought if len(self.bought) else self._bought_of_ring()

    def _bought_of_ring(self) -> BoughtLog:
        """What a row from before there was a log knows; nothing in any other without one."""
        return BoughtLog.of(
            _bought(past, 1 << past.weight - 1) for past in self.ring if past.type in "pr"
        )


class _AnyRow(msgspec.Struct, array_like=True):
    """What every version's rows begin with."""

    format: int


_decoder: Final = msgspec.msgpack.Decoder(UserRow)
_any_decoder: Final = msgspec.msgpack.Decoder(_AnyRow)
_encoder: Final = msgspec.msgpack.Encoder()


def _check_format(stored: bytes) -> None:
    """Refuse what is a row, though one of another version's fields."""
    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
        _refuse_other_formats(_any_decoder.decode(stored).format)


def _refuse_other_formats(found: int) -> None:
    if found != FORMAT:
        raise RowFormatError(
            f"a stored row has format {found}, this version reads {FORMAT}: "
            "use the version that wrote it, or another app_id"
        )


def _bought(interaction: Interaction, pieces: int) -> Bought:
    return Bought(
        interaction.event & 0xFFFFFFFF,
        interaction.item_id,
        interaction.at_ms,
        pieces,
        interaction.type,
    )


def _digest(event_id: str) -> int:
    return int.from_bytes(hashlib.blake2b(event_id.encode(), digest_size=8).digest())


def _order(entry: Any) -> tuple[Any, ...]:
    """Total order of entries: time, then all that they hold, the event's digest first."""
    return (entry.at_ms, *msgspec.structs.astuple(entry))


def _insert(entries: list[Any], new: Any, limit: int) -> tuple[list[Any], bool]:
    """The newest `limit` of a set and one more, newest first; True where it was there already."""
    at = 0
    for entry in entries:  # late events are rarely very late, so the place is near the front
        if entry.at_ms < new.at_ms:
            break
        if entry.at_ms == new.at_ms:
            if entry == new:
                return entries, True
            if _order(entry) < _order(new):
                break
        at += 1
    if at >= limit:
        return entries, False
    return [*entries[:at], new, *entries[at : limit - 1]], False


def _advance(offsets: dict[str, int], source: Source) -> dict[str, int]:
    """Offsets with this source at its end; the source that was silent longest gives way."""
    if len(offsets) == 1 and source.key in offsets:
        return {source.key: source.offset}
    moved = {key: offset for key, offset in offsets.items() if key != source.key}
    if len(moved) >= MAX_SOURCES:
        del moved[next(iter(moved))]
    moved[source.key] = source.offset
    return moved
