"""decisions topic -> what learning needs of a decision: the list, its chances, its features."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from streams import fields
from streams.records import Record, decode_with

_Row = Annotated[tuple[float, ...], Meta(max_length=4_096)]


class ShownList(Record, frozen=True, kw_only=True):
    """A part of `streams.decision_record.DecisionRecord`; its candidates are skipped unread.

    Attributes:
        shown_items: K items by rank.
        shown_propensities: K.
        shown_features: K rows of F, raw, as they were; none where no ranker made the list.
        shadow: Nobody was shown it, see docs/ranking.md.
        features_version: What the F columns are, see `scoring.ranker.heads.features_version`.
    """

    recommendation_id: fields.Id
    user_id: fields.Id
    at_ms: fields.AtMs
    event_at_ms: fields.AtMs | None = None
    shown_items: Annotated[tuple[fields.Id, ...], Meta(max_length=200)] = ()
    shown_propensities: Annotated[
        tuple[Annotated[float, Meta(gt=0, le=1)], ...], Meta(max_length=200)
    ] = ()
    shown_features: Annotated[tuple[_Row, ...], Meta(max_length=200)] = ()
    features_version: fields.Version | None = None
    encoder_version: fields.Version | None = None
    heads_version: fields.Version | None = None
    index_version: fields.Version | None = None
    policy_version: fields.Version | None = None
    simulated: bool = False
    shadow: bool = False

    def __post_init__(self) -> None:
        """Check what no single field shows.

        Raises:
            ValueError: Items, propensities and features of different numbers, or an item twice.
        """
        n = len(self.shown_items)
        if len(self.shown_propensities) != n or len(self.shown_features) not in (0, n):
            raise ValueError(
                f"{n} shown_items, {len(self.shown_propensities)} shown_propensities and "
                f"{len(self.shown_features)} shown_features"
            )
        if len(set(self.shown_items)) != n:
            raise ValueError("an item is in the list twice")
        if len({len(row) for row in self.shown_features}) > 1:
            raise ValueError("shown_features are not all of one width")

    @property
    def moment_ms(self) -> int:
        """Event time of the decision; that of the worker's clock in records from before it."""
        return self.at_ms if self.event_at_ms is None else self.event_at_ms


_decoder = msgspec.json.Decoder(ShownList)


def decode_shown(raw: bytes | None, *, max_bytes: int = 1_000_000) -> ShownList:
    """A message of the decisions topic.

    Raises:
        RejectedError: The value is no valid record of a decision.
    """
    return decode_with(_decoder, raw, max_bytes)
