"""Microseconds a request of drawing a list, from scored candidates to items with propensities.

    OMP_NUM_THREADS=1 taskset -c 1 python -m tests.benchmarks.bench_slates

200 candidates of 384 dimensions a user, lists of 10, made-up scores and vectors. CPU time of the
process, the best of seven rounds, so that neighbours on the machine count little.
"""

from __future__ import annotations

import argparse
import time
from types import SimpleNamespace
from typing import Any, Final

import numpy as np

from scoring import Policy, Request
from scoring.candidates import Pool
from scoring.history import History
from scoring.ranking import Scored
from scoring.rules.floors import FloorBook
from scoring.rules.limits import Caps, Pinned, pins_of
from scoring.rules.rule_file import Pin, Rules
from scoring.slates.making import ListMaker

_DIM: Final = 384
_ROUNDS: Final = 7
_RULES: Final = Rules(pins=[Pin(item="item-7", position=3)])
_FORMS: Final[dict[str, tuple[dict[str, Any], Rules]]] = {
    "best, nothing acts (one partition)": ({}, Rules()),
    "best, caps and a pin": ({"category_cap": 2, "brand_cap": 2}, _RULES),
    "softmax": ({"draw": "softmax"}, Rules()),
    "softmax, epsilon, caps and a pin": (
        {"draw": "softmax", "epsilon": 0.1, "category_cap": 2, "brand_cap": 2},
        _RULES,
    ),
    "best, MMR": ({"diversity": "mmr"}, Rules()),
    "best, DPP": ({"diversity": "dpp"}, Rules()),
    "softmax, DPP, caps and a pin": (
        {"draw": "softmax", "diversity": "dpp", "category_cap": 2, "brand_cap": 2},
        _RULES,
    ),
    "thompson": ({"draw": "thompson"}, Rules()),
}


def main() -> None:
    """Print a table: ways of drawing against batch sizes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", type=int, default=200)
    parser.add_argument("--size", type=int, default=10)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 64])
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    n_items, width = 20_000, given.candidates
    vectors = rng.standard_normal((n_items, _DIM), dtype=np.float32) + 0.5
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    catalogue = SimpleNamespace(
        ids=[f"item-{n}" for n in range(n_items)],
        category_codes=rng.integers(0, 40, n_items),
        brand_codes=rng.integers(0, 200, n_items),
        category_names=[f"c{n}" for n in range(40)],
        brand_names=[f"b{n}" for n in range(200)],
        position=lambda item_id: int(item_id.removeprefix("item-")),
    )
    snapshot: Any = SimpleNamespace(catalogue=catalogue, gather=lambda rows: vectors[rows])
    print("| draw | " + " | ".join(f"batch {n}" for n in given.batches) + " |")
    print("|---" * (len(given.batches) + 1) + "|")
    for name, (numbers, rules) in _FORMS.items():
        policy = Policy(slate_size=given.size, candidates=width, **numbers)
        book: Any = SimpleNamespace(rules=rules)  # without floors it is asked for nothing else
        maker = ListMaker(
            policy,
            Caps(rules, policy, snapshot.catalogue),
            FloorBook(book, snapshot.catalogue, policy.slate_size),
            snapshot,
        )
        cells = [measure(maker, rules, n_users, width, n_items, rng) for n_users in given.batches]
        print(f"| {name} | " + " | ".join(f"{us:.0f}" for us in cells) + " |", flush=True)


def measure(
    maker: ListMaker,
    rules: Rules,
    n_users: int,
    width: int,
    n_items: int,
    rng: np.random.Generator,
) -> float:
    """Microseconds a request."""
    n_batches = max(1, 128 // n_users)
    batches = [_batch(maker, rules, n_users, width, n_items, rng) for _ in range(n_batches)]
    rounds = []
    for _ in range(_ROUNDS):
        begun_ns = time.process_time_ns()
        for batch in batches:
            maker.make(*batch)
        rounds.append((time.process_time_ns() - begun_ns) / 1e3 / n_batches / n_users)
    return min(rounds)


def _batch(
    maker: ListMaker,
    rules: Rules,
    n_users: int,
    width: int,
    n_items: int,
    rng: np.random.Generator,
) -> tuple[list[Request], Pool, Scored, Pinned]:
    requests = [Request(f"user-{rng.integers(10**9)}", user, History()) for user in range(n_users)]
    chosen = [rng.choice(n_items - 8, width - 1, replace=False) + 8 for _ in range(n_users)]
    positions = np.sort([np.append(row, 7) for row in chosen], axis=1).ravel()
    users = np.repeat(np.arange(n_users), width)
    pool = Pool(
        pairs=(users << 40) | positions,
        users=users,
        positions=positions,
        starts=np.arange(n_users + 1) * width,
        struck=np.zeros((n_users, 1), np.int64),
    )
    terms = rng.normal(size=(5, len(users))).astype(np.float32)
    scored = Scored(terms, terms[:3], terms.sum(axis=0))
    size = maker.policy.slate_size
    pins = pins_of(requests, rules, maker.snapshot.catalogue, size)
    return requests, pool, scored, pins.among(pool.pairs)


if __name__ == "__main__":
    main()
