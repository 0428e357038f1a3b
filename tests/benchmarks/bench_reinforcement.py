"""A slate policy learned from rewards, beside supervised rankers, in three simulators.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_reinforcement --results rows.jsonl

Trained on `examining` and `cascading`; `choosing` is met for the first time when it is measured.
Everything is simulated. A row that the results have is not made again, so a run may be stopped.
"""

from __future__ import annotations

import argparse
import copy
import functools
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
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
from scoring.simulation import MODELS, Population, RecordedShoppers, Shoppers, Wares
from tests.benchmarks.over_seeds import shown
from tests.benchmarks.slates_logged import logged_lists
from tests.benchmarks.supervised_slates import TEMPERATURES, Tuned, drawn, rankers, tuned, worth_of

TRAINED = ("examining", "cascading")
MADE = LearningSettings(slate_size=5, rounds=30, width=64, learning_rate=0.004)
N_ITEMS, N_CANDIDATES = 120, 20
BEGINNING = "what it began from"
SWITCHES: dict[str, Mapping[str, Any]] = {
    "learned policy": {},
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


OWN = 16
"""Times the users of a round whose lists the best supervised ranker learns from once more: it shall
have about as many as the policy."""

MEASURED = 3_000_000
"""Seeds from here on are of users that nothing is chosen by."""


def shop(seed: int) -> dict[str, Population]:
    """Its shoppers, by simulator."""
    wares = Wares.invented(N_ITEMS, seed)
    return {name: made(wares, n_candidates=N_CANDIDATES) for name, made in MODELS.items()}


class Seed:
    """All that one seed makes; each part once, when it is asked for."""

    def __init__(self, seed: int, n_users: int) -> None:
        self.seed, self._n_users = seed, n_users
        people = shop(seed)
        records, self._n_recorded = records_of([people[name] for name in TRAINED], MADE, seed)
        self.simulators = {name: RecordedShoppers(each, records) for name, each in people.items()}
        self._trained = [self.simulators[name] for name in TRAINED]
        self.n_lists = 0
        self._beginnings: dict[tuple[str, int], tuple[HeadsNetwork, float]] = {}

    @functools.cached_property
    def _logs(self) -> list[Any]:
        return uniform_logs(self._trained, MADE, self.seed)

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
        """From uniform lists; the best label once more, with as many of its own lists."""
        first = [
            self.best(name, scores, TEMPERATURES)
            for name, scores in rankers(self._logs, MADE, self.seed).items()
        ]
        yield from first
        leader = max(first, key=lambda each: each.worth)
        soft = drawn(leader.scores, 0.3, MADE.slate_size, self.seed)
        own = [roll(each, soft, OWN * MADE.users, MADE.visits, self.seed) for each in self._trained]
        self.n_lists = self._n_recorded + sum(len(each.visits) for each in [*self._logs, *own])
        again = rankers([*self._logs, *own], MADE, self.seed, [leader.name])[leader.name]
        yield self.best(f"{leader.name}, also from own lists", again, TEMPERATURES)

    def learned(self, name: str, switches: Mapping[str, Any]) -> Tuned:
        """By reinforcement; `BEGINNING` is the ranker before its first round."""
        settings = msgspec.structs.replace(MADE, **switches)
        first, n_lists = self._begun(settings)
        n_lists += self._n_recorded
        network = copy.deepcopy(first)
        if name != BEGINNING:
            for each in learn_from(self._trained, network, settings, self.seed):
                n_lists += sum(each.visits) * settings.users
        self.n_lists = round(n_lists)
        return self.best(name, lambda x: worths(network, x), SOFTER)

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
    show(read(given.results))


def fill(file: Path, made: Seed, wanted: str) -> None:
    """Add a row of a seed, and those that it is compared with, where they are missing."""
    known = {(each["row"], each["seed"]) for each in read(file)}
    seed = made.seed
    if ("uniform", seed) not in known:
        add(file, made, "uniform", "", made.measure(made.uniform()), 0.0)
    if ("supervised", seed) not in known:
        best = made.rankers[0]
        for each in made.rankers:
            if each is best or each.name == "clicks":
                name = "supervised" if each is best else f"supervised: {each.name}"
                measured = made.measure(each.chooses(MADE.slate_size, seed))
                add(file, made, name, each.name, measured, each.temperature)
    if (wanted, seed) not in known:
        begun_s = time.process_time()
        learn = made.from_log if wanted in FROM_LOG else made.learned
        learned = learn(wanted, (FROM_LOG | SWITCHES)[wanted])
        measured = made.measure(learned.chooses(MADE.slate_size, seed))
        took = f"{learned.name.removeprefix(wanted)} {time.process_time() - begun_s:.0f} s".lstrip(
            ", "
        )
        add(file, made, wanted, took, measured, learned.temperature)


def add(
    file: Path, made: Seed, row: str, what: str, measured: Mapping[str, float], temperature: float
) -> None:
    """One line more."""
    said = {"row": row, "seed": made.seed, "what": what, "temperature": temperature}
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps({**said, "lists": made.n_lists, "earned": measured}) + "\n")
    print(row, made.seed, what, temperature, made.n_lists, measured, flush=True)


def read(file: Path) -> list[dict[str, Any]]:
    """All lines."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def show(rows: list[dict[str, Any]]) -> None:
    """Reward of a user, and the gain over the supervised ranker of the same seed, in %."""
    base = {each["seed"]: each["earned"] for each in rows if each["row"] == "supervised"}
    names = list(dict.fromkeys(each["row"] for each in rows))
    print("\n| row | seeds | " + " | ".join(f"{name} | gain, %" for name in MODELS) + " |")
    print("|" + "---|" * (2 + 2 * len(MODELS)))
    for name in names:
        of = [each for each in rows if each["row"] == name and each["seed"] in base]
        if len(of) < 2:
            continue
        cells = []
        for simulator in MODELS:
            earned = [each["earned"][simulator] for each in of]
            gains = [
                100 * (each["earned"][simulator] / base[each["seed"]][simulator] - 1) for each in of
            ]
            cells += [f"{np.mean(earned):.2f}", shown(gains, "+")]
        print(f"| {name} | {len(of)} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
