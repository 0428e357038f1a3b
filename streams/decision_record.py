"""decisions topic: what a list was made of, under its user_id; enough to draw the list again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from scoring.policy import MARKS
from scoring.slates.beliefs import Beliefs
from scoring.slates.drawing import Drawing
from scoring.slates.evidence import CapRows, Evidence, FloorRows
from streams import fields
from streams.errors import RejectedError
from streams.records import Record, decode_with

MAX_CANDIDATES: Final = 20_000
"""More than sources that bring 1,000 each, see `settings.MOST_RECORDED`; 7 of them are tables."""

Count = Annotated[int, Meta(ge=0, le=2**53)]


class DrawingRecord(Record, frozen=True, kw_only=True, omit_defaults=True):
    """The numbers of `scoring.slates.drawing.Drawing`."""

    size: Annotated[int, Meta(ge=1, le=200)]
    draw: Literal["best", "softmax", "thompson"]
    temperature: fields.Score
    epsilon: fields.Probability
    diversity: Literal["none", "mmr", "dpp"]
    relevance_share: fields.Probability
    weight_deviation: fields.Score
    beliefs: Beliefs | None = None

    @property
    def drawing(self) -> Drawing:
        """What it is the record of."""
        return Drawing(**msgspec.structs.asdict(self))


class CapRecord(Record, frozen=True, kw_only=True):
    """At most `limits` items of the same of these `groups`, -1 being none; aligned to item_ids."""

    name: fields.Name
    groups: Annotated[tuple[int, ...], Meta(max_length=MAX_CANDIDATES)]
    limits: Annotated[tuple[int, ...], Meta(max_length=MAX_CANDIDATES)]


class FloorRecord(Record, frozen=True, kw_only=True):
    """Of the first r items at least floor(share * r) are of these places among item_ids."""

    name: fields.Name
    share: fields.Probability
    members: Annotated[tuple[int, ...], Meta(max_length=MAX_CANDIDATES)]


class DecisionRecord(Record, frozen=True, kw_only=True):
    """The candidates of one list and what decided between them.

    The seed of its chance is its id. The same code draws the same list from it, see
    `scoring.slates.evidence.replay`; a diverse one with the vectors of `index_version` besides.

    Attributes:
        item_ids: Candidates that the hard rules left, in the order that the draw saw.
        scores: Of each.
        drawing: How.
        caps: What acted inside the draw.
        floors: The same, from below.
        pins: Place among the candidates for each rank, -1 = none.
        features: Terms of each score, where the draw varied their weights.
        sources: Everything that brings candidates.
        marks: Which of them brought each candidate: a bit for each, the first the lowest.
        rules: Name of a rule -> candidates that it took out, or, of pins, put in.
        shown_items: The list, by rank: `item_ids` are those that it was drawn from.
        shown_propensities: Of each.
        shown_features: Of each, the columns that a learned ranker read, by the names that its
            `features_version` stands for; none without a ranker.
        features_version: Of these columns.
        event_at_ms: When the event happened that the list answers; features are as of then.
        row_digest: Of the user's row as it was.
        experiment: Whose variant or shadow made the list.
        variant: Its name.
        shadow: Nobody was shown this list: a policy that is tried beside the one that was.
        items_read: "<topic id>:<partition>" of the items topic -> the offset after the newest item
            that is in the list's candidates and not yet in `index_version`.
    """

    recommendation_id: fields.Id
    user_id: fields.Id
    at_ms: fields.AtMs
    item_ids: Annotated[tuple[fields.Id, ...], Meta(max_length=MAX_CANDIDATES)]
    scores: Annotated[tuple[fields.Score, ...], Meta(max_length=MAX_CANDIDATES)]
    drawing: DrawingRecord
    caps: Annotated[tuple[CapRecord, ...], Meta(max_length=16)] = ()
    floors: Annotated[tuple[FloorRecord, ...], Meta(max_length=64)] = ()
    pins: Annotated[tuple[int, ...], Meta(max_length=200)] = ()
    features: Annotated[tuple[tuple[float, ...], ...], Meta(max_length=MAX_CANDIDATES)] = ()
    sources: Annotated[tuple[fields.Name, ...], Meta(max_length=32)] = ()
    marks: Annotated[tuple[Annotated[int, Meta(ge=0)], ...], Meta(max_length=MAX_CANDIDATES)] = ()
    rules: Annotated[dict[fields.Name, Count], Meta(max_length=64)] = msgspec.field(
        default_factory=dict
    )
    items_read: Annotated[dict[fields.Name, Count], Meta(max_length=10_000)] = msgspec.field(
        default_factory=dict
    )
    shown_items: Annotated[tuple[fields.Id, ...], Meta(max_length=200)] = ()
    shown_propensities: Annotated[
        tuple[Annotated[float, Meta(gt=0, le=1)], ...], Meta(max_length=200)
    ] = ()
    shown_features: Annotated[
        tuple[Annotated[tuple[float, ...], Meta(max_length=1_000)], ...], Meta(max_length=200)
    ] = ()
    features_version: fields.Version | None = None
    event_at_ms: fields.AtMs | None = None
    row_digest: Annotated[str, Meta(max_length=64)] | None = None
    encoder_version: fields.Version | None = None
    heads_version: fields.Version | None = None
    index_version: fields.Version | None = None
    policy_version: fields.Version | None = None
    rules_version: fields.Version | None = None
    experiment: fields.Version | None = None
    variant: fields.Version | None = None
    shadow: bool = False
    simulated: bool = False

    @classmethod
    def of(cls, evidence: Evidence, *, rules: Mapping[str, int], **more: Any) -> DecisionRecord:
        """The record of a list.

        Args:
            evidence: What it was drawn from.
            rules: What each rule did.
            more: Other fields of the record.
        """
        return cls(
            recommendation_id=evidence.recommendation_id,
            item_ids=evidence.item_ids,
            scores=tuple(evidence.scores),
            drawing=DrawingRecord(**asdict(evidence.drawing)),
            caps=tuple(CapRecord(**asdict(cap)) for cap in evidence.caps),
            floors=tuple(FloorRecord(**asdict(floor)) for floor in evidence.floors),
            pins=evidence.pins,
            features=evidence.features,
            sources=MARKS if evidence.marks else (),
            marks=evidence.marks,
            rules=dict(rules),
            **more,
        )

    def problem(self) -> str | None:
        """Why no list can be drawn from its columns; None = one can."""
        n, size, beliefs = len(self.item_ids), self.drawing.size, self.drawing.beliefs
        by_cap = [column for cap in self.caps for column in (cap.groups, cap.limits)]
        if {n, *map(len, (self.scores, *by_cap))} != {n}:
            return f"{n} item_ids, and scores or caps of others"
        if not {len(self.features), len(self.marks)} <= {0, n} or len(self.pins) not in (0, size):
            return f"{n} item_ids and {size} ranks, and features, marks or pins of others"
        widths = {len(row) for row in self.features}
        if n and self.drawing.draw == "thompson" and (len(widths) != 1 or widths == {0}):
            return "a list was drawn by thompson, and features are missing or of several widths"
        if beliefs is not None and widths and widths != {len(beliefs.mean)}:
            return f"features and beliefs are of {widths.pop()} and {len(beliefs.mean)} terms"
        pinned = [place for place in self.pins if place >= 0]
        members = [place for floor in self.floors for place in floor.members]
        if max(*pinned, *members, -1, -1) >= n or min(*members, 0, 0) < 0:
            return f"a pin or a floor names a place that {n} item_ids do not have"
        return None

    @property
    def evidence(self) -> Evidence:
        """What the list was drawn from, as the draw had it."""
        return Evidence(
            recommendation_id=self.recommendation_id,
            item_ids=self.item_ids,
            scores=self.scores,
            drawing=self.drawing.drawing,
            caps=tuple(CapRows(cap.name, cap.groups, cap.limits) for cap in self.caps),
            floors=tuple(FloorRows(each.name, each.share, each.members) for each in self.floors),
            pins=self.pins,
            features=self.features,
            marks=self.marks,
        )


_decoder = msgspec.json.Decoder(DecisionRecord)


def decode_decision(raw: bytes | None, *, max_bytes: int = 1_000_000) -> DecisionRecord:
    """A message of the decisions topic.

    Raises:
        RejectedError: The value is no valid record of a decision.
    """
    found = decode_with(_decoder, raw, max_bytes)
    if problem := found.drawing.drawing.problem() or found.problem():
        raise RejectedError(problem)
    return found
