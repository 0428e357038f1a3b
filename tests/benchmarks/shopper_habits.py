"""Numbers of simulated shoppers, as real logs have them, with intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, SupportsFloat

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import logit

from tests.benchmarks.resampling import Ints, bounds

_CENSORED_DAYS: Final = 90
_LEAST_WEEKS: Final = 20
_LEAST_LINES: Final = 5
_LEAST_BASKETS: Final = 3
_SAMPLES: Final = 300


@dataclass(frozen=True, slots=True)
class Fitted:
    """A number with its 95 % interval by drawing customers (prices: items) again."""

    name: str
    value: float
    low: float
    high: float
    rows: int


def read_purchases(path: Path) -> pl.DataFrame:
    """Lines of merchandise that known customers bought, without cancellations."""
    return (
        pl.read_parquet(path)
        .filter(
            pl.col("CustomerID").is_not_null(),
            ~pl.col("InvoiceNo").str.starts_with("C"),
            pl.col("Quantity") > 0,
            pl.col("UnitPrice") > 0,
            pl.col("StockCode").str.contains(r"^\d{5}"),
        )
        .select(
            customer="CustomerID",
            item="StockCode",
            day=pl.col("InvoiceDate").dt.date(),
            week=pl.col("InvoiceDate").dt.truncate("1w"),
            log_price=pl.col("UnitPrice").log(),
        )
    )


def comings(visits: pl.DataFrame) -> list[Fitted]:
    """When users come back, from the days (`customer`, `day`) on which they were there."""
    days = visits.unique(["customer", "day"]).sort("customer", "day")
    days = days.with_columns(
        gap=pl.col("day").diff().over("customer").dt.total_days().cast(pl.Float64),
        followed=pl.col("day").shift(-1).over("customer").is_not_null().cast(pl.Float64),
    )
    gaps = days.drop_nulls("gap")
    early = (pl.lit(days["day"].max()) - pl.col("day")).dt.total_days() >= _CENSORED_DAYS
    return [
        _of_groups("gap_median_days", gaps.rename({"gap": "value"}), np.median),
        _of_groups(
            "gap_sd", gaps.rename({"gap": "value"}), lambda each: float(np.std(np.log(each)))
        ),
        _of_groups(
            "stay",
            days.filter(early).rename({"followed": "value"}),
            lambda each: logit(each.mean()),
        ),
    ]


def buying(lines: pl.DataFrame) -> list[Fitted]:
    """What users buy, from lines (`customer`, `item`, `day`, `log_price`)."""
    baskets = lines.group_by("customer", "day").agg(value=pl.len().log())
    prices = lines.select("customer", value="log_price")
    return [
        _between("level_sd", prices, _LEAST_LINES),
        _between("eagerness_sd", baskets, _LEAST_BASKETS),
        _bought_before(lines),
    ]


def position_exponent(path: Path) -> Fitted:
    """η of `P(look at rank k) = k^−η`, from a log of lists in random order: Poisson likelihood."""
    log = pl.read_parquet(path).select("position", "click")
    by_rank = log.group_by("position").agg(shown=pl.len(), clicks=pl.col("click").sum())
    rank, shown, clicks = (
        by_rank[name].to_numpy().astype(float) for name in ("position", "shown", "clicks")
    )
    grid = np.linspace(-2.0, 3.0, 5_001)
    share = shown * rank ** -grid[:, None]
    share /= share.sum(axis=1, keepdims=True)
    likelihood = (clicks * np.log(share)).sum(axis=1)
    inside = grid[likelihood > likelihood.max() - 1.92]  # half the 95 % quantile of chi-squared
    best = float(grid[likelihood.argmax()])
    return Fitted("position", best, float(inside[0]), float(inside[-1]), int(clicks.sum()))


def _of_groups(
    name: str, rows: pl.DataFrame, measure: Callable[[NDArray[np.float64]], SupportsFloat]
) -> Fitted:
    """A measure of the column `value`, customers drawn again."""
    grouped = rows.group_by("customer", maintain_order=True).agg("value")["value"]
    values = [np.asarray(each, np.float64) for each in grouped.to_list()]

    def of(some: Ints) -> float:
        return float(measure(np.concatenate([values[one] for one in some])))

    low, high = bounds(of, len(values), _SAMPLES)
    return Fitted(name, of(np.arange(len(values))), low, high, len(rows))


def _between(name: str, rows: pl.DataFrame, least: int) -> Fitted:
    """Deviation between customers of a mean, without what chance within them adds to it."""
    grouped = (
        rows.group_by("customer")
        .agg(mean=pl.col("value").mean(), within=pl.col("value").var() / pl.len(), n=pl.len())
        .filter(pl.col("n") >= least)
    )
    mean, within = grouped["mean"].to_numpy(), grouped["within"].to_numpy()

    def of(some: Ints) -> float:
        return float(np.sqrt(max(mean[some].var() - within[some].mean(), 0.0)))

    low, high = bounds(of, len(mean), _SAMPLES)
    return Fitted(name, of(np.arange(len(mean))), low, high, len(rows))


def elasticity(lines: pl.DataFrame) -> Fitted:
    """−d log(buyers) / d log(price) of an item's weeks; items and weeks have effects of their own.

    Prices were not set by chance (a dear week may be one of small orders, before Christmas most
    things are bought more), so this describes and does not prove.
    """
    weeks = lines.group_by("item", "week").agg(
        buyers=pl.col("customer").n_unique().log(), log_price=pl.col("log_price").mean()
    )
    weeks = weeks.filter(pl.len().over("item") >= _LEAST_WEEKS)
    item = weeks["item"].rank("dense").to_numpy().astype(np.int64) - 1
    week = weeks["week"].rank("dense").to_numpy().astype(np.int64) - 1
    price, buyers = (weeks[name].to_numpy().copy() for name in ("log_price", "buyers"))
    for _ in range(30):
        for group in (item, week):
            for column in (price, buyers):
                column -= (np.bincount(group, column) / np.bincount(group))[group]
    both, own = np.bincount(item, price * buyers), np.bincount(item, price * price)

    def of(some: Ints) -> float:
        return float(-both[some].sum() / own[some].sum())

    low, high = bounds(of, len(both), _SAMPLES)
    return Fitted("elasticity", of(np.arange(len(both))), low, high, len(weeks))


def _bought_before(lines: pl.DataFrame) -> Fitted:
    """Share of the lines of a later visit whose item the customer has bought on an earlier day."""
    once = lines.unique(["customer", "item", "day"])
    first = pl.col("day").min()
    later = once.with_columns(
        value=(pl.col("day") > first.over("customer", "item")).cast(pl.Float64),
        later=pl.col("day") > first.over("customer"),
    ).filter("later")
    return _of_groups("bought before", later, np.mean)
