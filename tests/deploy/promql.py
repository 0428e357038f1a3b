"""What an expression of PromQL asks for, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import promql_parser as promql

from tests.deploy.offered import TARGET, Series

OF_COUNTERS: Final = {"rate", "irate", "increase"}
OF_GAUGES: Final = {"deriv", "delta", "max_over_time", "min_over_time", "avg_over_time"}
OF_PROMETHEUS: Final = {"up": Series("gauge", frozenset())}


@dataclass(frozen=True, slots=True)
class Asked:
    """One selector, with the functions and the grouping around it, the innermost first."""

    name: str
    matched: frozenset[str]
    functions: tuple[str, ...]
    grouped: frozenset[str]
    ranged: bool


def asked(expression: str) -> list[Asked]:
    """Every selector of an expression; raises ValueError where it does not parse."""
    around: list[promql.Expr] = []
    found: list[Asked] = []

    def enter(node: promql.Expr) -> None:
        if isinstance(node, promql.VectorSelector):
            functions = [each.func.name for each in around if isinstance(each, promql.Call)]
            grouped = {
                label
                for each in around
                if isinstance(each, promql.AggregateExpr) and each.modifier is not None
                for label in each.modifier.labels
            }
            found.append(
                Asked(
                    node.name or "",
                    frozenset(matcher.name for matcher in node.matchers.matchers),
                    tuple(reversed(functions)),
                    frozenset(grouped),
                    any(isinstance(each, promql.MatrixSelector) for each in around),
                )
            )
        around.append(node)

    def leave(node: promql.Expr) -> None:
        around.pop()

    promql.walk(promql.parse(expression), enter, leave)
    return found


def problems(expression: str, offered: dict[str, Series]) -> Iterator[str]:
    """What Prometheus would answer nothing, or nonsense, to."""
    for each in asked(expression):
        series = {**offered, **OF_PROMETHEUS}.get(each.name)
        if series is None:
            yield f"{each.name} is offered by nobody"
            continue
        unknown = (each.matched | each.grouped) - series.labels - TARGET - {"le"}
        if unknown:
            yield f"{each.name} has no {sorted(unknown)}"
        innermost = each.functions[0] if each.functions and each.ranged else None
        if series.kind in ("counter", "histogram") and innermost not in OF_COUNTERS:
            yield f"{each.name} only ever grows: it needs a rate"
        if series.kind in ("gauge", "info") and innermost in OF_COUNTERS:
            yield f"{each.name} is no counter: it has no {innermost}"
        quantile, buckets = "histogram_quantile" in each.functions, each.name.endswith("_bucket")
        if quantile != buckets or (buckets and "le" not in each.grouped):
            yield f"{each.name}: a quantile is of buckets, by le"
