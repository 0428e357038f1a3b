"""Next basket and rest of the basket of a real gift shop: a learned ranker beside its sources.

    python -m tests.benchmarks.bench_baskets --log shared/data/online_retail/online_retail.parquet

Baskets from 10 November 2011 on. Item-to-item tables are learned from what came before a month,
counts and customers' pasts go on to each basket's own moment. Rankers learn from the three months
before; what is chosen by hand is chosen on the last of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from scoring import load_encoder
from tests.benchmarks.baskets.listwise import Scale, Setting, scores_of, teach
from tests.benchmarks.baskets.log import Log
from tests.benchmarks.baskets.questions import Questions, ask
from tests.benchmarks.baskets.tables import Tables
from tests.benchmarks.resampling import bounds

_MONTHS: Final = [
    int(datetime(2011, month, 10, tzinfo=UTC).timestamp() * 1000) for month in (8, 9, 10, 11)
] + [int(datetime(2012, 1, 1, tzinfo=UTC).timestamp() * 1000)]
_TOP: Final = 20
_GAIN: Final = 1 / np.log2(np.arange(2, _TOP + 2))
_BEST: Final = np.concatenate([[0.0], np.cumsum(_GAIN)])
_SAMPLES: Final = 2_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """One list's measures; nan where nothing was to be found."""

    ndcg: NDArray[np.float64]
    ndcg_new: NDArray[np.float64]
    recall: NDArray[np.float64]


def measure(questions: Questions, scores: NDArray[np.floating]) -> Outcome:
    """nDCG@20 and recall@20 of G lists; the new ones among items that the customer had not."""
    n = len(questions.n_wanted)
    ndcg, ndcg_new, recall = (np.full(n, np.nan) for _ in range(3))
    for g, (start, end) in enumerate(pairwise(questions.starts)):
        order = start + np.argsort(-scores[start:end], kind="stable")
        hits = questions.wanted[order[:_TOP]]
        ndcg[g] = hits @ _GAIN[: len(hits)] / _BEST[min(questions.n_wanted[g], _TOP)]
        recall[g] = hits.sum() / questions.n_wanted[g]
        if questions.n_wanted_new[g]:
            hits = questions.wanted[order[questions.new[order]][:_TOP]]
            best = _BEST[min(questions.n_wanted_new[g], _TOP)]
            ndcg_new[g] = hits @ _GAIN[: len(hits)] / best
    return Outcome(ndcg, ndcg_new, recall)


def with_interval(values: NDArray[np.float64]) -> str:
    """Mean and 95 % interval over lists, by bootstrap."""
    values = values[~np.isnan(values)]
    low, high = bounds(lambda some: float(values[some].mean()), len(values), _SAMPLES)
    return f"{values.mean():.4f} ({low:.3f} - {high:.3f})"


def print_row(name: str, questions: Questions, scores: NDArray[np.floating]) -> None:
    """One row of the table."""
    outcome = measure(questions, scores)
    newcomers = outcome.ndcg[questions.n_before == 0]
    cells = (outcome.ndcg, outcome.ndcg_new, outcome.recall, newcomers)
    print(f"| {name} | " + " | ".join(map(with_interval, cells)) + " |", flush=True)


def sources(questions: Questions) -> dict[str, NDArray[np.float32]]:
    """Single sources; ties and those without a past are filled by what sells now."""
    filling = questions.column("trend_7d")
    alone = "decayed_14d decayed_45d decayed_90d customers baskets_30d recent following alike"
    names = [*alone.split(), "text", "given_baskets", "given_customers", "given_text"]
    trends = [name for name in questions.names if name.startswith("trend")]
    found = {name: questions.column(name) for name in trends}
    found |= {n: questions.column(n) + 1e-4 * filling for n in names if n in questions.names}
    return found


def learned(
    learned_from: Sequence[Questions], test: Questions, setting: Setting, seeds: int
) -> list[NDArray[np.float64]]:
    """Scores of the test's candidates by networks of several seeds."""
    scale = Scale(learned_from)
    inputs, asked = [scale.inputs(part) for part in learned_from], scale.inputs(test)
    found = []
    for seed in range(seeds):
        found.append(scores_of(teach(inputs, learned_from, setting, seed), asked))
        print(f"seed {seed}: nDCG@20 {np.nanmean(measure(test, found[-1]).ndcg):.4f}", flush=True)
    return found


def run(log: Log, titles: NDArray[np.float32], rest: bool, seeds: int, validate: bool) -> None:
    """One task's table."""
    months = []
    for number, period in enumerate(pairwise(_MONTHS)):
        if validate and number == len(_MONTHS) - 2:
            break
        tables = Tables.learn(log, period[0])
        seed = 1 + number if rest else None
        with Console(stderr=True).status("") as status:
            months.append(
                ask(
                    log,
                    tables,
                    titles,
                    period,
                    seed,
                    lambda n: status.update(f"month {number}, {n} baskets"),  # noqa: B023
                )
            )
    *learned_from, test = months
    print(f"{len(test.n_wanted):,} lists of {len(test.items) / len(test.n_wanted):.0f}")
    print("| | nDCG@20 | the same, new items | recall@20 | nDCG@20, newcomers |")
    print("|---|---|---|---|---|")
    for name, scores in sources(test).items():
        print_row(name, test, scores)
    for name, setting in (("linear", Setting(n_hidden=0)), ("network", Setting())):
        found = learned(learned_from, test, setting, seeds)
        print_row(f"{name}, one seed", test, found[0])
        print_row(f"{name}, {seeds} seeds averaged", test, np.mean(found, axis=0))


def main() -> None:
    """Read, ask, learn, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--validate", action="store_true", help="predict the month before the test")
    parser.add_argument("--task", choices=("next", "rest"), default="next")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    log = Log.read(arguments.log)
    titles = load_encoder(threads=1).encode_items(log.titles)
    run(log, titles, arguments.task == "rest", arguments.seeds, arguments.validate)


if __name__ == "__main__":
    main()
