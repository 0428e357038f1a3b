"""A slate policy learned from rewards, beside supervised rankers, in three simulators.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_reinforcement --results rows.jsonl

Trained on `examining` and `cascading`; `choosing` is met for the first time when it is measured.
Everything is simulated. A row that the results have is not made again, so a run may be stopped.
"""

from __future__ import annotations

import argparse
import copy
import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import torch

from scoring.ranker.network import HeadsNetwork
from scoring.reinforcement.episodes import Chooses, roll
from scoring.reinforcement.from_log import begun_on, learn_on
from scoring.reinforcement.from_simulators import (
    begun,
    first_logs,
    learn_from,
    records_of,
    uniform_logs,
)
from scoring.reinforcement.policy import new_network, worths
from scoring.reinforcement.settings import LearningSettings
from scoring.reinforcement.stretched import stretched
from scoring.reinforcement.supervised import ShownItems
from scoring.simulation import MODELS, Population, RecordedShoppers, Shoppers, Wares
from tests.benchmarks.slate_rows import add, read, show
from tests.benchmarks.slates_logged import logged_lists
from tests.benchmarks.supervised_slates import (
    TEMPERATURES,
    Tuned,
    drawn,
    from_own_lists,
    rankers,
    tuned,
    worth_of,
)

TRAINED = ("examining", "cascading")
MADE = LearningSettings(slate_size=5)
N_ITEMS, N_CANDIDATES = 120, 20
SUPERVISED, LEARNED, BEGINNING = "supervised", "learned policy", "what it began from"
SWITCHES: dict[str, Mapping[str, Any]] = {
    LEARNED: {},
    "as trained, not stretched": {"stretch": 1.0},
    BEGINNING: {},
    "myopic policy gradient": {"discount": 0.0},
    "leave-one-out": {"baseline": "leave-one-out"},
    "no baseline": {"baseline": "none"},
    "single draws, K-correction": {"credit": "top-k"},
    "single draws, no correction": {"credit": "single"},
    "entropy .01": {"entropy": 0.01},
    "KL .03": {"divergence": 0.03},
    "no clip": {"clip": 0.0},
    "no clip, KL bound .02": {"clip": 0.0, "bound": 0.02},
    "from a ranker of uniform lists": {"begin": "supervised"},
    "from uniform lists": {"begin": "uniform"},
    "rewards as seen": {"reward": "seen"},
    "few users, large steps": {
        "users": 120,
        "rounds": 40,
        "passes": 3,
        "batch": 1_024,
        "learning_rate": 0.006,
    },
}
DREW_LOG = "what drew the log"
FROM_LOG: dict[str, Mapping[str, Any]] = {
    DREW_LOG: {},
    "from its log": {"rounds": 40},
    "from its log, one safe step": {"begin": "logged", "least_effective": 0.7, "rounds": 40},
}
"""Trained by `from_log` on the lists of the best supervised ranker, drawn by its softmax."""

LOGGED_AT, LOGGED_USERS, LOGGED = 0.3, 5, 4_000_000
"""Temperature, users of each simulator in those of a round, first seed."""

SOFTER = (0.0, 1.0)
"""Of the policy's own softmax, chosen as the rankers' is: 1 as trained, 0 the best items."""

MEASURED = 3_000_000
"""Seeds from here on are of users that nothing is chosen by."""


def shop(seed: int) -> dict[str, Population]:
    """Its shoppers, by simulator."""
    wares = Wares.invented(N_ITEMS, seed)
    return {name: made(wares, n_candidates=N_CANDIDATES) for name, made in MODELS.items()}


