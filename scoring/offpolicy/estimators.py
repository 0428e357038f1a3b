"""All estimators on one log and target: which assume what, and which can be had here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from scoring.offpolicy.cascade_dr import cascade_dr
from scoring.offpolicy.clipped_ips import clipped_ips
from scoring.offpolicy.direct_method import direct_method
from scoring.offpolicy.doubly_robust import doubly_robust
from scoring.offpolicy.followed import Followed
from scoring.offpolicy.iips import iips
from scoring.offpolicy.ips import ips
from scoring.offpolicy.logged_lists import LoggedLists
from scoring.offpolicy.pseudo_inverse import pseudo_inverse
from scoring.offpolicy.reward_model import cross_fitted
from scoring.offpolicy.rips import prefix_weights, rips, self_normalised_rips
from scoring.offpolicy.snips import snips
from scoring.offpolicy.switch_dr import switch_dr
from scoring.offpolicy.terms import Floats, Terms
from scoring.offpolicy.weights import effective_size

ASSUMES: Final = {
    "ips": "nothing of lists",
    "clipped-ips": "nothing of lists; too low",
    "snips": "nothing of lists",
    "dm": "the model is right",
    "dr": "nothing of lists",
    "switch-dr": "the model, where weights are large",
    "rips": "nothing below an item matters",
    "sn-rips": "nothing below an item matters",
    "cascade-dr": "nothing below an item matters",
    "iips": "an item and its rank are all that matters",
    "pi": "a list earns a sum over its ranks",
}
"""Name of an estimator -> what it assumes besides right propensities and support."""


MARGINAL: Final = frozenset(("iips", "pi"))
"""Estimators whose weights may come from drawn lists, and are then near what they stand for."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """One estimator's answer.

    Attributes:
        name: One of `ASSUMES`.
        terms: Over n lists.
        weights: (n, W) of its rewards, by rank or of whole lists, before any clipping.
        effective: Lists that these weights are worth, 0 to n.
    """

    name: str
    terms: Terms
    weights: Floats
    effective: float


def ratios(lists: LoggedLists, target: Floats) -> Floats:
    """(n, K) the target's probability over the log's; 1 past a list's end."""
    return np.where(lists.there, target / lists.propensities, 1.0)


def without_records(lists: LoggedLists, target: Floats) -> list[Estimate]:
    """What can be said from the probabilities of the logged items alone.

    Args:
        lists: n of them.
        target: (n, K) probability of each logged item given those above it.
    """
    each = ratios(lists, target)
    prefixes, totals = prefix_weights(each), lists.totals
    whole = prefixes[:, -1]
    limit = math.sqrt(len(lists))  # Ionides 2008: bias and variance both vanish as n grows
    clipped = np.minimum(whole, limit)
    of_whole, of_prefixes = whole[:, None], _by_reward(prefixes, lists)
    return [
        Estimate("ips", ips(whole, totals), of_whole, effective_size(whole)),
        Estimate(
            "clipped-ips",
            clipped_ips(whole, totals, limit),
            of_whole,
            effective_size(clipped),
        ),
        Estimate("snips", snips(whole, totals), of_whole, effective_size(whole)),
        Estimate("rips", rips(each, lists.rewards), prefixes, of_prefixes),
        Estimate("sn-rips", self_normalised_rips(each, lists.rewards), prefixes, of_prefixes),
    ]


def with_records(lists: LoggedLists, followed: Followed) -> list[Estimate]:
    """The same, and what needs the candidates as well: models, marginals, pseudo-inverses."""
    found = without_records(lists, followed.target)
    each = ratios(lists, followed.target)
    prefixes, totals = prefix_weights(each), lists.totals
    whole, limit = prefixes[:, -1], math.sqrt(len(lists))
    model = cross_fitted(followed, lists.rewards, lists.there, lists.groups)
    predicted, ahead = model.shown.sum(axis=1), model.ahead.sum(axis=1)
    marginal = np.where(lists.there, followed.marginal / followed.marginal_logged, 1.0)
    trusted = np.where(whole <= limit, whole, 0.0)
    after = model.after
    return [
        *found,
        Estimate("dm", direct_method(ahead), np.ones((len(lists), 1)), float(len(lists))),
        Estimate(
            "dr",
            doubly_robust(whole, totals, predicted, ahead),
            whole[:, None],
            effective_size(whole),
        ),
        Estimate(
            "switch-dr",
            switch_dr(whole, totals, predicted, ahead, limit),
            whole[:, None],
            effective_size(trusted),
        ),
        Estimate(
            "cascade-dr",
            cascade_dr(each, lists.rewards, model.shown + after, model.expected + after),
            prefixes,
            _by_reward(prefixes, lists),
        ),
        Estimate("iips", iips(marginal, lists.rewards), marginal, _by_reward(marginal, lists)),
        *_pseudo_inverse(followed.slate_weights, totals),
    ]


def _pseudo_inverse(weights: Floats, totals: Floats) -> list[Estimate]:
    """Where all lists have weights."""
    if np.isnan(weights).any():
        return []
    terms = pseudo_inverse(weights, totals)
    return [Estimate("pi", terms, weights[:, None], effective_size(weights))]


def _by_reward(weights: Floats, lists: LoggedLists) -> float:
    """Effective size of (n, K) weights: the mean over ranks, by what each rank has earned.

    A rank at which nothing is earned takes nothing from an estimate, however wild its weights.
    """
    earned = lists.rewards.sum(axis=0)
    sizes = np.array([effective_size(column) for column in weights.T])
    return float(np.average(sizes, weights=earned)) if earned.sum() > 0 else float(sizes.min())
