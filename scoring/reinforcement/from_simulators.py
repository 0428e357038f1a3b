"""Training on simulated shoppers: a ranker to begin from, then round after round of visits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from torch import nn

from scoring.ranker.network import HeadsNetwork
from scoring.reinforcement.episodes import Episodes, roll
from scoring.reinforcement.learner import Learner
from scoring.reinforcement.policy import NetworkPolicy, new_network, scale_to
from scoring.reinforcement.settings import TRIES, LearningSettings
from scoring.reinforcement.supervised import ShownItems, fit
from scoring.simulation.contract import Shoppers
from scoring.simulation.records import RecordedShoppers, Records

_BEGIN_USERS: Final = 5
"""So many times the users of a round visit uniform lists before anything is learned."""

_BEGIN_EPOCHS: Final = 6

_JUDGES: Final = 500
_FIRST_JUDGE: Final = 2**40
"""Seeds from here on are of users that judge; no round of a training comes so far."""


@dataclass(frozen=True, slots=True)
class Round:
    """How far a training is.

    Attributes:
        number: From 1.
        earned: Of each simulator, mean reward of a user over all visits.
        visits: The same of visits.
        entropy: Mean of a rank, nats.
        moved: Mean KL of a list that this round brought, nats.
    """

    number: int
    earned: tuple[float, ...]
    visits: tuple[float, ...]
    entropy: float
    moved: float


def uniform_logs(
    simulators: Sequence[Shoppers], settings: LearningSettings, seed: int
) -> list[Episodes]:
    """Visits under lists that prefer nothing: what is known before anything was learned."""
    nothing = NetworkPolicy(
        new_network(len(simulators[0].features), settings), settings.slate_size, seed=seed
    )
    n_users = _BEGIN_USERS * settings.users
    return [roll(each, nothing, n_users, settings.visits, seed) for each in simulators]


def records_of(
    simulators: Sequence[Shoppers], settings: LearningSettings, seed: int
) -> tuple[Records, int]:
    """What uniform lists of other users than those of any round say of items; and how many lists.

    All simulators are one shop's: their logs are counted together.
    """
    logs = uniform_logs(simulators, settings, _seed(seed, -1))
    columns = [
        np.concatenate([column[each.examined] for each, column in pairs])
        for pairs in (
            [(each, each.items) for each in logs],
            [(each, each.clicks) for each in logs],
            [(each, each.purchases) for each in logs],
            [(each, each.dwell_s) for each in logs],
        )
    ]
    records = Records.of(simulators[0].n_items, *columns)
    return records, sum(len(each.visits) for each in logs)


def recorded(
    simulators: Sequence[Shoppers], settings: LearningSettings, seed: int
) -> list[RecordedShoppers]:
    """The same people, with what their shop's log says of its items beside each candidate."""
    records, _ = records_of(simulators, settings, seed)
    return [RecordedShoppers(each, records) for each in simulators]


def first_logs(
    simulators: Sequence[Shoppers], settings: LearningSettings, seed: int
) -> list[Episodes]:
    """What is learned from before the first round, see `LearningSettings.begin`."""
    logs = uniform_logs(simulators, settings, seed)
    if settings.begin != "own-lists":
        return logs
    policy = NetworkPolicy(begun(logs, settings, seed), settings.slate_size, seed=seed)
    n_users = _BEGIN_USERS * settings.users
    own = [roll(each, policy, n_users, settings.visits, _seed(seed, 0)) for each in simulators]
    return [*logs, *own]


def begun(logs: Sequence[Episodes], settings: LearningSettings, seed: int) -> HeadsNetwork:
    """The network that training begins from, learned from `first_logs`."""
    network = new_network(logs[0].features.shape[-1], settings, seed)
    scale_to(network, np.concatenate([each.features for each in logs]))
    if settings.begin != "uniform":
        shown = ShownItems.of(logs)
        chance = nn.BCEWithLogitsLoss()
        fit(network, shown.features, shown.purchases, loss=chance, epochs=_BEGIN_EPOCHS, seed=seed)
        network.slopes.fill_(1 / settings.temperature)
    return network


def learn_from(
    simulators: Sequence[Shoppers],
    network: HeadsNetwork,
    settings: LearningSettings,
    seed: int,
) -> Iterator[Round]:
    """Train a network in place; yields after each round, so that a caller may stop.

    Users of a round are strangers that no other round has met.
    """
    learner = Learner(network, settings, seed)
    n_tries = TRIES if settings.baseline == "leave-one-out" else 1
    for number in range(1, settings.rounds + 1):
        groups = [
            [_try(each, network, settings, _seed(seed, number), place) for place in range(n_tries)]
            for each in simulators
        ]
        said = learner.learn(groups)
        yield Round(
            number,
            tuple(_mean(tries, lambda e: float(e.earned().mean())) for tries in groups),
            tuple(_mean(tries, lambda e: len(e.visits) / e.shape[1]) for tries in groups),
            said.entropy,
            said.moved,
        )


@dataclass(frozen=True, slots=True)
class Compared:
    """Reward of a user of one simulator over all visits, by two policies on the same luck.

    Attributes:
        simulator: Its name.
        before: Mean under the policy that training began from.
        after: Mean under what was learned.
        low: Of the difference, lower bound of its 95 % interval over users.
        high: Upper bound.
    """

    simulator: str
    before: float
    after: float
    low: float
    high: float

    def row(self) -> dict[str, str | float]:
        """For a table."""
        return {
            "simulator": self.simulator,
            "simulated": "yes",
            "before": self.before,
            "after": self.after,
            "gain_low": self.low,
            "gain_high": self.high,
        }


def compared(
    shoppers: Shoppers,
    before: HeadsNetwork,
    after: HeadsNetwork,
    settings: LearningSettings,
    seed: int,
) -> Compared:
    """Both policies, drawing as they are served, on `_JUDGES` users that no training has met."""
    earned = [
        roll(
            shoppers,
            NetworkPolicy(each, settings.slate_size, seed=seed),
            _JUDGES,
            settings.visits,
            _FIRST_JUDGE + seed,
        ).earned()
        for each in (before, after)
    ]
    gains = earned[1] - earned[0]
    half = 1.96 * float(gains.std(ddof=1)) / len(gains) ** 0.5
    gain = float(gains.mean())
    return Compared(
        shoppers.name, float(earned[0].mean()), float(earned[1].mean()), gain - half, gain + half
    )


def _try(
    shoppers: Shoppers, network: HeadsNetwork, settings: LearningSettings, seed: int, place: int
) -> Episodes:
    n_tries = TRIES if settings.baseline == "leave-one-out" else 1
    policy = NetworkPolicy(network, settings.slate_size, seed=n_tries * seed + place)
    n_users = max(settings.users // n_tries, 1)
    expected = settings.reward == "expected"
    return roll(shoppers, policy, n_users, settings.visits, seed, expected=expected)


def _mean(tries: Sequence[Episodes], number: Callable[[Episodes], float]) -> float:
    return sum(map(number, tries)) / len(tries)


def _seed(training: int, number: int) -> int:
    """Of the users of a round."""
    return 1_000_003 * (training + 1) + number
