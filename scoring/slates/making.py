"""Scored candidates of a batch -> lists: padded, drawn, and back to places in the pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import Corpus
from scoring.candidates import Pool
from scoring.policy import Policy
from scoring.ranking import Scored, best
from scoring.rules.floors import FloorBook
from scoring.rules.limits import Caps, Pinned
from scoring.rules.pairs import places_in
from scoring.slate import Request
from scoring.slates.chance import uniforms
from scoring.slates.draw import draw
from scoring.slates.evidence import CapRows, Evidence, FloorRows, sampled_scores
from scoring.slates.field import Field

_AT_ONCE: Final = 8
"""Users whose candidates' vectors are gathered together: 200 of 384 for each, 2.4 MB."""


@dataclass(frozen=True, slots=True)
class Lists:
    """The lists of B users.

    Attributes:
        places: (B, n) places in the pool.
        exists: (B, n) False where a list has ended.
        propensities: (B, n) of each item at its rank.
        pinned: (B, n) True where a pin put the item there.
        capped: Name of a cap -> (B,) items that were passed over for it; of a floor -> (B,) ranks
            at which others were.
        evidence: B, where it was asked for; else none.
    """

    places: NDArray[np.int64]
    exists: NDArray[np.bool_]
    propensities: NDArray[np.float64]
    pinned: NDArray[np.bool_]
    capped: dict[str, NDArray[np.int64]]
    evidence: list[Evidence]


@dataclass(frozen=True, slots=True)
class ListMaker:
    """Makes the lists of batches under one policy and one set of rules.

    Attributes:
        policy: How to draw.
        caps: Of the policy and the rules.
        floors: Of the rules.
        snapshot: Has the vectors.
        keeps: Whether lists come with their evidence.
    """

    policy: Policy
    caps: Caps
    floors: FloorBook
    snapshot: Corpus
    keeps: bool = False

    def make(
        self, requests: Sequence[Request], pool: Pool, scored: Scored, pinned: Pinned
    ) -> Lists:
        """A list for each request.

        Where nothing is left to chance and nothing acts inside the draw, all users' best are found
        by one partition, which gives the same lists.

        Args:
            requests: B requests.
            pool: Their candidates, the hard rules applied.
            scored: The candidates' scores.
            pinned: Pins that act, each one of its user's candidates.
        """
        drawing = self.policy.drawing
        acts = drawing.is_diverse or bool(self.caps) or bool(self.floors) or len(pinned) > 0
        if drawing.is_certain and not acts and not self.keeps:
            places, exists = best(pool, scored, self.policy.slate_size)
            ones, none = np.ones(places.shape), np.zeros(places.shape, np.bool_)
            return Lists(places, exists, ones, none, {}, [])
        needs_rows = drawing.is_diverse or drawing.draw == "thompson"
        step = _AT_ONCE if needs_rows else max(len(requests), 1)
        starts = range(0, len(requests), step)
        pins = self._pins(pool, pinned)
        return _joined(
            [self._part(requests, start, start + step, pool, scored, pins) for start in starts]
        )

    def _part(
        self,
        requests: Sequence[Request],
        start: int,
        end: int,
        pool: Pool,
        scored: Scored,
        pins: NDArray[np.int64],
    ) -> Lists:
        """The lists of the users from start to end."""
        ids = [request.chance_id for request in requests[start:end]]
        bounds = pool.starts[start : end + 1]
        lengths = np.diff(bounds)
        across = np.arange(max(int(lengths.max(initial=0)), 1))
        there = across < lengths[:, None]  # (b, C)
        places = np.where(there, bounds[:-1, None] + across, 0)
        drawing = self.policy.drawing
        if not len(pool.pairs):
            return _nothing(len(ids), drawing.size)
        rows = [slice(*bound) for bound in pairwise(bounds.tolist())]
        wanted = rows if drawing.is_diverse else []
        varied = rows if drawing.draw == "thompson" else []
        field = Field(
            scores=scored.totals[places].astype(np.float64),
            there=there,
            caps=self.caps.of(pool.positions[places]),
            floors=self.floors.of(pool.positions[places]),
            pins=pins[start:end],
            vectors=[self.snapshot.gather(pool.positions[each]) for each in wanted],
            features=[scored.terms[:, each].T.astype(np.float64) for each in varied],
        )
        sampled = sampled_scores(field, ids, drawing)
        drawn = draw(field, drawing, uniforms(ids, drawing.size), sampled)
        return Lists(
            places=np.where(drawn.exists, bounds[:-1, None] + drawn.places, 0),
            exists=drawn.exists,
            propensities=drawn.propensities,
            pinned=drawn.pinned,
            capped=drawn.capped,
            evidence=self._evidence(ids, field, rows, pool) if self.keeps else [],
        )

    def _pins(self, pool: Pool, pinned: Pinned) -> NDArray[np.int64]:
        """(B, n) place, among its user's candidates, of the item pinned to each rank; -1 = none."""
        found = np.full((len(pool.starts) - 1, self.policy.slate_size), -1, np.int64)
        if len(pinned):
            at, _ = places_in(pool.pairs, pinned.pairs)
            users = pool.users[at]
            found[users, pinned.ranks] = at - pool.starts[users]
        return found

    def _evidence(
        self, ids: list[str], field: Field, rows: list[slice], pool: Pool
    ) -> list[Evidence]:
        catalogue_ids = self.snapshot.catalogue.ids
        found = []
        for user, (each, row) in enumerate(zip(ids, rows, strict=True)):
            n = row.stop - row.start
            found.append(
                Evidence(
                    recommendation_id=each,
                    item_ids=tuple(catalogue_ids[at] for at in pool.positions[row].tolist()),
                    scores=tuple(field.scores[user, :n].tolist()),
                    drawing=self.policy.drawing,
                    caps=tuple(
                        CapRows(
                            cap.name,
                            tuple(cap.groups[user, :n].tolist()),
                            tuple(cap.limits[user, :n].tolist()),
                        )
                        for cap in field.caps
                    ),
                    floors=tuple(
                        FloorRows(
                            floor.name,
                            floor.share,
                            tuple(np.flatnonzero(floor.members[user, :n]).tolist()),
                        )
                        for floor in field.floors
                    ),
                    pins=() if field.pins is None else tuple(field.pins[user].tolist()),
                    features=tuple(map(tuple, field.features[user].tolist()))
                    if field.features
                    else (),
                    marks=() if pool.marks is None else tuple(pool.marks[row].tolist()),
                )
            )
        return found


def _nothing(n_users: int, size: int) -> Lists:
    shape = (n_users, size)
    none = np.zeros(shape, np.bool_)
    return Lists(np.zeros(shape, np.int64), none, np.ones(shape), none, {}, [])


def _joined(parts: list[Lists]) -> Lists:
    if len(parts) == 1:
        return parts[0]
    names = parts[0].capped
    return Lists(
        places=np.concatenate([part.places for part in parts]),
        exists=np.concatenate([part.exists for part in parts]),
        propensities=np.concatenate([part.propensities for part in parts]),
        pinned=np.concatenate([part.pinned for part in parts]),
        capped={name: np.concatenate([part.capped[name] for part in parts]) for name in names},
        evidence=[each for part in parts for each in part.evidence],
    )
