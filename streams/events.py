"""What users do, as it travels: clicks, searches and impressions, each under its user_id."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from streams import fields
from streams.records import MAX_BYTES, Record, check_clock, decode_with


class Event(Record, frozen=True, kw_only=True, omit_defaults=True):
    """Something that a user did, or that was done for a user.

    Attributes:
        simulated: Made up by a program; it stays marked on everything that follows from it.
    """

    user_id: fields.Id
    at_ms: fields.AtMs
    simulated: fields.Flag = False

    def __post_init__(self) -> None:
        """Read a null flag as false."""
        if self.simulated is None:
            msgspec.structs.force_setattr(self, "simulated", False)  # type: ignore[unreachable]


class Click(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Something that a user did with an item, or, without one, a visit.

    Attributes:
        depth: How far the visitor went, as the shop measures it (scrolled share, pages seen).
        quantity: How many of the item; a return has a positive one too.
        recommendation_id: The list that this click answers.
        position: Rank in that list.
    """

    event_id: fields.Id
    type: fields.ClickType
    item_id: fields.Id | None = None
    dwell_ms: Annotated[int, Meta(ge=0, le=86_400_000)] | None = None
    depth: Annotated[float, Meta(ge=0, le=1e6)] | None = None
    quantity: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    price: fields.Price | None = None
    rating: Annotated[float, Meta(ge=0, le=100)] | None = None
    text: fields.Text | None = None
    session_id: fields.Id | None = None
    recommendation_id: fields.Id | None = None
    position: Annotated[int, Meta(ge=0, le=10_000)] | None = None
    context: fields.Context | None = None

    def __post_init__(self) -> None:
        """Check what no single field shows.

        Raises:
            ValueError: An event about an item names none.
        """
        Event.__post_init__(self)
        if self.item_id is None and self.type != "visit":
            raise ValueError(f"type {self.type!r} needs an item_id")


class Search(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A query that a user typed."""

    event_id: fields.Id
    type: Literal["search"]
    query: fields.Query
    filters: fields.Filters | None = None
    session_id: fields.Id | None = None
    context: fields.Context | None = None

    def __post_init__(self) -> None:
        """Check what a length does not show.

        Raises:
            ValueError: The query has no visible character.
        """
        Event.__post_init__(self)
        if self.query.isspace():
            raise ValueError("query is blank")


class Impression(Event, frozen=True, kw_only=True, omit_defaults=True):
    """What was really shown of a list, in this order."""

    recommendation_id: fields.Id
    item_ids: Annotated[tuple[fields.Id, ...], Meta(min_length=1, max_length=200)]


_click = msgspec.json.Decoder(Click)
_search = msgspec.json.Decoder(Search)
_impression = msgspec.json.Decoder(Impression)


def decode_click(raw: bytes | None, now_ms: int, *, max_bytes: int = MAX_BYTES) -> Click:
    """A message of the clicks topic.

    Args:
        raw: The message's value.
        now_ms: Our clock; events more than `MAX_AHEAD_MS` ahead of it are refused.
        max_bytes: Longer values are refused unread.

    Raises:
        RejectedError: The value is no valid click; the message says where and why.
    """
    click = decode_with(_click, raw, max_bytes)
    check_clock(click.at_ms, now_ms)
    return click


def decode_search(raw: bytes | None, now_ms: int, *, max_bytes: int = MAX_BYTES) -> Search:
    """A message of the searches topic; arguments and errors as for `decode_click`."""
    search = decode_with(_search, raw, max_bytes)
    check_clock(search.at_ms, now_ms)
    return search


def decode_impression(raw: bytes | None, now_ms: int, *, max_bytes: int = MAX_BYTES) -> Impression:
    """A message of the impressions topic; arguments and errors as for `decode_click`."""
    impression = decode_with(_impression, raw, max_bytes)
    check_clock(impression.at_ms, now_ms)
    return impression
