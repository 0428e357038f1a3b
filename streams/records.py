"""Wire records: JSON <-> typed, bounded, frozen structs. Decoded once, at the edge, from raw bytes.

Unknown fields are ignored and missing optional ones are null; a change only ever adds optional
fields, so version 1 of each record is still read by every later one.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta

from streams import fields
from streams.errors import RejectedError

MAX_BYTES: Final = 65_536
MAX_AHEAD_MS: Final = 5 * 60 * 1000
"""How far a clock may be ahead of ours before its events are refused."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Anything that travels as one message."""


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


class Item(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One item of the catalogue; the newest record of an id counts."""

    item_id: fields.Id
    title: Annotated[str, Meta(min_length=1, max_length=512)]
    description: Annotated[str, Meta(max_length=8_192)] | None = None
    category: fields.Name | None = None
    brand: fields.Name | None = None
    price: fields.Price | None = None
    tags: Annotated[tuple[fields.Name, ...], Meta(max_length=64)] | None = None
    in_stock: bool | None = None
    at_ms: fields.AtMs | None = None


class ItemDeleted(Record, frozen=True, kw_only=True):
    """What a null value on the items topic means."""

    item_id: fields.Id


class Impression(Event, frozen=True, kw_only=True, omit_defaults=True):
    """What was really shown of a list, in this order."""

    recommendation_id: fields.Id
    item_ids: Annotated[tuple[fields.Id, ...], Meta(min_length=1, max_length=200)]


class Trigger(Record, frozen=True, kw_only=True):
    """The event that a list answers, and where it was read."""

    event_id: fields.Id
    type: fields.ClickType | Literal["search"]
    at_ms: fields.AtMs
    topic: fields.Name
    partition: Annotated[int, Meta(ge=0)]
    offset: Annotated[int, Meta(ge=0)]


class Tasks(Record, frozen=True, kw_only=True):
    """What each head predicts for this user and item; null where no head is trained."""

    ctr: fields.Probability | None = None
    cvr: fields.Probability | None = None
    engagement: fields.Score | None = None
    relevance: fields.Score | None = None


class RecommendedItem(Record, frozen=True, kw_only=True):
    """One place of a list.

    Attributes:
        rank: 1 for the first.
        propensity: Probability with which the policy put this item at this rank.
        reason: Why, in words for the shopper.
    """

    item_id: fields.Id
    rank: Annotated[int, Meta(ge=1, le=200)]
    score: fields.Score
    tasks: Tasks
    propensity: Annotated[float, Meta(gt=0, le=1)]
    reason: Annotated[str, Meta(max_length=512)]


class Recommendation(Record, frozen=True, kw_only=True):
    """One list for one user, published because of one event."""

    recommendation_id: fields.Id
    user_id: fields.Id
    at_ms: fields.AtMs
    trigger: Trigger
    items: Annotated[tuple[RecommendedItem, ...], Meta(max_length=200)]
    encoder_version: fields.Version | None = None
    heads_version: fields.Version | None = None
    index_version: fields.Version | None = None
    policy_version: fields.Version | None = None
    rules_version: fields.Version | None = None
    simulated: bool = False


class UserFeatures(Record, frozen=True, kw_only=True):
    """The interest vectors and counts as used in the last decision, for feature stores."""

    user_id: fields.Id
    at_ms: fields.AtMs
    vectors: Annotated[dict[fields.ContextKey, fields.Vector], Meta(max_length=16)]
    counts: Annotated[
        dict[Annotated[str, Meta(max_length=128)], fields.Score], Meta(max_length=4_096)
    ]
    encoder_version: fields.Version | None = None
    index_version: fields.Version | None = None
    simulated: bool = False


class ItemVector(Record, frozen=True, kw_only=True):
    """One item's vector, with the item itself, so that an index can be built from these alone.

    Attributes:
        vector: Little-endian float32 values of length 1 together, in base64.
    """

    item: Item
    encoder_version: fields.Version
    vector: Annotated[bytes, Meta(min_length=4, max_length=16_384)]


R = TypeVar("R", bound=Record)

_click = msgspec.json.Decoder(Click)
_search = msgspec.json.Decoder(Search)
_item = msgspec.json.Decoder(Item)
_impression = msgspec.json.Decoder(Impression)
_recommendation = msgspec.json.Decoder(Recommendation)
_encoder = msgspec.json.Encoder()


def encode(record: Record) -> bytes:
    """JSON, UTF-8, one object."""
    return _encoder.encode(record)


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
    _check_clock(click.at_ms, now_ms)
    return click


def decode_search(raw: bytes | None, now_ms: int, *, max_bytes: int = MAX_BYTES) -> Search:
    """A message of the searches topic; arguments and errors as for `decode_click`."""
    search = decode_with(_search, raw, max_bytes)
    _check_clock(search.at_ms, now_ms)
    return search


def decode_item(
    raw: bytes | None, key: bytes | None, now_ms: int, *, max_bytes: int = MAX_BYTES
) -> Item | ItemDeleted:
    """A message of the items topic, where a null value deletes the item that the key names.

    Raises:
        RejectedError: The value is no valid item, or the key is not its id.
    """
    if raw is None:
        return ItemDeleted(item_id=_id_of(key))
    item = decode_with(_item, raw, max_bytes)
    check_key(key, item.item_id)
    if item.at_ms is not None:
        _check_clock(item.at_ms, now_ms)
    return item


def decode_impression(raw: bytes | None, now_ms: int, *, max_bytes: int = MAX_BYTES) -> Impression:
    """A message of the impressions topic; arguments and errors as for `decode_click`."""
    impression = decode_with(_impression, raw, max_bytes)
    _check_clock(impression.at_ms, now_ms)
    return impression


def decode_recommendation(raw: bytes | None, *, max_bytes: int = 1_000_000) -> Recommendation:
    """A message of the recommendations topic.

    Raises:
        RejectedError: The value is no valid recommendation.
    """
    return decode_with(_recommendation, raw, max_bytes)


def check_key(key: bytes | None, expected: str) -> None:
    """Refuse a message whose key is not the id in its value: it may sit in a foreign partition.

    Raises:
        RejectedError: There is no key, or another one.
    """
    if key is None:
        raise RejectedError(f"the message has no key, expected {expected!r}", "missing_key")
    if key != expected.encode():
        found = key[:130].decode(errors="replace")
        raise RejectedError(f"the key is {found!r}, the value says {expected!r}", "key_mismatch")


def decode_with(decoder: msgspec.json.Decoder[R], raw: bytes | None, max_bytes: int) -> R:
    """A message's value as what this decoder makes of it.

    Raises:
        RejectedError: It is empty, too long, no JSON, or no such record.
    """
    if not raw:
        raise RejectedError("the value is empty", "empty")
    if len(raw) > max_bytes:
        raise RejectedError(f"{len(raw)} bytes, at most {max_bytes} are allowed", "oversize")
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise RejectedError(str(error)) from None
    except msgspec.DecodeError as error:
        raise RejectedError(str(error), "malformed") from None
    except UnicodeDecodeError as error:  # not a DecodeError of msgspec's
        raise RejectedError(f"not UTF-8: {error.reason}", "malformed") from None
    except RecursionError:  # 30,000 nested brackets in an unknown field are enough
        raise RejectedError("nested too deeply", "malformed") from None


def _check_clock(at_ms: int, now_ms: int) -> None:
    if at_ms > now_ms + MAX_AHEAD_MS:
        ahead_s = (at_ms - now_ms) // 1000
        raise RejectedError(f"at_ms is {ahead_s} s in the future", "future")


def _id_of(key: bytes | None) -> str:
    if not key:
        raise RejectedError("a deletion needs the item_id as its key", "missing_key")
    try:
        return msgspec.convert({"item_id": key.decode()}, ItemDeleted).item_id
    except UnicodeDecodeError:
        raise RejectedError("the key is not UTF-8") from None
    except msgspec.ValidationError as error:
        raise RejectedError(f"the key is no item_id: {error}") from None
