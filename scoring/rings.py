"""The latest interactions of all users of a batch as flat columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import Corpus
from scoring.history import TYPE_CODES, Interaction
from scoring.policy import Policy
from scoring.slate import Request

TYPES: Final = tuple(TYPE_CODES)
"""Event types; a column of types holds places in this tuple."""

PURCHASE: Final = TYPES.index("purchase")
RETURN: Final = TYPES.index("return")

_PLACE_OF_CODE: Final = {code: place for place, code in enumerate(TYPE_CODES.values())}
_NO_TYPE: Final = len(TYPES)  # weight 0: a code from a newer version than this one


@dataclass(frozen=True, slots=True)
class Rings:
    """n interactions with known items of B users, user by user; the columns are aligned.

    Attributes:
        starts: (B + 1,) user b has the interactions starts[b] to starts[b + 1].
        owners: (n,) which user.
        positions: (n,) item positions in the snapshot.
        types: (n,) places in `TYPES`.
        ages_ms: (n,) time before the decision, at least 0.
        quantities: (n,) strength within the type, 1 for an ordinary event.
        weights: (2, n) decayed weight in the short-term and in the long-term interest.
        vectors: (n, d) item vectors.
        unknown: (B,) interactions that were left out because the snapshot has no such item.
    """

    starts: NDArray[np.int64]
    owners: NDArray[np.int64]
    positions: NDArray[np.int64]
    types: NDArray[np.int64]
    ages_ms: NDArray[np.float64]
    quantities: NDArray[np.float32]
    weights: NDArray[np.float32]
    vectors: NDArray[np.float32]
    unknown: NDArray[np.int64]


def type_weights(policy: Policy) -> NDArray[np.float32]:
    """Weight of each place in `TYPES`, and 0 for a type that this version does not know."""
    known = [policy.type_weights.get(name, 0.0) for name in TYPES]
    return np.array([*known, 0.0], dtype=np.float32)


def read_rings(
    requests: Sequence[Request],
    snapshot: Corpus,
    policy: Policy,
    weight_of_type: NDArray[np.float32],
) -> Rings:
    """Flatten and decay: one look-up, one gather for the whole batch.

    Args:
        requests: B requests.
        snapshot: Where the items are.
        policy: Half-lives.
        weight_of_type: From `type_weights`.
    """
    rings = [request.history.interactions for request in requests]
    lengths = np.fromiter(map(len, rings), np.int64, len(rings))
    item_ids, types, moments, quantities = _columns(list(chain.from_iterable(rings)))
    owners = np.repeat(np.arange(len(rings)), lengths)
    positions = snapshot.catalogue.positions(item_ids)
    unknown = np.zeros(len(rings), np.int64)
    known = positions >= 0
    if not known.all():
        unknown = np.bincount(owners[~known], minlength=len(rings))
        owners, positions, types = owners[known], positions[known], types[known]
        moments, quantities = moments[known], quantities[known]
    now_ms = np.fromiter((request.at_ms for request in requests), np.int64, len(requests))
    ages_ms = np.maximum(now_ms[owners] - moments, 0).astype(np.float64)
    strengths = weight_of_type[types] * quantities
    weights = np.empty((2, len(positions)), np.float32)
    for row, half_life_ms in enumerate((policy.short_half_life_ms, policy.long_half_life_ms)):
        weights[row] = strengths * np.exp2(ages_ms / -half_life_ms)
    return Rings(
        starts=np.searchsorted(owners, np.arange(len(rings) + 1)),
        owners=owners,
        positions=positions,
        types=types,
        ages_ms=ages_ms,
        quantities=quantities,
        weights=weights,
        vectors=snapshot.gather(positions),
        unknown=unknown,
    )


def _columns(
    interactions: list[Interaction],
) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Item ids, types, event times (ms) and quantities of n interactions."""
    # A pass for each attribute: a tuple for each interaction would take six times as long.
    item_ids = [interaction.item_id for interaction in interactions]
    places = [_PLACE_OF_CODE.get(interaction.type, _NO_TYPE) for interaction in interactions]
    moments = [interaction.at_ms for interaction in interactions]
    quantities = [interaction.weight for interaction in interactions]
    return (
        item_ids,
        np.array(places, np.int64),
        np.array(moments, np.int64),
        np.array(quantities, np.float32),
    )
