"""What a shop's counts give those of whom nothing is known, and those of whom much is.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_newcomers --data shared/data

Real purchases (online_retail, merchandise to known customers), replayed in order of time through
the classes that a worker counts and ranks with. Baskets from 10 November 2011 on are predicted at
their start from everything before; the `just seen` rule is off, lists have 20 items. A newcomer is
a customer without a basket until then, of whom the country is known. The mixture and its half-lives
were chosen on the newcomers of the two months before (`--before` prints those instead).
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import Snapshot, set_threads
from scoring import History, Interaction, Policy, Recommender, Request
from scoring.bought import NOTHING_BOUGHT, Bought, BoughtLog
from scoring.history import MAX_INTERACTIONS, TYPE_CODES
from scoring.item_counts import BOUGHT_DAYS, DAY_MS
from scoring.shop_counts import ShopCounts
from streams.demo.prepare import Line
from tests.benchmarks.bench_slates_shop import gain, interval, open_shop, read_lines

_TEST_MS: Final = int(datetime(2011, 11, 10, tzinfo=UTC).timestamp() * 1000)
_TEST: Final = (_TEST_MS, _TEST_MS + 60 * DAY_MS)
_BEFORE: Final = (_TEST_MS - 61 * DAY_MS, _TEST_MS)
_SIZE: Final = 20
_BASE: Final = "sold lately, 7 days"


@dataclass(frozen=True, slots=True)
class Asked:
    """A basket, at its start.

    Attributes:
        request: With the customer's history and country.
        bought: What the basket held.
        newcomer: The customer's first.
    """

    request: Request
    bought: frozenset[str]
    newcomer: bool


class Replay:
    """The log in order of time: counts and histories as they were at each basket's start."""

    def __init__(self, lines: list[Line]) -> None:
        def moment(line: Line) -> tuple[int, str]:
            return line.at_ms, line.user_id

        self._baskets = [(key, list(g)) for key, g in groupby(sorted(lines, key=moment), moment)]
        self.shop = ShopCounts()

    def asked(self, period: tuple[int, ...]) -> Iterator[Asked]:
        """The baskets of a period; `shop` stands at the start of each while it is looked at."""
        rings: defaultdict[str, list[Interaction]] = defaultdict(list)
        logs: defaultdict[str, BoughtLog] = defaultdict(lambda: NOTHING_BOUGHT)
        first_ms: dict[str, int] = {}
        number = 0
        for (at_ms, user_id), lines in self._baskets:
            wanted = frozenset(line.item_id for line in lines if not line.is_return)
            if at_ms >= period[1]:
                return
            if at_ms >= period[0] and wanted:
                history = History(list(rings[user_id]), bought=logs[user_id])
                request = Request(user_id, at_ms, history, region=lines[0].country)
                yield Asked(request, wanted, user_id not in first_ms)
            for line in lines:
                number += 1
                kind = "return" if line.is_return else "purchase"
                code, log = TYPE_CODES[kind], logs[user_id]
                self.shop.observe(
                    line.item_id,
                    kind,
                    at_ms,
                    region=line.country,
                    newcomer=first_ms.get(user_id, at_ms) > at_ms - DAY_MS,
                    bought_before=line.item_id in log.item_ids,
                    price=line.price,
                )
                strength = line.quantity.bit_length()
                rings[user_id].insert(0, Interaction(number, line.item_id, code, at_ms, strength))
                logs[user_id] = log.observe(
                    Bought(number, line.item_id, at_ms, line.quantity, code)
                )
            del rings[user_id][MAX_INTERACTIONS:]
            if wanted:
                first_ms.setdefault(user_id, at_ms)


def sold(shop: Snapshot, replay: Replay, days: float) -> Callable[[Request], list[str]]:
    """The items sold most lately, to all alike."""
    row = BOUGHT_DAYS.index(days)

    def listed(request: Request) -> list[str]:
        counts = replay.shop.columns(shop.catalogue, request.at_ms).bought[row]
        return [shop.catalogue.ids[at] for at in np.argsort(-counts, kind="stable")[:_SIZE]]

    return listed


def sold_in_country(shop: Snapshot, replay: Replay) -> Callable[[Request], list[str]]:
    """The same in the customer's own country, half-life 14 days, and what all buy behind it."""

    def listed(request: Request) -> list[str]:
        columns = replay.shop.columns(shop.catalogue, request.at_ms)
        here = columns.by_region.get(request.region or "", np.zeros(len(shop), np.float32))
        order = np.lexsort((-columns.bought[BOUGHT_DAYS.index(14.0)], -here))
        return [shop.catalogue.ids[at] for at in order[:_SIZE]]

    return listed


def recommended(made: Recommender, *, region: bool) -> Callable[[Request], list[str]]:
    """What a worker would publish."""

    def listed(request: Request) -> list[str]:
        asked = request if region else replace(request, region=None)
        return [found.item_id for found in made.recommend([asked])[0].items]

    return listed


def main() -> None:
    """Print a row for each way to make a list."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with online_retail")
    parser.add_argument("--before", action="store_true", help="the time the choice was made on")
    given = parser.parse_args()
    set_threads(1)
    lines = read_lines(given.data)
    replay = Replay(lines)
    policy = Policy(slate_size=_SIZE, just_seen_window_ms=0.0)
    with tempfile.TemporaryDirectory() as folder:
        shop = open_shop(lines, Path(folder))
        still = Recommender(shop, None, policy=policy)
        moving = Recommender(shop, None, policy=policy, shop=replay.shop)
        ways = {
            "popularity of the index, 28 days before 10 November": recommended(still, region=False),
            "sold lately, 1 day": sold(shop, replay, 1.0),
            _BASE: sold(shop, replay, 7.0),
            "sold lately, 28 days": sold(shop, replay, 28.0),
            "sold lately in the country, 14 days": sold_in_country(shop, replay),
            "lists with counts, no region": recommended(moving, region=False),
            "lists with counts and region": recommended(moving, region=True),
        }
        gains: dict[str, list[float]] = {name: [] for name in ways}
        new = []
        for asked in replay.asked(_BEFORE if given.before else _TEST):
            new.append(asked.newcomer)
            for name, listed in ways.items():
                gains[name].append(gain(listed(asked.request), asked.bought))
        newcomer = np.array(new)
        print(f"{len(new)} baskets, {newcomer.sum()} of newcomers\n")
        heads = ("nDCG@20", "95 %", f"more than {_BASE}, 95 %")
        both = [f"{who}, {head}" for who in ("newcomers", "others") for head in heads]
        print(f"| | {' | '.join(both)} |\n|{'---|' * 7}")
        base = np.array(gains[_BASE])
        for name, values in gains.items():
            found = np.array(values)
            cells = [_cells(found[which], base[which]) for which in (newcomer, ~newcomer)]
            print(f"| {name} | {' | '.join(cells)} |", flush=True)


def _cells(values: NDArray[np.float64], base: NDArray[np.float64]) -> str:
    """A mean with its interval, and that of its difference, basket by basket."""
    return f"{values.mean():.4f} | {interval(values)} | {interval(values - base)}"


if __name__ == "__main__":
    main()
