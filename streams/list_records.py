"""A slate and what it answers -> the records that tell of it."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final, Protocol

import numpy as np

from index import Catalogue
from scoring import Request, Slate
from scoring.slates.evidence import Evidence
from streams.decision import Decision
from streams.decision_record import DecisionRecord
from streams.outputs import Recommendation, Trigger, UserFeatures
from streams.records import encode
from streams.row import Source, UserRow
from streams.runs import Record, Run

_DECIMALS: Final = 6


class Ranking(Protocol):
    """What makes the lists; `scoring.Recommender` is one."""

    encoder_version: str
    index_version: str
    policy_version: str
    rules_version: str | None

    @property
    def heads_version(self) -> str | None:
        """Of lists that are made under no arm, which say theirs; None = there is no ranker."""

    @property
    def features_version(self) -> str | None:
        """Of the columns that learned rankers read: the same for all of them."""

    @property
    def catalogue(self) -> Catalogue:
        """The items of the index."""

    def recommend(self, requests: Sequence[Request]) -> list[Slate]:
        """One slate for each request, in their order."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A decision, the record that it answers, and the row that it was made from."""

    decision: Decision
    record: Record
    run: Run
    source: Source
    row: UserRow


class ListRecords:
    """Writes what one ranking has made; versions are its own at that moment."""

    def __init__(self, ranking: Ranking, items_read: Callable[[], Mapping[str, int]]) -> None:
        """Nothing is read yet.

        Args:
            ranking: Makes the lists.
            items_read: See `DecisionRecord`.
        """
        self._ranking = ranking
        self._items_read = items_read

    def recommendation(self, p: Pending, slate: Slate, now_ms: int) -> Recommendation:
        """For the recommendations topic."""
        decision, ranking = p.decision, self._ranking
        return Recommendation(
            recommendation_id=recommendation_id(p.source),
            user_id=decision.user_id,
            at_ms=now_ms,
            trigger=Trigger(
                event_id=decision.event_id,
                type=decision.type,  # type: ignore[arg-type]  # decoded from the same literals
                at_ms=decision.event_at_ms,
                topic=p.run.topic,
                partition=p.run.partition,
                offset=p.record.offset,
            ),
            items=slate.items,  # type: ignore[arg-type]  # same fields; converting each would cost 20 us a list
            encoder_version=ranking.encoder_version,
            index_version=ranking.index_version,
            rules_version=ranking.rules_version,
            simulated=decision.simulated,
            **_made_under(slate, ranking),
        )

    def decision(
        self, p: Pending, slate: Slate, evidence: Evidence, now_ms: int, is_shadow: bool
    ) -> bytes:
        """For the decisions topic, encoded."""
        ranking = self._ranking
        return encode(
            DecisionRecord.of(
                evidence,
                user_id=p.decision.user_id,
                at_ms=now_ms,
                row_digest=hashlib.blake2b(p.row.encode(), digest_size=8).hexdigest(),
                event_at_ms=p.decision.event_at_ms,
                shown_items=tuple(item.item_id for item in slate.items),
                shown_propensities=tuple(item.propensity for item in slate.items),
                shown_features=_rows_of(slate),
                features_version=None if slate.features is None else ranking.features_version,
                rules=slate.rules,
                items_read=dict(self._items_read()),
                encoder_version=ranking.encoder_version,
                index_version=ranking.index_version,
                rules_version=ranking.rules_version,
                shadow=is_shadow,
                simulated=p.decision.simulated,
                **_made_under(slate, ranking),
            )
        )

    def features(self, p: Pending, slate: Slate, now_ms: int) -> bytes:
        """For the user-features topic, encoded."""
        return encode(
            UserFeatures(
                user_id=p.decision.user_id,
                at_ms=now_ms,
                vectors={name: vector.tolist() for name, vector in slate.interests.items()},
                counts=dict(p.decision.history.counts),
                encoder_version=self._ranking.encoder_version,
                index_version=self._ranking.index_version,
                simulated=p.decision.simulated,
            )
        )


def _made_under(slate: Slate, ranking: Ranking) -> dict[str, str | None]:
    """The fields that say which policy and heads made a list, and whose it is."""
    if slate.made_under is None:
        return {
            "policy_version": ranking.policy_version,
            "heads_version": ranking.heads_version,
        }
    return asdict(slate.made_under)


def _rows_of(slate: Slate) -> tuple[tuple[float, ...], ...]:
    """What a ranker read of each item, to six decimals: what float32 has, and half as long."""
    if slate.features is None:
        return ()
    return tuple(map(tuple, slate.features.astype(np.float64).round(_DECIMALS).tolist()))


def recommendation_id(source: Source) -> str:
    """The same for every delivery of an event, and of no other: 24 hexadecimal digits."""
    return hashlib.blake2b(f"{source.key}:{source.offset}".encode(), digest_size=12).hexdigest()
