"""A user's row: facts from events, a function of the set of events and never of their order.

Why it does not matter in which order, or how often, events arrive:

- The ring is the newest `MAX_INTERACTIONS` of a *set*, under a total order over everything that an
  entry holds. The newest of a set are the same however it was put together.
- Counts are sums of integers in weekly buckets. An old week leaves by event time, when a newer one
  appears, and an event of a week that left is ignored. Within a week and kind (category, brand,
  price level) at most `MAX_NAMES` names are counted, those with the smallest hash: a name that was
  pushed out can never come back, so no name has a part of its sum.
- The same event under a new offset (a publisher that retried) is dropped while the ring reaches
  back to it. The same offset again (a redelivery) is always dropped: `has_applied`.
"""

from __future__ import annotations

import math
import zlib
from typing import Any, Final, NamedTuple

import msgspec

from scoring.history import (
    MAX_INTERACTIONS,
    MAX_QUERIES,
    TYPE_CODES,
    History,
    Interaction,
)
from streams.errors import RowFormatError
from streams.records import Click, Search

FORMAT: Final = 1
WEEK_MS: Final = 7 * 24 * 3600 * 1000
MAX_WEEKS: Final = 26
MAX_NAMES: Final = 12
MAX_NAME_LENGTH: Final = 64
MAX_SOURCES: Final = 32
COUNT_HALF_LIFE_DAYS: Final = 30.0

EVIDENCE: Final = {
    "view": 1,
    "click": 1,
    "cart": 3,
    "purchase": 5,
    "return": -5,
    "favorite": 3,
    "share": 3,
    "review": 1,
    "rating": 1,
}
"""What one event adds to the counts. Integers, fixed with the row's format: a policy that wants
other weights finds the single events in the ring."""

Counts = dict[int, dict[str, int]]
"""Week number -> `c:<category>`, `b:<brand>` or `p:<price level>` -> sum of evidence; sorted."""


class Source(NamedTuple):
    """Where an event was read.

    Attributes:
        key: `<topic id>:<partition>`; a recreated topic has another id, and so another key.
        offset: Position in that partition.
    """

    key: str
    offset: int


