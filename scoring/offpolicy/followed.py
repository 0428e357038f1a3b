"""What the estimators need of a target, worked out list by list from records of decisions."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from itertools import permutations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoring.offpolicy.decided import Decided, rows_of
from scoring.offpolicy.pseudo_inverse import enumerated_weights, uniform_weights
from scoring.offpolicy.shadowed import with_own_pins
from scoring.offpolicy.target import Drawer, Target
from scoring.offpolicy.terms import Floats
from scoring.slates.draw import draw
from scoring.slates.field import Drawn, Field
from scoring.slates.following import following

N_FEATURES: Final = 4
"""Of the model of rewards: 1, the log's score, its square, the target's score; all by list."""

MOST_LISTS: Final = 120
"""Where a record allows more than so many lists, some are drawn; else all are gone through."""


@dataclass(frozen=True, slots=True)
class Followed:
    """n lists of K ranks under a target, F numbers an item.

    Attributes:
        target: (n, K) probability of the logged item given those above it; 1 past a list's end.
        unsupported: (n, K) share of the target, given the items above, on what the log's policy
            could not have put there; NaN below items that the target would never have put there, as
            where a shadow has pinned another one: of its lists such a one says nothing.
        shown: (n, K, F) features of the logged items; 0 past a list's end.
        expected: (n, K, F) the target's mean of them given the logged items above; 0 there, too.
        ahead: (n, K, F) the target's mean of them over its own lists, which may be longer than what
            was logged.
        marginal: (n, K) the logged item's probability at its rank under the target, whatever stands
            above.
        marginal_logged: (n, K) the same under the policy of the log.
        slate_weights: (n,) of the pseudo-inverse estimator; NaN where they cannot be worked out.
    """

    target: Floats
    unsupported: Floats
    shown: Floats
    expected: Floats
    ahead: Floats
    marginal: Floats
    marginal_logged: Floats
    slate_weights: Floats

    def part(self, rows: NDArray[np.int64]) -> Followed:
        """Some of the lists."""
        return Followed(**{each.name: getattr(self, each.name)[rows] for each in fields(self)})

    @classmethod
    def empty(cls, n: int, n_ranks: int) -> Followed:
        """Nothing worked out yet."""
        shape = (n, n_ranks)
        return cls(
            target=np.ones(shape),
            unsupported=np.zeros(shape),
            shown=np.zeros((*shape, N_FEATURES)),
            expected=np.zeros((*shape, N_FEATURES)),
            ahead=np.zeros((*shape, N_FEATURES)),
            marginal=np.ones(shape),
            marginal_logged=np.ones(shape),
            slate_weights=np.full(n, math.nan),
        )


def follow(batch: Decided, target: Target, into: Followed, n_draws: int, seed: int) -> None:
    """Work a batch out.

    Args:
        batch: B lists.
        target: Whose probabilities are wanted.
        into: Rows of the batch are filled.
        n_draws: S lists drawn for each record where not all lists can be gone through.
        seed: Of that chance.

    Raises:
        EvidenceError: The records do not tell what the target would do.
    """
    own, theirs = target.beside(batch)
    users = np.arange(len(batch.rows))
    n_ranks = int(batch.lists.exists.sum(axis=1).max())
    like_theirs = np.ones(len(users), np.bool_)
    features = _features(own.field, theirs.field)
    pinned = batch.lists
    if target.shadows is not None:
        pinned = with_own_pins(theirs.field, pinned)
    both = (
        following(each.field, each.drawing, lists, each.sampled)
        for each, lists in ((own, batch.lists), (theirs, pinned))
    )
    for rank, (logged, wanted) in enumerate(zip(*both, strict=True)):
        there = batch.lists.exists[:, rank]
        rows, taken = batch.rows[there], batch.lists.places[:, rank]
        if rank >= n_ranks:
            break
        into.target[rows, rank] = wanted[users, taken][there]
        outside = np.where(logged > 0, 0.0, wanted).sum(axis=1)
        into.unsupported[rows, rank] = np.where(like_theirs, outside, math.nan)[there]
        like_theirs &= wanted[users, taken] > 0
        into.shown[rows, rank] = features[users, taken][there]
        into.expected[rows, rank] = np.einsum("bc,bcf->bf", wanted, features)[there]
    _look_ahead(batch, theirs, own, features, into, n_draws, seed)


def _features(own: Field, other: Field) -> Floats:
    """(B, C, F), 0 where there is no candidate."""
    z, theirs = _by_list(own), _by_list(other)
    found = np.stack([np.ones(z.shape), z, z * z, theirs if other is not own else 0 * z], axis=2)
    found[~own.there] = 0.0
    return found


def _by_list(field: Field) -> Floats:
    """(B, C) scores less their mean over their deviation, each list by itself; 0 without any."""
    n = np.maximum(field.there.sum(axis=1, keepdims=True), 1)
    scores = np.where(field.there, field.scores, 0.0)
    middle = scores.sum(axis=1, keepdims=True) / n
    apart = np.where(field.there, scores - middle, 0.0)
    deviation = np.sqrt((apart * apart).sum(axis=1, keepdims=True) / n)
    found: Floats = np.divide(apart, deviation, out=np.zeros_like(apart), where=deviation > 0)
    return found


def _look_ahead(
    batch: Decided,
    theirs: Drawer,
    own: Drawer,
    features: Floats,
    into: Followed,
    n_draws: int,
    seed: int,
) -> None:
    """What does not depend on the logged items above: means over the lists of both policies."""
    is_own = theirs.field is own.field and theirs.drawing == own.drawing
    lists = _all_lists(batch, own.field, theirs.field)
    users = np.arange(len(batch.rows))
    n_ranks = int(batch.lists.exists.sum(axis=1).max())
    if lists is None:
        chance = np.random.default_rng(seed).random((2, len(users) * n_draws, own.drawing.size))
        wanted = _means_of_drawn(theirs, chance[0], n_draws)
        logged = _means_of_drawn(own, chance[1], n_draws)
    else:
        by_list = [_probabilities(each, lists) for each in (theirs, own)]
        n_items = own.field.scores.shape[1]
        wanted, logged = (_means_of_all(each, lists, n_items) for each in by_list)
    for rank in range(n_ranks):
        there = batch.lists.exists[:, rank]
        rows, taken = batch.rows[there], batch.lists.places[:, rank]
        seen = logged[users, rank, taken]
        if lists is None:
            # The logged list is one more draw: with it there is no 0 below the line, see iips.
            seen = (n_draws * seen + batch.lists.propensities[:, rank]) / (n_draws + 1)
        into.marginal_logged[rows, rank] = seen[there]
        into.marginal[rows, rank] = (seen if is_own else wanted[users, rank, taken])[there]
    for rank in range(min(wanted.shape[1], into.ahead.shape[1])):
        into.ahead[batch.rows, rank] = np.einsum("bc,bcf->bf", wanted[:, rank], features)
    whole = own.field.there.all() and batch.lists.exists.all()
    if batch.is_uniform and whole:
        into.slate_weights[batch.rows] = uniform_weights(wanted, batch.lists.places)
    elif lists is not None:
        shown = (lists == batch.lists.places[:, None]).all(axis=2).argmax(axis=1)
        into.slate_weights[batch.rows] = enumerated_weights(by_list[0], by_list[1], lists, shown)


def _all_lists(batch: Decided, field: Field, other: Field) -> NDArray[np.int64] | None:
    """(L, K) all lists of all candidates; None where they are many, or not those of both."""
    n_items, n_ranks = field.scores.shape[1], batch.lists.places.shape[1]
    acts = bool(field.caps) or bool(field.floors) or batch.lists.pinned.any()
    pins = other.pins is not None and (other.pins >= 0).any()
    shorter = bool(other.caps) or (other.there.sum(axis=1) < n_ranks).any()
    if acts or pins or shorter or not field.there.all() or not batch.lists.exists.all():
        return None
    if math.perm(n_items, n_ranks) > MOST_LISTS:
        return None
    return np.array(list(permutations(range(n_items), n_ranks)))


def _probabilities(policy: Drawer, lists: NDArray[np.int64]) -> Floats:
    """(B, L) of each list, by following it."""
    n_users, n_lists = len(policy.field.scores), len(lists)
    many = _often(policy, n_lists)
    places = np.tile(lists, (n_users, 1))
    drawn = Drawn(
        places,
        np.ones(places.shape, np.bool_),
        np.ones(places.shape),
        np.zeros(places.shape, np.bool_),
        {},
    )
    rows = np.arange(len(places))
    found = np.ones(len(places))
    for rank, p in enumerate(following(many.field, many.drawing, drawn, many.sampled)):
        found *= p[rows, places[:, rank]]
    return found.reshape(n_users, n_lists)


def _means_of_all(probabilities: Floats, lists: NDArray[np.int64], n_items: int) -> Floats:
    """(B, K, C) probability of each item at each rank."""
    at = np.zeros((*lists.shape, n_items))
    np.put_along_axis(at, lists[:, :, None], 1.0, axis=2)
    found: Floats = np.einsum("bl,lkc->bkc", probabilities, at)
    return found


def _means_of_drawn(policy: Drawer, chance: Floats, n_draws: int) -> Floats:
    """(B, K, C) the same from drawn lists: the mean of the probabilities given what is above.

    Of those, and not of what was drawn (Rao 1945, Blackwell 1947): the first rank is exact.
    """
    many = _often(policy, n_draws)
    drawn = draw(many.field, many.drawing, chance, many.sampled)
    shape = (len(policy.field.scores), n_draws, -1)
    ranks = following(many.field, many.drawing, drawn, many.sampled)
    return np.stack([p.reshape(shape).mean(axis=1) for p in ranks], axis=1)


def _often(policy: Drawer, times: int) -> Drawer:
    """Every user so many times, one copy after the other."""
    users = np.repeat(np.arange(len(policy.field.scores)), times)
    sampled = None if policy.sampled is None else [policy.sampled[at] for at in users.tolist()]
    return Drawer(rows_of(policy.field, users), policy.drawing, sampled)
