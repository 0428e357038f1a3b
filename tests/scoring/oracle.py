"""The ranking of docs/ranking.md once more: item by item, in plain Python, over the whole shop."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from index import Snapshot
from scoring import Interaction, Policy, RelatedItems, Request
from scoring.bought import Bought
from scoring.history import TYPE_NAMES

Row = NDArray[np.float64]


class Sale(NamedTuple):
    """Somebody bought something."""

    item_id: str
    at_ms: int
    region: str | None
    newcomer: bool


def rank(
    request: Request,
    snapshot: Snapshot,
    policy: Policy,
    query: Sequence[float] | None,
    related: RelatedItems | None = None,
    sales: tuple[Sale, ...] = (),
) -> list[tuple[str, float]]:
    """All items that may be in the list with their scores, best first."""
    catalogue = snapshot.catalogue
    rows = {item_id: snapshot.vectors[at].astype(float) for at, item_id in enumerate(catalogue.ids)}
    wants = [
        (policy.weight_short_term, *_interest(request, rows, policy, policy.short_half_life_ms)),
        (policy.weight_long_term, *_long_term(request, snapshot, rows, policy)),
    ]
    if query is not None:
        searched = _unit(np.array(query, float))
        if max(searched @ row for row in rows.values()) >= policy.search_hit:
            wants.append((policy.weight_search, searched, math.inf))
    most = math.log1p(float(catalogue.popularity.max()))
    counted = {
        item_id: math.log1p(count) / most if most > 0 else 0.0
        for item_id, count in zip(catalogue.ids, catalogue.popularity, strict=True)
    }
    known = (sales, request.at_ms, request.region, not _has_bought(request, rows))
    popularity = _bought_now(*known, tuple(catalogue.ids)) or counted
    out = _struck(request, policy)
    company = {} if related is None else _company(request, rows, policy, related)
    loyal = wants[1][2] / (wants[1][2] + 1)
    scores = {}
    for at, item_id in enumerate(catalogue.ids):
        if item_id in out or not catalogue.in_stock[at]:
            continue
        score = 0.0
        for weight, vector, evidence in wants:
            confidence = 1.0 if evidence == math.inf else evidence / (evidence + 1)
            score += weight * confidence * float(vector @ rows[item_id])
        score += policy.weight_popularity * popularity[item_id]
        if item_id in company:
            score += policy.weight_related * loyal * company[item_id] / max(company.values())
        times = _times_bought(request, item_id, policy)
        scores[item_id] = score + policy.weight_repeat * times / (times + 1)
    return sorted(scores.items(), key=lambda pair: -pair[1])


@cache
def _bought_now(
    sales: tuple[Sale, ...],
    at_ms: int,
    region: str | None,
    newcomer: bool,
    item_ids: tuple[str, ...],
) -> dict[str, float] | None:
    """What is bought at a moment, by and for whom; None where too little is."""

    def decayed(days: float, of: Sequence[Sale]) -> dict[str, float]:
        found = dict.fromkeys(item_ids, 0.0)
        for sale in of:
            if sale.item_id in found:
                found[sale.item_id] += 0.5 ** ((at_ms - sale.at_ms) / (days * 86_400_000))
        return found

    def among(some: Sequence[Sale]) -> float:
        return sum(decayed(14, some).values())

    month, worth = decayed(28, sales), decayed(7, sales)
    if sum(month.values()) < 200:
        return None
    if newcomer:
        first = [sale for sale in sales if sale.newcomer]
        regions = {sale.region for sale in first if sale.region}
        home = max(regions, key=lambda name: among([s for s in first if s.region == name]))
        there = [s for s in first if s.region and (s.region == home) == (region == home)]
        if region is None or among(there) < 50:
            there = first
        today, firsts = decayed(1, sales), decayed(14, there)
        worth = {i: n / sum(today.values()) for i, n in today.items()}
        if among(there) >= 50:
            worth = {i: n + firsts[i] / among(there) for i, n in worth.items()}
    largest, top = max(month.values()), max(worth.values())
    return {i: math.log1p(n / top * largest) / math.log1p(largest) for i, n in worth.items()}


def _interest(
    request: Request, rows: Mapping[str, Row], policy: Policy, half_life_ms: float
) -> tuple[Row, float]:
    """The decayed sum of the ring, and its evidence."""
    total, evidence = np.zeros(len(next(iter(rows.values())))), 0.0
    for i in request.history.interactions:
        if i.item_id in rows:
            weight = policy.type_weights[TYPE_NAMES[i.type]] * i.weight
            weight *= 0.5 ** (_age_ms(request, i) / half_life_ms)
            total += weight * rows[i.item_id]
            evidence += weight
    if evidence < policy.least_evidence:
        return np.zeros_like(total), 0.0
    return _unit(total), evidence


def _long_term(
    request: Request, snapshot: Snapshot, rows: Mapping[str, Row], policy: Policy
) -> tuple[Row, float]:
    """The ring with the long half-life, and the centroids of what was counted."""
    vector, evidence = _interest(request, rows, policy, policy.long_half_life_ms)
    catalogue = snapshot.catalogue
    centre, most = np.zeros_like(vector), 0.0
    for prefix, names in (("c:", catalogue.categories), ("b:", catalogue.brands)):
        for name in {each for each in names if each is not None}:
            count = request.history.counts.get(prefix + name, 0.0)
            members = [rows[i] for i, of in zip(catalogue.ids, names, strict=True) if of == name]
            centre += count * _unit(np.sum(members, axis=0))
            most = max(most, count)
    if most == 0:
        return vector, evidence
    share = policy.centroid_share
    return _unit((1 - share) * vector + share * _unit(centre)), max(evidence, most)


def _company(
    request: Request, rows: Mapping[str, Row], policy: Policy, related: RelatedItems
) -> dict[str, float]:
    """What the items of the ring go together with."""
    place = {item_id: row for row, item_id in enumerate(related.item_ids)}
    found: dict[str, float] = {}
    for i in request.history.interactions:
        weight = policy.type_weights[TYPE_NAMES[i.type]] * i.weight
        weight *= 0.5 ** (_age_ms(request, i) / policy.long_half_life_ms)
        if i.item_id in rows and i.item_id in place and weight > 0:
            row = place[i.item_id]
            for near, strength in zip(related.neighbours[row], related.strengths[row], strict=True):
                if strength > 0 and related.item_ids[near] in rows:
                    name = related.item_ids[near]
                    found[name] = found.get(name, 0.0) + weight * float(strength)
    return found


def _struck(request: Request, policy: Policy) -> set[str]:
    """Items that the rules take out, stock apart."""
    out = set(request.exclude)
    for i in request.history.interactions:
        if _age_ms(request, i) < policy.just_seen_window_ms:
            out.add(i.item_id)
    for each in _bought(request):
        recent = _age_ms(request, each) < policy.bought_window_ms
        if policy.exclude_bought and recent and TYPE_NAMES[each.type] == "purchase":
            out.add(each.item_id)
    return out


def _times_bought(request: Request, item_id: str, policy: Policy) -> float:
    signs = {"purchase": 1, "return": -1}
    times: float = sum(
        signs[TYPE_NAMES[i.type]] * 0.5 ** (_age_ms(request, i) / policy.long_half_life_ms)
        for i in _bought(request)
        if i.item_id == item_id
    )
    return max(times, 0.0)


def _bought(request: Request) -> list[Interaction | Bought]:
    """The log of what was bought; without one, what the ring knows of it."""
    history = request.history
    return list(history.bought) or [i for i in history.interactions if i.type in "pr"]


def _has_bought(request: Request, rows: Mapping[str, Row]) -> bool:
    return any(i.item_id in rows for i in _bought(request))


def _age_ms(request: Request, entry: Interaction | Bought) -> int:
    return max(0, request.at_ms - entry.at_ms)


def _unit(row: Row) -> Row:
    length = float(np.linalg.norm(row))
    return row / length if length > 0 else row
