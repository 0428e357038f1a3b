"""Simulated shoppers beside real ones: numbers fitted to logs, what comes out again, and the rate.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_shoppers --data shared/data

DIR holds online_retail/ (UCI, CC BY 4.0) and obp_zozotown/ (ZOZOTOWN, CC BY 4.0). The produced log
is measured by the very code that measured the real one, over the same 373 days. All of it is
simulated, apart from the column *fitted*.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scoring.simulation import CascadingShoppers, ChoosingShoppers, ExaminingShoppers, Wares
from scoring.simulation.population import Population
from tests.benchmarks.shopper_habits import (
    Fitted,
    buying,
    comings,
    elasticity,
    position_exponent,
    read_purchases,
)

MODELS: Final = (ExaminingShoppers, CascadingShoppers, ChoosingShoppers)
_BEGIN: Final = date(2010, 12, 1)
_DAYS: Final = 373
_MOST_VISITS: Final = 80
_LIST: Final = 10
_SIGHT: Final = np.array([2.5, 0.7, 1.0, -0.5, 0.0, -0.8, 1.2, 0.0, 0.0])
_STEP: Final = 0.01


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--users", type=int, default=2_000)
    given = parser.parse_args()
    lines = read_purchases(given.data / "online_retail" / "online_retail.parquet")
    real = [*comings(lines), *buying(lines), elasticity(lines)]
    real.append(position_exponent(given.data / "obp_zozotown" / "random" / "men" / "men.parquet"))
    made = [produced(model(Wares.invented()), given.users) for model in MODELS]
    print("| number | fitted | 95 % | rows | " + " | ".join(m.name for m in MODELS) + " |")
    print("|---" * (4 + len(MODELS)) + "|")
    for one in real:
        cells = [shown(each.get(one.name)) for each in made]
        span = f"{one.low:.2f} - {one.high:.2f}"
        print(f"| {one.name} | {one.value:.2f} | {span} | {one.rows:,} | {' | '.join(cells)} |")
    print()
    print("| users at once | " + " | ".join(f"{m.name}, visits/s" for m in MODELS) + " |")
    print("|---" * (1 + len(MODELS)) + "|")
    for n_users in (64, 1_000, 10_000):
        rates = [visits_a_second(model(Wares.invented()), n_users) for model in MODELS]
        print(f"| {n_users:,} | " + " | ".join(f"{rate:,.0f}" for rate in rates) + " |")


def shown(one: Fitted | None) -> str:
    """A cell."""
    return "" if one is None else f"{one.value:.2f}"


def best_seen(population: Population) -> NDArray[np.int64]:
    """(B, 10) lists in the order of a plain sum of what is known of the candidates."""
    offer = population.candidates()
    order = np.argsort(-(offer.features @ _SIGHT), axis=1)[:, :_LIST]
    return np.take_along_axis(offer.places, order, axis=1)


def visits_a_second(population: Population, n_users: int) -> float:
    """Lists made and reacted to in a second of CPU time: the best of three rounds."""
    rates = []
    for seed in range(3):
        population.reset(n_users, seed)
        n_visits = max(2, 2_000 // n_users)
        begun = time.process_time()
        for _ in range(n_visits):
            population.react(best_seen(population))
        rates.append(n_visits * n_users / (time.process_time() - begun))
    return max(rates)


def produced(population: Population, n_users: int) -> dict[str, Fitted]:
    """What the code that measures the real log says of a simulated one."""
    population.reset(n_users, 0)
    sensitivity = _own_elasticity(population)
    at = np.random.default_rng(0).uniform(0, _DAYS, n_users)  # not all come on the first day
    visits, lines = [], []
    for _ in range(_MOST_VISITS):
        slates = best_seen(population)
        seen = population.react(slates)
        now = np.flatnonzero((at < _DAYS) & (seen.examined.any(axis=1)))
        if not len(now):
            break
        days = [_BEGIN + timedelta(days=int(at[user])) for user in now]
        visits.append(pl.DataFrame({"customer": now, "day": days}))
        rows, ranks = np.nonzero(seen.purchases[now])
        items = slates[now[rows], ranks]
        lines.append(
            pl.DataFrame(
                {
                    "customer": now[rows],
                    "item": items,
                    "day": [days[row] for row in rows],
                    "log_price": population.wares.log_prices[items],
                },
                schema_overrides={"day": pl.Date},
            )
        )
        at += np.maximum(seen.days, 1.0)
    found = [*comings(pl.concat(visits)), *buying(pl.concat(lines)), sensitivity]
    return {each.name: each for each in found}


def _own_elasticity(population: Population) -> Fitted:
    """Purchases lost for each unit of log price, where every other item becomes 1 % dearer."""
    n_users = min(population.n_users, 300)
    slates, kept = best_seen(population)[:n_users], population.wares
    before = population.chances(slates, np.arange(n_users)).bought[:, ::2].sum()
    after = 0.0
    for user in range(n_users):  # one at a time: an item stands at odd and at even ranks
        prices = kept.log_prices.copy()
        prices[slates[user, ::2]] += _STEP
        population.wares = dataclasses.replace(kept, log_prices=prices)
        one = np.array([user])
        after += population.chances(slates[one], one).bought[:, ::2].sum()
    population.wares = kept
    value = -float(np.log(after / before)) / _STEP
    return Fitted("elasticity", value, value, value, n_users)


if __name__ == "__main__":
    main()
