"""What a worker publishes for a user: lists, and the features behind them, under the user_id."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from streams import fields
from streams.records import Record, decode_with


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
    """One list for one user, published because of one event.

    Attributes:
        experiment: Whose variant made it; null where the user is in none.
        variant: Its name.
    """

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
    experiment: fields.Version | None = None
    variant: fields.Version | None = None
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


_recommendation = msgspec.json.Decoder(Recommendation)


def decode_recommendation(raw: bytes | None, *, max_bytes: int = 1_000_000) -> Recommendation:
    """A message of the recommendations topic.

    Raises:
        RejectedError: The value is no valid recommendation.
    """
    return decode_with(_recommendation, raw, max_bytes)
