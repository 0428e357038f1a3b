"""What the sequence tower costs a worker: histories of 50 events -> interest vectors, on one core.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_sequence_serving

CPU time of the process, medians. The weights are random: time does not depend on them.
"""

from __future__ import annotations

import statistics
import time

import numpy as np
import torch

from scoring.history import History, Interaction
from scoring.sequence.item_vectors import ItemVectors
from scoring.sequence.saved import SavedTower
from scoring.sequence.serving import InterestTower
from scoring.sequence.tower import SequenceTower, TowerSettings

_N_ITEMS = 50_000


def main() -> None:
    """Print milliseconds by size of batch."""
    torch.set_num_threads(1)
    tower = SequenceTower(TowerSettings(), ItemVectors(_N_ITEMS, 64, None, None)).eval()
    ids = [f"item-{row}" for row in range(_N_ITEMS)]
    served = InterestTower(SavedTower(tower=tower, item_ids=ids))
    rng = np.random.default_rng(0)
    histories = [
        History([Interaction(n, ids[row], "c", 60_000 * (50 - n)) for n, row in enumerate(rows)])
        for rows in rng.integers(0, _N_ITEMS, (64, 50))
    ]
    print("| histories at once | ms | ms each |\n|---|---|---|")
    for size in (1, 8, 64):
        spent = []
        for _ in range(30):
            begun_ns = time.process_time_ns()
            served.interests(histories[:size])
            spent.append((time.process_time_ns() - begun_ns) / 1e6)
        middle = statistics.median(spent)
        print(f"| {size} | {middle:.2f} | {middle / size:.2f} |")


if __name__ == "__main__":
    main()
