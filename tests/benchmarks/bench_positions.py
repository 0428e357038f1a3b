"""What a ranker gains by being told how likely each rank is looked at. Simulated.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_positions
        --recipe loop/rounds/1/ranker.toml --log log/joined.jsonl

The log is that of `bench_calibration`, and so is its division: the first four fifths of the lists
teach, the newest fifth is asked, three seeds. Looks are estimated from the four fifths, as
`rillstream policy positions` does. A ranker that was told of them says what is wanted; a row's
chance of a click is that times the look at its rank. Another reads the rank as if it were nothing.
The AUC is within ranks: only rows of one rank are compared, for there a look decides nothing. Means
over seeds; intervals are over users, paired.

The log was drawn at random, so that an item's rank says little of it. A last table is of the same
lists in a fixed order: by price. What is wanted is, by definition, what a ranker said that was told
of looks; clicks are drawn from that times 1 / sqrt(rank), and each ranker is taught by those of
the four fifths. What its order of the newest fifth earns is then known: the expected clicks of a
list, beside those of the best order.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from scoring.by_user import mean_by_user
from scoring.joined_log import JoinedLog
from scoring.measures import auc, calibration_gap
from scoring.online.prequential import log_losses
from scoring.ranker.features import FEATURES
from scoring.ranker.heads import Heads
from scoring.ranker.settings import NetworkSettings
from scoring.ranker.shown import OF_SHOWN, Shown
from scoring.ranker.teaching import taught
from scoring.slates.examination import examination, looked_at
from tests.benchmarks.bench_calibration import SEEDS, Floats, Rows, asked, read


def looks(rows: Rows, end: int) -> tuple[float, ...]:
    """Of each rank, from the rows before `end`."""
    groups = np.unique(rows.log.item_id[:end].astype(str), return_inverse=True)[1]
    found = examination(groups, rows.log.rank[:end], rows.log.clicked[:end]).by_rank
    return tuple(np.clip(found, 0.001, 1.0).tolist())


def heads_of(rows: Rows, shown: Shown, seed: int) -> Heads:
    """As `rillstream train` teaches them."""
    return taught(rows.lists, shown, NetworkSettings(), seed, np.random.default_rng(seed))[0]


def chances(rows: Rows, end: int, looked: Sequence[float], seed: int) -> Floats:
    """(n, 2) of being wanted, of the rows from `end` on."""
    heads = heads_of(rows, Shown.of(rows.log.part(np.arange(end)), looked), seed)
    return asked(heads, rows, end, len(rows.targets))


def auc_within(ranks: NDArray[np.int64], said: Floats, happened: NDArray[np.bool_]) -> float:
    """Mean over ranks, each counted by its pairs of a click and none."""
    found, pairs = [], []
    for rank in np.unique(ranks):
        own = ranks == rank
        yes = int(happened[own].sum())
        found.append(auc(said[own], happened[own]))
        pairs.append(yes * (int(own.sum()) - yes))
    known = np.array(pairs) > 0
    return float(np.average(np.array(found)[known], weights=np.array(pairs)[known]))


def in_order(log: JoinedLog, scores: NDArray[np.floating]) -> NDArray[np.int64]:
    """(n,) ranks of rows from 1 if each list stands by these, the highest first."""
    lists = np.repeat(np.arange(len(log.lists) - 1), np.diff(log.lists))
    order = np.lexsort((-scores, lists))
    ranks = np.empty(len(order), np.int64)
    ranks[order] = 1 + np.arange(len(order)) - log.lists[lists[order]]
    return ranks


def by_price(rows: Rows, end: int, looked: Sequence[float], way: float) -> None:
    """Print what rankers earn that were taught by lists in the order of the price."""
    shown = Shown.of(rows.log, looked)
    wanted = asked(heads_of(rows, shown, 100), rows, 0, len(rows.targets))[:, 0]
    ranks = in_order(rows.log, way * shown.features[:, FEATURES.index("price")])
    newest = rows.log.part(np.arange(end, len(ranks)))
    truth = wanted[end:]
    n_lists = len(newest.lists) - 1

    def earned(scores: NDArray[np.floating]) -> float:
        return float((truth / np.sqrt(in_order(newest, scores))).sum() / n_lists)

    found: dict[str, list[float]] = {name: [] for name in KINDS}
    for seed in SEEDS:
        drawn = np.random.default_rng(seed).random(len(ranks)) < wanted / np.sqrt(ranks)
        targets = np.stack([drawn, drawn], axis=1).astype(np.float32)
        for name, told in KINDS.items():
            seen = looked_at(ranks, looked if told else ())
            own = replace(shown, targets=targets, looked=seen).some(np.arange(len(ranks)) < end)
            said = asked(heads_of(rows, own, seed), rows, end, len(ranks))[:, 0]
            found[name].append(earned(said))
    best = earned(truth)
    print(f"\n{'dearest' if way > 0 else 'cheapest'} first, clicks a list:\n")
    print("| order | clicks | of the best | by seed |")
    print("|---|---|---|---|")
    alone = {"as it was": [earned(-ranks[end:].astype(np.float64))], "the best": [best]}
    for name, each in (found | alone).items():
        share = f"{np.mean(each) / best:.1%}"
        seeds = ", ".join(f"{value:.4f}" for value in each)
        print(f"| {name} | {np.mean(each):.4f} | {share} | {seeds} |", flush=True)


KINDS: Final = {"taught as if all had been looked at": False, "**told of looks**": True}


def main() -> None:
    """Print a table for each of the two."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", type=Path, required=True, help="of the loop's first ranker")
    parser.add_argument("--log", type=Path, required=True, nargs="+", help="of rillstream export")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = read(options.recipe, options.log)
    end = rows.upto(0.8)
    looked = looks(rows, end)
    print(
        f"{len(rows.targets) - end:,} rows asked; looks {np.round(looked, 3).tolist()}", flush=True
    )
    said = {
        name: [chances(rows, end, looked if told else (), seed) for seed in SEEDS]
        for name, told in KINDS.items()
    }
    ranks, users = rows.log.rank[end:], rows.log.user_id[end:].tolist()
    seen = looked_at(ranks, looked)
    for place, task in enumerate(OF_SHOWN):
        happened, losses = rows.targets[end:, place], []
        print(f"\n{task}: {happened.sum():,} of {len(happened):,}\n")
        print(
            "| heads | log loss | less the first's (95 %) | ECE | AUC within ranks | first, last |"
        )
        print("|---|---|---|---|---|---|")
        for name, told in KINDS.items():
            wanted = [each[:, place] for each in said[name]]
            clicked = [each * seen if told else each for each in wanted]
            losses.append(np.mean([log_losses(each, happened) for each in clicked], axis=0))
            apart = mean_by_user(losses[-1] - losses[0], users)
            low, high = apart.interval
            gap = np.mean([calibration_gap(each, happened) for each in clicked])
            area = np.mean([auc_within(ranks, each, happened) for each in wanted])
            ends = [
                np.mean([each[ranks == rank].mean() for each in wanted])
                for rank in (1, ranks.max())
            ]
            print(
                f"| {name} | {losses[-1].mean():.4f} | {apart.value:+.4f} ({low:+.4f} to "
                f"{high:+.4f}) | {gap:.4f} | {area:.4f} | {ends[0]:.3f}, {ends[1]:.3f} |"
            )
    for way in (1.0, -1.0):
        by_price(rows, end, looked, way)


if __name__ == "__main__":
    main()
