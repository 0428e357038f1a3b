"""Which of 20 items does a basket hold? A head that sees the history, and one that does not.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_history --data DIR

DIR holds UCI Online Retail (online_retail.parquet). A question is a basket with one of its items
that the customer has not had, among 19 others that they have not had either, drawn by popularity:
so popularity says nothing. Baskets before October 2011 are learned from (four others each), those
from 10 November on are asked about. The history is the customer's last 20 items. ± is half a 95 %
interval of Student's t over three seeds; the neighbours are not trained.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from scoring.behaviour.heads import BehaviourHeads
from scoring.behaviour.recipe import (
    BehaviourRecipe,
    BinarySettings,
    CategorySettings,
    Feature,
    HistorySettings,
)
from scoring.behaviour.rows import read_rows
from scoring.behaviour.run import train
from scoring.measures import auc
from scoring.training.rows import Reading
from scoring.training.settings import LoopSettings
from tests.benchmarks.over_seeds import shown

_LEARNED_UNTIL: Final = datetime(2011, 10, 1)  # noqa: DTZ001 - the log has no zone
_ASKED_FROM: Final = datetime(2011, 11, 10)  # noqa: DTZ001
_LENGTH: Final = 20
_N_LEARNED: Final = 12_000
_N_ASKED: Final = 2_000


@dataclass(frozen=True, slots=True)
class Basket:
    """A purchase of several items, and the items that the customer had before it, oldest first."""

    number: str
    at: datetime
    country: str
    items: tuple[str, ...]
    past: tuple[str, ...]


def read_baskets(file: Path) -> list[Basket]:
    """Baskets of known customers with a history, in order of time; no cancellations, no postage."""
    log = pq.read_table(file).sort_by("InvoiceDate").to_pylist()
    lines: dict[str, list[dict[str, object]]] = defaultdict(list)
    for row in log:
        wanted = row["CustomerID"] and row["Quantity"] > 0 and row["StockCode"][:5].isdigit()
        if wanted and row["InvoiceNo"].isdigit():
            lines[row["InvoiceNo"]].append(row)
    had: dict[object, dict[str, None]] = defaultdict(dict)
    found = []
    for number, rows in lines.items():
        customer, at = rows[0]["CustomerID"], rows[0]["InvoiceDate"]
        items = tuple(dict.fromkeys(str(row["StockCode"]) for row in rows))
        past = tuple(had[customer])
        if past and isinstance(at, datetime):
            found.append(Basket(number, at, str(rows[0]["Country"]), items, past))
        for item in items:
            had[customer].pop(item, None)
            had[customer][item] = None
    return found


def questions(
    baskets: Sequence[Basket], counts: dict[str, int], n: int, n_others: int, seed: int
) -> pa.Table:
    """Rows of n questions, each an item of the basket and others that were never the customer's."""
    rng = np.random.default_rng(seed)
    names, weights = list(counts), np.array(list(counts.values()), np.float64)
    pool = rng.choice(len(names), 40 * n * n_others // 10, p=weights / weights.sum())
    drawn = iter(pool.tolist())
    rows = []
    for place in rng.permutation(len(baskets)).tolist():
        basket = baskets[place]
        had = {*basket.past, *basket.items}
        fresh = [item for item in basket.items if item not in basket.past and item in counts]
        if not fresh:
            continue
        chosen = {fresh[rng.integers(len(fresh))]: 1}
        while len(chosen) <= n_others:
            if (other := names[next(drawn)]) not in had:
                chosen.setdefault(other, 0)
        for item, bought in chosen.items():
            rows.append(
                {
                    "basket": basket.number,
                    "country": basket.country,
                    "past": list(basket.past[-_LENGTH:]),
                    "item": item,
                    "bought": bought,
                }
            )
        if len(rows) >= n * (n_others + 1):
            break
    return pa.Table.from_pylist(rows)


def history_recipe(width: int, *, history: bool, seed: int) -> BehaviourRecipe:
    """Country and item, with or without the history."""
    features: dict[str, Feature] = {
        "country": CategorySettings(width=4),
        "item": CategorySettings(width=width, side="item"),
    }
    if history:
        features["past"] = HistorySettings(candidate="item", length=_LENGTH)
    return BehaviourRecipe(
        kind="behaviour",
        name="history",
        train=["learned.parquet"],
        test=["asked.parquet"],
        group="basket",
        features=features,
        tasks={"bought": BinarySettings()},
        training=LoopSettings(
            epochs=8,
            learning_rate=3e-3,
            weight_decay=0.1,
            decay="cosine",
            measure="loss",
            lower_is_better=True,
            patience=2,
            seed=seed,
        ),
    )


def neighbours(learned: Sequence[Basket], asked: pa.Table) -> NDArray[np.float64]:
    """(n,) sums over the history of the cosine of the baskets of two items (Sarwar et al. 2001)."""
    of_item: dict[str, set[str]] = defaultdict(set)
    for basket in learned:
        for item in basket.items:
            of_item[item].add(basket.number)
    sums = []
    for row in asked.to_pylist():
        own = of_item[row["item"]]
        total = 0.0
        for item in row["past"]:
            both = len(own & of_item[item])
            total += both / max((len(own) * len(of_item[item])) ** 0.5, 1.0)
        sums.append(total)
    return np.array(sums)


def judged(scores: NDArray[np.float64], asked: pa.Table) -> dict[str, float]:
    """AUC over all rows; of each question, the reciprocal rank of the right one of 20."""
    bought = asked["bought"].to_numpy()
    table = scores.reshape(-1, 20)
    right = table[bought.reshape(-1, 20) == 1][:, None]
    ranks = (table > right).sum(axis=1) + ((table == right).sum(axis=1) + 1) / 2
    return {"AUC": auc(scores, bought), "MRR of 20": float((1 / ranks).mean())}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    baskets = read_baskets(options.data / "online_retail.parquet")
    learned = [each for each in baskets if each.at < _LEARNED_UNTIL]
    later = [each for each in baskets if each.at >= _ASKED_FROM]
    counts: dict[str, int] = defaultdict(int)
    for basket in learned:
        for item in basket.items:
            counts[item] += 1
    several = [each for each in learned for _ in range(3)]  # up to three questions a basket
    with TemporaryDirectory() as name:
        folder = Path(name)
        table = questions(several, counts, _N_LEARNED, 4, 0)
        asked = questions(later, counts, _N_ASKED, 19, 1)
        pq.write_table(table, folder / "learned.parquet")
        pq.write_table(asked, folder / "asked.parquet")
        print(f"{len(table):,} rows learned, {len(asked) // 20:,} questions asked")
        print("| | AUC | MRR of 20 |\n|---|---|---|")
        base = judged(neighbours(learned, asked), asked)
        print(f"| item neighbours | {base['AUC']:.4f} | {base['MRR of 20']:.4f} |", flush=True)
        for width, history in ((16, False), (16, True)):
            runs = []
            for seed in range(3):
                out = folder / f"{width}-{history}-{seed}"
                recipe = history_recipe(width, history=history, seed=seed)
                train(recipe, folder, out, Reading())
                rows = read_rows([folder / "asked.parquet"], recipe, {}, Reading())
                chances = BehaviourHeads.load(out).chances(rows.features)[:, 0]
                runs.append(judged(chances.astype(np.float64), asked))
            cells = [shown([run[each] for run in runs]) for each in ("AUC", "MRR of 20")]
            form = f"items of {width}, " + ("with history" if history else "without")
            print(f"| {form} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
