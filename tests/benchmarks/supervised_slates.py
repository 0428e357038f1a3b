"""Supervised rankers of simulated lists, tuned as hard as the policy that is to beat them."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from scoring.ranker.network import HeadsNetwork
from scoring.reinforcement.episodes import Chooses, roll
from scoring.reinforcement.plackett_luce import gumbel_top
from scoring.reinforcement.policy import new_network, scale_to, worths
from scoring.reinforcement.settings import LearningSettings
from scoring.reinforcement.supervised import ShownItems, fit
from scoring.simulation import Shoppers

TEMPERATURES = (0.0, 0.2)
"""Of a softmax over scores in units of their deviation; 0 = the best items."""

BOTH = "clicks and purchases"
RANKERS = ("clicks", "purchases", "reward", BOTH)

GENERATIONS = 3
"""Times that a ranker learns once more, from its own lists and all before them."""

OWN_AT, OWN_USERS, FIRST_OWN = 0.3, 5, 5_000_000
"""Temperature of its own lists, users of each simulator in those of a round, first seed."""

Scores = Callable[[torch.Tensor], torch.Tensor]
"""(b, C, F) -> (b, C)."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """A ranker with the temperature under which people stay and buy most.

    Attributes:
        name: Of the labels.
        scores: What orders items.
        temperature: Chosen on validation users.
        worth: There, mean over the training simulators of reward / reward of uniform lists.
    """

    name: str
    scores: Scores
    temperature: float
    worth: float

    def chooses(self, n_ranks: int, seed: int) -> Chooses:
        """As a policy."""
        return drawn(self.scores, self.temperature, n_ranks, seed)


def drawn(scores: Scores, temperature: float, n_ranks: int, seed: int) -> Chooses:
    """Lists by the softmax of scores, or the best."""
    generator = torch.Generator().manual_seed(seed)

    def chooses(features: NDArray[np.float32]) -> NDArray[np.int64]:
        with torch.inference_mode():
            found = scores(torch.from_numpy(features))
            if temperature == 0:
                return np.asarray(found.topk(n_ranks, dim=1).indices.numpy())
            return np.asarray(gumbel_top(softened(found, temperature), n_ranks, generator).numpy())

    return chooses


def softened(scores: torch.Tensor, temperature: float) -> torch.Tensor:
    """(b, C) in units of each row's deviation, over a temperature above 0."""
    return scores / (scores.std(dim=1, keepdim=True).clamp(min=1e-6) * temperature)


def rankers(
    shown: ShownItems,
    settings: LearningSettings,
    seed: int,
    names: Sequence[str] = RANKERS,
) -> Mapping[str, Scores]:
    """One network for each label, all with the width of the policy's; and the tuned sum."""
    empty = new_network(shown.features.shape[1], settings, seed)
    scale_to(empty, shown.features)
    chance, error = nn.BCEWithLogitsLoss(), nn.MSELoss()
    made: dict[str, HeadsNetwork] = {}
    for name, labels, loss in (
        ("clicks", shown.clicks, chance),
        ("purchases", shown.purchases, chance),
        ("reward", shown.rewards, error),
    ):
        if name not in names and BOTH not in names:
            continue
        made[name] = copy.deepcopy(empty)
        fit(made[name], shown.features, labels, loss=loss, epochs=6, seed=seed)

    def both(features: torch.Tensor) -> torch.Tensor:
        clicks, buys = (worths(made[each], features).sigmoid() for each in ("clicks", "purchases"))
        return 0.1 * clicks + 1.2 * buys  # what each is worth in the reward

    found = {name: (lambda x, n=net: worths(n, x)) for name, net in made.items()} | {BOTH: both}
    return {name: found[name] for name in names}


def worth_of(
    chooses: Chooses,
    simulators: Iterable[Shoppers],
    uniform: Sequence[float],
    settings: LearningSettings,
    n_users: int,
    seed: int,
) -> float:
    """Mean of long-term reward over that of uniform lists."""
    found = [
        roll(each, chooses, n_users, settings.visits, seed, expected=True).earned().mean() / least
        for each, least in zip(simulators, uniform, strict=True)
    ]
    return float(np.mean(found))


def tuned(
    name: str,
    scores: Scores,
    temperatures: Sequence[float],
    worth: Callable[[Chooses], float],
    n_ranks: int,
    seed: int,
) -> Tuned:
    """The best temperature of a ranker, on validation users."""
    tried = [Tuned(name, scores, t, worth(drawn(scores, t, n_ranks, seed))) for t in temperatures]
    return max(tried, key=lambda each: each.worth)


def from_own_lists(
    leader: Tuned,
    known: ShownItems,
    n_lists: tuple[int, int],
    simulators: Sequence[Shoppers],
    settings: LearningSettings,
    seed: int,
    best: Callable[[str, Scores], Tuned],
) -> Iterator[tuple[Tuned, int]]:
    """The leader's label again and again, from lists that the best ranker so far has drawn.

    Args:
        leader: The best of those that learned from uniform lists.
        known: What they learned from.
        n_lists: How many those were, and how many it shall have had in the end, at least.
        simulators: That it may learn from.
        settings: Of the policy that is to beat it.
        seed: Of users and networks.
        best: Chooses the temperature of a ranker.

    Yields:
        Each generation's rankers, and the lists that they had.
    """
    n, last = n_lists
    label, uniform, parts, turn = leader.name, leader.scores, [known], 0
    for number, end in enumerate(np.linspace(n, last, GENERATIONS + 1)[1:], 1):
        soft = drawn(leader.scores, OWN_AT, settings.slate_size, seed)
        while n < end:
            first = FIRST_OWN + 1_000 * seed + turn
            for each in simulators:
                own = roll(each, soft, OWN_USERS * settings.users, settings.visits, first)
                parts.append(ShownItems.of([own]))
                n += len(own.visits)
            turn += 1
        parts = [_together(parts)]
        scores = rankers(parts[0], settings, seed, [label])[label]
        name = f"{label}, also from own lists, {number}"
        again = best(name, scores), best(f"{name}, stretched", stretched(uniform, scores))
        leader = max(leader, *again, key=lambda each: each.worth)
        yield from ((each, n) for each in again)


def stretched(first: Scores, last: Scores) -> Scores:
    """As far again as from one ranker to the next: what a policy may do, a ranker may."""
    return lambda features: 2 * last(features) - first(features)


def _together(parts: Sequence[ShownItems]) -> ShownItems:
    return ShownItems(
        *(
            np.concatenate([getattr(each, column.name) for each in parts])
            for column in dataclasses.fields(ShownItems)
        )
    )
