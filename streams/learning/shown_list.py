"""decisions topic -> what learning needs of a decision: the list, its chances, its features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

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

    def made(self) -> MadeList:
        """The same in a fifth of the memory: many wait for their impressions."""
        width = len(self.shown_features[0]) if self.shown_features else 0
        return MadeList(
            recommendation_id=self.recommendation_id,
            user_id=self.user_id,
            at_ms=self.at_ms,
            moment_ms=self.at_ms if self.event_at_ms is None else self.event_at_ms,
            items=self.shown_items,
            propensities=self.shown_propensities,
            width=width,
            raw_features=np.array(self.shown_features, np.float32).tobytes(),
            features_version=self.features_version if width else None,
            encoder_version=self.encoder_version or "",
            heads_version=self.heads_version or "",
            index_version=self.index_version or "",
            policy_version=self.policy_version or "",
            simulated=self.simulated,
            shadow=self.shadow,
        )


@dataclass(frozen=True, slots=True)
class MadeList:
    """A decision, as it waits: K items, F columns.

    Attributes:
        moment_ms: Event time of the decision; that of the worker's clock in records without it.
        width: F, 0 where no ranker made the list.
        raw_features: K times F float32.
        features_version: None where there are none.
    """

    recommendation_id: str
    user_id: str
    at_ms: int
    moment_ms: int
    items: tuple[str, ...]
    propensities: tuple[float, ...]
    width: int
    raw_features: bytes
    features_version: str | None
    encoder_version: str
    heads_version: str
    index_version: str
    policy_version: str
    simulated: bool
    shadow: bool

    @property
    def features(self) -> NDArray[np.float32]:
        """(K, F) raw features, as they were."""
        return np.frombuffer(self.raw_features, np.float32).reshape(-1, max(self.width, 1))


_decoder = msgspec.json.Decoder(ShownList)


def decode_shown(raw: bytes | None, *, max_bytes: int = 1_000_000) -> MadeList:
    """A message of the decisions topic.

    Raises:
        RejectedError: The value is no valid record of a decision.
    """
    return decode_with(_decoder, raw, max_bytes).made()
