"""What looking ahead is worth at most: rankers that know the truth, with and without the long term.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_looking_ahead --visits 15 60

No learning, no noise in the columns: what is left between these rows is what the future alone asks
for, as far as one score of an item can give it. Shops and users are those of `bench_reinforcement`,
so that its table and this one can be read side by side. All of it is simulated.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoring.reinforcement.episodes import roll
from scoring.simulation import MODELS, Population
from tests.benchmarks.bench_reinforcement import MADE, MEASURED, shop
from tests.benchmarks.over_seeds import shown
from tests.benchmarks.told_shoppers import ToldShoppers, column

Floats = NDArray[np.float32]
Score = Callable[[Floats], Floats]
"""(b, C, F) with the truth -> (b, C)."""
_WEIGHTS: Final = (0.1, 0.3, 1.0, 3.0)
"""Of the joy of clicks beside the reward; the best is taken on the measured users themselves, for
each simulator by itself: nobody could choose better."""


def main() -> None:
    """A table for each number of visits."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2, 3, 4])
    asked.add_argument("--users", type=int, default=1_000)
    asked.add_argument("--visits", type=int, nargs="*", default=[MADE.visits])
    given = asked.parse_args()
    for visits in given.visits:
        of_seeds = [earned(seed, given.users, visits) for seed in given.seeds]
        print(
            f"\n| knows, at most {visits} visits | " + " | ".join(f"{n} | %" for n in MODELS) + " |"
        )
        print("|" + "---|" * (1 + 2 * len(MODELS)))
        for row in of_seeds[0]:
            cells = []
            for name in MODELS:
                values = [each[row][name] for each in of_seeds]
                base = [each["purchase"][name] for each in of_seeds]
                gains = [100 * (a / b - 1) for a, b in zip(values, base, strict=True)]
                cells += [f"{np.mean(values):.2f}", shown(gains, "+")]
            print(f"| {row} | " + " | ".join(cells) + " |", flush=True)


def earned(seed: int, n_users: int, n_visits: int) -> Mapping[str, Mapping[str, float]]:
    """Row -> simulator -> mean reward of a user over all visits."""
    scores: dict[str, Sequence[Score]] = {
        "purchase": [lambda told: column(told, "purchase")],
        "reward": [lambda told: column(told, "reward")],
        "reward and joy": [functools.partial(_with_joy, weight=weight) for weight in _WEIGHTS],
    }
    return {
        row: {
            name: max(_earned(each, score, n_users, n_visits, seed) for score in tried)
            for name, each in shop(seed).items()
        }
        for row, tried in scores.items()
    }


def _with_joy(told: Floats, weight: float) -> Floats:
    return column(told, "reward") + weight * column(told, "joy_of_click")


def _earned(population: Population, score: Score, n_users: int, n_visits: int, seed: int) -> float:
    def best(features: Floats) -> NDArray[np.int64]:
        return np.argsort(-score(features), axis=1, kind="stable")[:, : MADE.slate_size]

    told = ToldShoppers(population)
    return float(roll(told, best, n_users, n_visits, MEASURED + seed).earned().mean())


if __name__ == "__main__":
    main()
