"""What a learned ranker costs in a decision: 64 users × some 200 candidates, one core.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_ranker --shop DIR --ranker DIR/ranker

`--shop` is a folder of `bench_baskets_stream --write-shop`: real customers as they were on 10
November 2011. Milliseconds of processor time, the median of 40 batches. The last row is a plain
network of 1,152 inputs, 128 neurons and four outputs on all pairs: what this machine is worth.
With `--device cuda` the network computes on a GPU, and all rows are wall-clock time: its own has
the way of the columns to the GPU and of the chances back.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from index import IndexStore, set_threads
from scoring import Policy, Recommender, load_ranker
from scoring.purchases import read_purchases
from scoring.ranker.features import IN_PIECES
from scoring.ranker.heads import Heads
from scoring.ranker.learned import LearnedRanking
from scoring.ranker.lists import Question
from scoring.ranker.network import HeadsNetwork
from scoring.ranker.pieces import Pieces
from scoring.ranker.ranker import Ranker
from scoring.rings import read_rings, type_weights
from scoring.training.rows import Reading
from streams.baskets.baskets import baskets_of
from streams.baskets.learning import read_events
from streams.baskets.replay import Replay

_N_USERS: Final = 64
_REPEATS: Final = 40
_QUOTAS: Final = {
    "short_term": 0,
    "long_term": 60,
    "tables": 25,
    "alike": 40,
    "trending": 60,
    "new_items": 5,
}


def median_ms(work: Callable[[], object], clock: Callable[[], float]) -> float:
    """Time of one call."""
    found = []
    for _ in range(_REPEATS):
        begun = clock()
        work()
        found.append((clock() - begun) * 1000)
    return float(np.median(found))


def with_clicks(heads: Heads, features: NDArray[np.float32]) -> Heads:
    """Heads as shown rows make them: three tasks, columns in pieces, vectors of 4,096 item codes.

    Their weights are random: the time is the same.
    """
    network = HeadsNetwork(
        len(heads.features),
        3,
        n_codes=4_096,
        pieces=Pieces.of(features.T, IN_PIECES),
    )
    torch.manual_seed(0)
    network.items.data.normal_(0, 0.1)
    return Heads.of(heads.features, ("ctr", "engagement", "cvr"), network).on(heads.served.device)


def plain_network(n_pairs: int) -> Callable[[], object]:
    """Three text vectors of 384 side by side, a layer, four tasks: nothing but its two products."""
    network = nn.Sequential(nn.Linear(1_152, 128), nn.ReLU(), nn.Linear(128, 4)).eval()
    inputs = torch.randn(n_pairs, 1_152)

    def work() -> object:
        with torch.inference_mode():
            return network(inputs)

    return work


def main() -> None:
    """Replay, gather, measure the parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shop", type=Path, required=True)
    parser.add_argument("--ranker", type=Path, required=True)
    parser.add_argument("--device", default="cpu", help="of the network: cpu or cuda")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    set_threads(1)
    ranker = load_ranker(arguments.ranker, arguments.device)
    clock = time.process_time if arguments.device == "cpu" else time.perf_counter
    snapshot = IndexStore(arguments.shop / "index").open()
    events = read_events([arguments.shop / "before.jsonl"], Reading())
    replay = Replay(events, baskets_of(events), snapshot.catalogue)
    asked: list[Question] = []
    last_ms = events[-1].at_ms
    replay.run(last_ms - 2 * 86_400_000, None)
    replay.run(last_ms, asked.extend)
    requests = [question.request for question in asked[-_N_USERS:]]
    policy = Policy(slate_size=20, candidates=60, quotas=_QUOTAS, just_seen_window_ms=0)
    plain = Recommender(snapshot, None, policy=policy, shop=replay.shop)
    learned = Recommender(snapshot, None, policy=policy, shop=replay.shop, ranker=ranker)
    pool = learned.gather(requests).pool
    ranking = LearnedRanking(ranker, snapshot.catalogue)
    rings = read_rings(requests, snapshot, policy, type_weights(policy))
    purchases = read_purchases(requests, rings, snapshot.catalogue)
    gathered = learned.gather(requests)
    known = ranking.source.ask(requests, rings, purchases, policy)
    columns = replay.shop.columns(snapshot.catalogue, last_ms)
    cosines, interests = gathered.told.cosines, gathered.interests
    features = ranking.source.features(known, pool, cosines, interests, columns)
    codes = np.zeros(len(pool.pairs), np.int64)
    clicks = with_clicks(ranker.heads, features)
    codes_of_clicks = np.arange(len(pool.pairs)) % clicks.network.n_codes
    both = Recommender(
        snapshot,
        None,
        policy=policy,
        shop=replay.shop,
        ranker=Ranker(clicks, ranker.knowledge),
    )

    def laid_out() -> NDArray[np.float32]:
        return ranking.source.features(known, pool, cosines, interests, columns)

    n_own = float(np.mean(np.diff(purchases.starts)))
    print(
        f"{len(requests)} users, {len(pool.pairs) / len(requests):.0f} candidates each, "
        f"{n_own:.0f} purchases each, {len(features)} columns"
    )
    rows = {
        "what the pasts speak for, candidates": lambda: ranking.source.ask(
            requests, rings, purchases, policy
        ),
        "columns": laid_out,
        "network": lambda: ranking.heads.score(features.T, codes),
        "columns and network": lambda: ranking.heads.score(laid_out().T, codes),
        "network, with chances of clicks": lambda: clicks.score(features.T, codes_of_clicks),
        "columns and this network": lambda: clicks.score(laid_out().T, codes_of_clicks),
        "a whole decision, documented sum": lambda: plain.recommend(requests),
        "a whole decision, learned": lambda: learned.recommend(requests),
        "a whole decision, with chances of clicks": lambda: both.recommend(requests),
        "a plain network of 1152-128-4": plain_network(len(pool.pairs)),
    }
    print("| | ms |\n|---|---|")
    for name, work in rows.items():
        print(f"| {name} | {median_ms(work, clock):.1f} |")


if __name__ == "__main__":
    main()
