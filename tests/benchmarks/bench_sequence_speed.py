"""What the sequence tower costs: a worker's histories of 50 events, and a step of each loss.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_sequence_speed

CPU time of the process on one core, medians. Weights are random: time does not depend on them.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from scoring.history import History, Interaction
from scoring.sequence.full_softmax import full_softmax
from scoring.sequence.item_vectors import ItemVectors
from scoring.sequence.sampled_softmax import sampled_softmax
from scoring.sequence.saved import SavedTower
from scoring.sequence.serving import InterestTower
from scoring.sequence.tower import SequenceTower, TowerSettings

_N_ITEMS: Final = 54_542
_N_EVENTS: Final = 1_024


def middle_ms(call: Callable[[], object], calls: int) -> float:
    """Median CPU milliseconds of a call."""
    call()
    spent = []
    for _ in range(calls):
        begun_ns = time.process_time_ns()
        call()
        spent.append((time.process_time_ns() - begun_ns) / 1e6)
    return statistics.median(spent)


def serving(n_interests: int) -> None:
    """Print milliseconds by size of batch."""
    settings = TowerSettings(n_interests=n_interests)
    tower = SequenceTower(settings, ItemVectors(_N_ITEMS, 64, None, None)).eval()
    ids = [f"item-{row}" for row in range(_N_ITEMS)]
    served = InterestTower(SavedTower(tower=tower, item_ids=ids))
    rng = np.random.default_rng(0)
    histories = [
        History([Interaction(n, ids[row], "c", 60_000 * (50 - n)) for n, row in enumerate(rows)])
        for rows in rng.integers(0, _N_ITEMS, (64, 50))
    ]
    print(f"interests: {n_interests}\n\n| histories at once | ms | ms each |\n|---|---|---|")
    for size in (1, 8, 64):
        spent = middle_ms(partial(served.interests, histories[:size]), 30)
        print(f"| {size} | {spent:.2f} | {spent / size:.2f} |")


def losses(n_interests: int) -> None:
    """Print milliseconds of loss and gradients for 1,024 events and all items."""
    states = torch.randn(_N_EVENTS, n_interests, 64, requires_grad=True)
    items = torch.randn(_N_ITEMS, 64, requires_grad=True)
    targets = torch.randint(0, _N_ITEMS, (_N_EVENTS,))
    drawn, log_q = torch.randint(0, _N_ITEMS, (2048,)), torch.zeros(2048)
    makers: dict[str, Callable[[], Tensor]] = {
        "torch's cross_entropy": lambda: cross_entropy(
            (states @ items.T).logsumexp(dim=1), targets
        ),
        "full softmax, float32": lambda: full_softmax(states, items, targets, torch.float32),
        "full softmax, bfloat16": lambda: full_softmax(states, items, targets, torch.bfloat16),
        "sampled softmax, 2,048 negatives": lambda: sampled_softmax(
            states, items[targets], targets, items[drawn], drawn, log_q
        ),
    }
    print("| loss | ms |\n|---|---|")
    for name, make in makers.items():
        print(f"| {name} | {middle_ms(lambda make=make: make().backward(), 7):.0f} |")  # type: ignore[misc]


if __name__ == "__main__":
    torch.set_num_threads(1)
    for n_interests in (1, 2):
        serving(n_interests)
        losses(n_interests)
