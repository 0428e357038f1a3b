"""What an experiment costs a worker: microseconds a request, and time and memory to open.

    OMP_NUM_THREADS=1 taskset -c 1 python -m tests.benchmarks.bench_experiment

Same shop and requests as `bench_recommend`. CPU time of the process; the forms take turns.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import psutil  # type: ignore[import-untyped]

from index import Snapshot, set_threads
from scoring import Policy, Ranker, Recommender
from scoring.experiments.experiment import Arm, Experiment
from streams.live.armed_ranking import ArmedRanking
from streams.live.policies import Policies
from tests.benchmarks.bench_recommend import KnownQueries, make_requests, open_shop

_HALF = Arm("as-is", 0.5, {}, "")
_OTHER = Arm("other", 0.5, {"weight_repeat": 2.0}, "")
_THIRDS = tuple(Arm(f"v{n}", 0.25, {"weight_repeat": 1.0 + n}, "") for n in range(4))
_FORMS: Mapping[str, Experiment | None] = {
    "no experiment": None,
    "two variants": Experiment("x", "x", (_HALF, _OTHER), ()),
    "four variants": Experiment("x", "x", _THIRDS, ()),
    "a shadow for a tenth": Experiment("x", "x", (), (Arm("s", 0.1, {"weight_repeat": 2.0}, ""),)),
    "a shadow for all": Experiment("x", "x", (), (Arm("s", 1.0, {"weight_repeat": 2.0}, ""),)),
}


def opened(
    experiment: Experiment | None, shop: Snapshot, queries: KnownQueries
) -> tuple[ArmedRanking, float, float]:
    """What ranks, the seconds of CPU time that it took to make, and its megabytes."""
    gc.collect()
    before, begun_s = psutil.Process().memory_info().rss, time.process_time()

    def made(policy: Policy, ranker: Ranker | None) -> Recommender:
        return Recommender(shop, queries, policy=policy, ranker=ranker)

    ranking = ArmedRanking(Policies(Policy(), experiment), made)
    spent_s = time.process_time() - begun_s
    gc.collect()
    return ranking, spent_s, (psutil.Process().memory_info().rss - before) / 1e6


def main() -> None:
    """Print a row for each form."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, default=Path("/tmp/rillstream-bench-recommend"))
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    set_threads(1)
    rng = np.random.default_rng(7)
    shop = open_shop(given.store, given.items, rng)
    queries = KnownQueries(shop.vectors[rng.integers(0, len(shop), 50)])
    requests = make_requests(512, 64, shop, rng)
    forms = {name: opened(each, shop, queries) for name, each in _FORMS.items()}
    print("| | open, s | MB | batch 1, µs | batch 8 | batch 64 | batch 512 |")
    print("|---|---|---|---|---|---|---|")
    best: dict[tuple[str, int], float] = {}
    for _ in range(given.rounds):
        for name, (ranking, _, _) in forms.items():
            for batch in (1, 8, 64, 512):
                some = requests[:128] if batch == 1 else requests
                begun_ns = time.process_time_ns()
                for start in range(0, len(some), batch):
                    ranking.recommend(some[start : start + batch])
                spent_us = (time.process_time_ns() - begun_ns) / 1e3 / len(some)
                best[name, batch] = min(best.get((name, batch), spent_us), spent_us)
    for name, (_, spent_s, megabytes) in forms.items():
        cells = [f"{best[name, batch]:.0f}" for batch in (1, 8, 64, 512)]
        print(f"| {name} | {spent_s:.2f} | {megabytes:.0f} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