class PastQuery(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One search of the user."""

    event_id: str
    query: str
    at_ms: int


class Facts(NamedTuple):
    """What events made of a row, without where they were read: equal for equal sets of events."""

    ring: list[Interaction]
    queries: list[PastQuery]
    counts: Counts


class UserRow(msgspec.Struct, frozen=True, array_like=True):
    """Never changed in place: `observe_…` and `touch` return a new row.

    Attributes:
        format: Version of this layout.
        ring: Latest interactions, newest first, at most `MAX_INTERACTIONS`.
        queries: Latest searches, newest first, at most `MAX_QUERIES`.
        counts: See `Counts`.
        offsets: Source key -> last applied offset, the latest source last.
    """

    format: int
    ring: list[Interaction]
    queries: list[PastQuery]
    counts: Counts
    offsets: dict[str, int]

    @classmethod
    def empty(cls) -> UserRow:
        """The row of a user of whom nothing is known."""
        return cls(FORMAT, [], [], {}, {})

    @classmethod
    def decode(cls, stored: bytes) -> UserRow:
        """What `encode` wrote.

        Raises:
            RowFormatError: These bytes are no row, or one of a later version.
        """
        try:
            row = _decoder.decode(stored)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RowFormatError(
                f"a stored row of {len(stored)} bytes is unreadable ({error}): it was written by "
                "another program, or the state folder is damaged; remove it, the changelog has it"
            ) from None
        if row.format != FORMAT:
            raise RowFormatError(
                f"a stored row has format {row.format}, this version reads {FORMAT}: "
                "use the version that wrote it, or another app_id"
            )
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
        return UserRow(FORMAT, self.ring, self.queries, self.counts, _advance(self.offsets, source))

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
            click.event_id,
            click.item_id,
            TYPE_CODES[click.type],
            click.at_ms,
            (click.quantity or 1).bit_length(),
        )
        ring, known = _insert(self.ring, interaction, MAX_INTERACTIONS)
        counts = self.counts
        evidence = EVIDENCE.get(click.type, 0)
        if not known and evidence:
            names = _names(category, brand, price)
            if names:
                counts = _add(counts, click.at_ms // WEEK_MS, names, evidence)
        return UserRow(FORMAT, ring, self.queries, counts, _advance(self.offsets, source))

    def observe_search(self, search: Search, source: Source) -> UserRow:
        """This row with the search; unchanged where `source` was applied before."""
        if self.has_applied(source):
            return self
        query = PastQuery(search.event_id, search.query, search.at_ms)
        queries, _ = _insert(self.queries, query, MAX_QUERIES)
        return UserRow(FORMAT, self.ring, queries, self.counts, _advance(self.offsets, source))

    @property
    def facts(self) -> Facts:
        """For comparing rows that saw the same events under different offsets."""
        return Facts(self.ring, self.queries, self.counts)

    def history(self, now_ms: int, *, half_life_days: float = COUNT_HALF_LIFE_DAYS) -> History:
        """What the ranking reads: counts decayed to now, query texts without repeats.

        Sums that are not positive (more returned than bought) are left out.
        """
        decayed: dict[str, float] = {}
        scale = -1.0 / (half_life_days * 24 * 3600 * 1000)
        for week, names in self.counts.items():
            middle_ms = week * WEEK_MS + WEEK_MS // 2
            factor = 2.0 ** (scale * max(0, now_ms - middle_ms))
            for name, count in names.items():
                decayed[name] = decayed.get(name, 0.0) + factor * count
        return History(
            interactions=self.ring,
            counts={name: count for name, count in decayed.items() if count > 0},
            queries=list(dict.fromkeys(past.query for past in self.queries)),
        )


_decoder: Final = msgspec.msgpack.Decoder(UserRow)
_encoder: Final = msgspec.msgpack.Encoder()


def price_level(price: float) -> int:
    """Doublings above one unit of the shop's currency: 0 below 1, 1 from 1, 2 from 2, 3 from 4."""
    return 0 if price < 1 else int(math.log2(price)) + 1


def _names(category: str | None, brand: str | None, price: float | None) -> list[str]:
    names = []
    if category:
        names.append("c:" + category[:MAX_NAME_LENGTH])
    if brand:
        names.append("b:" + brand[:MAX_NAME_LENGTH])
    if price is not None and math.isfinite(price):
        names.append(f"p:{price_level(price)}")
    return names


def _order(entry: Any) -> tuple[Any, ...]:
    """Total order of entries: time, event, then everything else that they hold."""
    return (entry.at_ms, entry.event_id, *msgspec.structs.astuple(entry))


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


def _add(counts: Counts, week: int, names: list[str], evidence: int) -> Counts:
    """Counts with evidence for these names in one week; both levels stay sorted by key."""
    newest = next(reversed(counts), week)
    if week <= newest - MAX_WEEKS:
        return counts
    in_week = dict(counts.get(week, {}))
    grown = False
    for name in names:
        known = in_week.get(name)
        in_week[name] = (known or 0) + evidence
        grown = grown or known is None
    if grown:
        in_week = _keep_smallest_hashes(in_week)
    if week in counts:
        return {**counts, week: in_week}
    if week < newest:
        return dict(sorted({**counts, week: in_week}.items()))
    kept = {old: sums for old, sums in counts.items() if old > week - MAX_WEEKS}
    kept[week] = in_week
    return kept


def _keep_smallest_hashes(sums: dict[str, int]) -> dict[str, int]:
    """At most `MAX_NAMES` names of each kind, sorted by name."""
    kept: list[str] = []
    if len(sums) > MAX_NAMES:
        for kind in ("b:", "c:", "p:"):
            names = [name for name in sums if name.startswith(kind)]
            names.sort(key=lambda name: (zlib.crc32(name.encode()), name))
            kept += names[:MAX_NAMES]
    else:
        kept = list(sums)
    return {name: sums[name] for name in sorted(kept)}


def _advance(offsets: dict[str, int], source: Source) -> dict[str, int]:
    """Offsets with this source at its end; the source that was silent longest gives way."""
    if len(offsets) == 1 and source.key in offsets:
        return {source.key: source.offset}
    moved = {key: offset for key, offset in offsets.items() if key != source.key}
    if len(moved) >= MAX_SOURCES:
        del moved[next(iter(moved))]
    moved[source.key] = source.offset
    return moved
