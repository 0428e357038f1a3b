"""What diversity and chance cost: next baskets of a gift shop, nDCG@20 beside how unlike a list is.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_slates_shop --data shared/data

Real purchases (online_retail, merchandise to known customers). Baskets from 10 November 2011 on are
predicted at their start from everything before (the ring of 64, what was bought, popularity of the
28 days before that day); the `just seen` rule is off. One recommender for each row, everything else
equal.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from index import IndexStore, Item, Snapshot, build_index, set_threads
from scoring import History, Interaction, Policy, Recommender, Request, Slate, load_encoder
from scoring.bought import NOTHING_BOUGHT, Bought, BoughtLog
from scoring.history import MAX_INTERACTIONS, TYPE_CODES
from streams.demo.prepare import Line, merchandise
from tests.benchmarks.resampling import bounds

_DAY_MS: Final = 86_400_000
_TEST_MS: Final = int(datetime(2011, 11, 10, tzinfo=UTC).timestamp() * 1000)
_SIZE: Final = 20
_ROWS: Final[dict[str, dict[str, Any]]] = {
    "best": {},
    **{
        f"{kind}, s = {share}": {"diversity": kind, "relevance_share": share}
        for kind, shares in (("mmr", (0.9, 0.8, 0.7, 0.5, 0.3)), ("dpp", (0.95, 0.9, 0.8, 0.5)))
        for share in shares
    },
    "softmax, temperature .02": {"draw": "softmax", "temperature": 0.02},
    "softmax, temperature .05": {"draw": "softmax", "temperature": 0.05},
    "softmax, temperature .1": {"draw": "softmax", "temperature": 0.1},
    "best, epsilon .1": {"epsilon": 0.1},
    "thompson, deviation .2": {"draw": "thompson", "weight_deviation": 0.2},
}


@dataclass(frozen=True, slots=True)
class Basket:
    """What a customer bought at once, and what is asked before it."""

    request: Request
    bought: frozenset[str]


def read_lines(folder: Path) -> list[Line]:
    """The log in the order of its time."""
    table = pq.read_table(folder / "online_retail" / "online_retail.parquet")
    return sorted(merchandise(table.to_pylist()), key=lambda line: line.at_ms)


def open_shop(lines: list[Line], folder: Path) -> Snapshot:
    """Every item of the log with its most frequent title; popularity of the 28 days before."""
    titles: dict[str, Counter[str]] = defaultdict(Counter)
    popularity: Counter[str] = Counter()
    for line in lines:
        if not line.is_return:
            titles[line.item_id][line.title] += 1
            if _TEST_MS - 28 * _DAY_MS <= line.at_ms < _TEST_MS:
                popularity[line.item_id] += 1
    items = [
        Item(item_id=item_id, title=found.most_common(1)[0][0])
        for item_id, found in sorted(titles.items())
    ]
    encoder = load_encoder(threads=1)
    vectors = encoder.encode_items([encoder.item_text(item) for item in items])
    counts = np.array([popularity[item.item_id] for item in items], np.float32)
    store = IndexStore(folder)
    build_index(
        store, items, vectors, encoder_version=encoder.version, engine="exact", popularity=counts
    )
    return store.open()


def baskets(lines: list[Line]) -> list[Basket]:
    """Every basket of the test time, with its customer's history at its start."""
    rings: dict[str, list[Interaction]] = defaultdict(list)
    logs: defaultdict[str, BoughtLog] = defaultdict(lambda: NOTHING_BOUGHT)
    found = []
    number = 0
    for (user_id, at_ms), group in groupby(
        sorted(lines, key=lambda line: (line.at_ms, line.user_id)),
        key=lambda line: (line.user_id, line.at_ms),
    ):
        basket = list(group)
        bought = frozenset(line.item_id for line in basket if not line.is_return)
        if at_ms >= _TEST_MS and bought:
            history = History(list(rings[user_id]), bought=logs[user_id])
            found.append(Basket(Request(user_id, at_ms, history), bought))
        for line in basket:
            number += 1
            kind = TYPE_CODES["return" if line.is_return else "purchase"]
            event = Interaction(number, line.item_id, kind, at_ms, line.quantity.bit_length())
            rings[user_id].insert(0, event)
            entry = Bought(number, line.item_id, at_ms, line.quantity, kind)
            logs[user_id] = logs[user_id].observe(entry)
        del rings[user_id][MAX_INTERACTIONS:]
    return found


def gain(item_ids: Sequence[str], bought: frozenset[str]) -> float:
    """NDCG@20 of one list."""
    discounts = 1 / np.log2(np.arange(2, _SIZE + 2))
    hits = [item_id in bought for item_id in item_ids]
    return float(discounts[: len(hits)] @ hits / discounts[: len(bought)].sum())


def unlike(slate: Slate, shop: Snapshot) -> float:
    """Mean of 1 - cosine over the pairs of a list."""
    rows = shop.gather(shop.catalogue.positions([found.item_id for found in slate.items]))
    return float(1 - (rows @ rows.T)[np.triu_indices(len(rows), 1)].mean())


def interval(values: NDArray[np.float64]) -> str:
    """95 % of a mean, by drawing baskets again (bootstrap, 1,000 times)."""
    low, high = bounds(lambda some: float(values[some].mean()), len(values))
    return f"{low:.4f} – {high:.4f}"


def main() -> None:
    """Print a row for each policy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with online_retail")
    given = parser.parse_args()
    set_threads(1)
    lines = read_lines(given.data)
    asked = baskets(lines)
    with tempfile.TemporaryDirectory() as folder:
        shop = open_shop(lines, Path(folder))
        print(f"{len(asked)} baskets, {len(shop)} items\n")
        print("| policy | nDCG@20 | 95 % | unlike (1 − cosine) | items shown | propensity |")
        print("|---|---|---|---|---|---|")
        for name, numbers in _ROWS.items():
            policy = Policy(slate_size=_SIZE, just_seen_window_ms=0.0, **numbers)
            made = Recommender(shop, None, policy=policy)
            slates: list[Slate] = []
            for start in range(0, len(asked), 64):
                requests = [basket.request for basket in asked[start : start + 64]]
                slates += made.recommend(requests)
            ids = [[found.item_id for found in slate.items] for slate in slates]
            gains = np.array([gain(i, each.bought) for i, each in zip(ids, asked, strict=True)])
            shown = {found.item_id for slate in slates for found in slate.items}
            logs = [np.log(found.propensity) for slate in slates for found in slate.items]
            cells = (
                f"{gains.mean():.4f}",
                interval(gains),
                f"{np.mean([unlike(slate, shop) for slate in slates]):.3f}",
                f"{len(shown) / len(shop):.3f}",
                f"{np.exp(np.mean(logs)):.3f}",
            )
            print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