class Seed:
    """All that one seed makes; each part once, when it is asked for.

    Attributes:
        n_lists: That what was made last has had.
        n_policy: That the learned policy has had: the supervised ranker gets as many, at least.
    """

    def __init__(self, seed: int, n_users: int) -> None:
        self.seed, self._n_users = seed, n_users
        people = shop(seed)
        records, self._n_recorded = records_of([people[name] for name in TRAINED], MADE, seed)
        self.simulators = {name: RecordedShoppers(each, records) for name, each in people.items()}
        self._trained = [self.simulators[name] for name in TRAINED]
        self.n_lists = self.n_policy = 0
        self._beginnings: dict[tuple[str, int], tuple[HeadsNetwork, float]] = {}
        self._trainings: dict[LearningSettings, tuple[HeadsNetwork, float]] = {}

    @functools.cached_property
    def _uniform(self) -> list[float]:
        nothing = self.uniform()
        return [self._roll(each, nothing, 2_000_000).mean() for each in self._trained]

    def uniform(self) -> Chooses:
        """Lists that prefer nothing."""
        network = new_network(len(self._trained[0].features), MADE)
        return drawn(lambda x: worths(network, x), 1.0, MADE.slate_size, self.seed)

    def worth(self, chooses: Chooses) -> float:
        """On validation users of the two training simulators."""
        return worth_of(
            chooses, self._trained, self._uniform, MADE, self._n_users // 2, 2_000_000 + self.seed
        )

    def best(self, name: str, scores: Callable[..., Any], temperatures: Any) -> Tuned:
        """With its best temperature."""
        return tuned(name, scores, temperatures, self.worth, MADE.slate_size, self.seed)

    @functools.cached_property
    def rankers(self) -> Sequence[Tuned]:
        """All that were tried, the one to beat first."""
        return sorted(self._supervised(), key=lambda each: -each.worth)

    def _supervised(self) -> Iterator[Tuned]:
        """From uniform lists; the best label again from its own, until it had `n_policy` lists."""
        logs = uniform_logs(self._trained, MADE, self.seed)
        known, n = ShownItems.of(logs), self._n_recorded + sum(len(each.visits) for each in logs)
        first = [
            self.best(name, scores, TEMPERATURES)
            for name, scores in rankers(known, MADE, self.seed).items()
        ]
        yield from first
        leader = max(first, key=lambda each: each.worth)
        counts = n, self.n_policy
        best = functools.partial(self.best, temperatures=TEMPERATURES)
        for again, n_lists in from_own_lists(
            leader, known, counts, self._trained, MADE, self.seed, best
        ):
            self.n_lists = n_lists
            yield again

    def learned(self, name: str, switches: Mapping[str, Any]) -> Tuned:
        """By reinforcement; `BEGINNING` is the ranker before its first round."""
        settings = msgspec.structs.replace(MADE, **switches)
        first, n_lists = self._begun(settings)
        last = first
        if name != BEGINNING:
            last, n_learned = self._gone_through(msgspec.structs.replace(settings, stretch=1.0))
            n_lists += n_learned
        self.n_lists = round(self._n_recorded + n_lists)
        network = stretched(first, last, settings.stretch)
        return self.best(name, lambda x: worths(network, x), SOFTER)

    def _gone_through(self, settings: LearningSettings) -> tuple[HeadsNetwork, float]:
        """What training ends with, made once, and from how many lists."""
        if settings not in self._trainings:
            network, n_lists = copy.deepcopy(self._begun(settings)[0]), 0.0
            for each in learn_from(self._trained, network, settings, self.seed):
                n_lists += sum(each.visits) * settings.users
            self._trainings[settings] = network, n_lists
        return self._trainings[settings]

    def _begun(self, settings: LearningSettings) -> tuple[HeadsNetwork, float]:
        """What training begins from, made once, and from how many lists."""
        made_by = settings.begin, settings.users
        if made_by not in self._beginnings:
            logs = first_logs(self._trained, settings, self.seed)
            network = begun(logs, settings, self.seed)
            self._beginnings[made_by] = network, sum(len(each.visits) for each in logs)
        return self._beginnings[made_by]

    def from_log(self, name: str, switches: Mapping[str, Any]) -> Tuned:
        """From the log of the best supervised ranker under a softmax, which is `DREW_LOG`."""
        settings = msgspec.structs.replace(MADE, **switches)
        ranker = self.rankers[0].scores
        if name == DREW_LOG:
            return Tuned(name, ranker, LOGGED_AT, 0.0)
        soft = drawn(ranker, LOGGED_AT, settings.slate_size, self.seed)
        n_users = LOGGED_USERS * settings.users
        seen = [
            roll(each, soft, n_users, settings.visits, LOGGED + self.seed) for each in self._trained
        ]
        log = logged_lists(seen, ranker, LOGGED_AT, settings.discount)
        self.n_lists = len(log)
        network = begun_on(log, settings, self.seed)
        for each in learn_on(log, network, settings, self.seed):
            effective = each.effective
        return self.best(f"{name}, effective {effective:.2f}", lambda x: worths(network, x), SOFTER)

    def measure(self, chooses: Chooses) -> dict[str, float]:
        """Reward of a user in each simulator, on users that nothing was chosen by."""
        return {
            name: float(self._roll(each, chooses, MEASURED).mean())
            for name, each in self.simulators.items()
        }

    def _roll(self, shoppers: Shoppers, chooses: Chooses, start: int) -> Any:
        seed = start + self.seed
        return roll(shoppers, chooses, self._n_users, MADE.visits, seed, expected=True).earned()


def main() -> None:
    """Fill the results, and print what they say."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--results", type=Path, required=True)
    asked.add_argument("--seeds", type=int, nargs="*", default=[10, 11, 12, 13, 14])
    asked.add_argument("--users", type=int, default=3_000, help="of each measurement")
    asked.add_argument("--rows", nargs="*", default=[*SWITCHES, *FROM_LOG])
    given = asked.parse_args()
    torch.set_num_threads(1)
    made = {seed: Seed(seed, given.users) for seed in given.seeds}
    for row in given.rows:
        for each in made.values():
            fill(given.results, each, row)
    show(read(given.results), SUPERVISED)


def fill(file: Path, made: Seed, wanted: str) -> None:
    """Add a row of a seed, and those that it is compared with, where they are missing."""
    for row in dict.fromkeys(("uniform", LEARNED, SUPERVISED, wanted)):
        known = {each["row"]: each for each in read(file) if each["seed"] == made.seed}
        if LEARNED in known:
            made.n_policy = known[LEARNED]["lists"]
        if row in known:
            continue
        if row == "uniform":
            add(file, row, made.seed, made.n_lists, "", made.measure(made.uniform()), 0.0)
        elif row == SUPERVISED:
            add_rankers(file, made)
        else:
            add_learned(file, made, row)


def add_rankers(file: Path, made: Seed) -> None:
    """The supervised ranker that earned most, and that of clicks."""
    best = made.rankers[0]
    for each in made.rankers:
        if each is best or each.name == "clicks":
            row = SUPERVISED if each is best else f"{SUPERVISED}: {each.name}"
            measured = made.measure(each.chooses(MADE.slate_size, made.seed))
            add(file, row, made.seed, made.n_lists, each.name, measured, each.temperature)


def add_learned(file: Path, made: Seed, row: str) -> None:
    """A policy, and the time that it took."""
    begun_s = time.process_time()
    learn = made.from_log if row in FROM_LOG else made.learned
    learned = learn(row, (FROM_LOG | SWITCHES)[row])
    measured = made.measure(learned.chooses(MADE.slate_size, made.seed))
    took = f"{learned.name.removeprefix(row)} {time.process_time() - begun_s:.0f} s"
    add(file, row, made.seed, made.n_lists, took.lstrip(", "), measured, learned.temperature)


if __name__ == "__main__":
    main()
