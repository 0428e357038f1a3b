"""Rules beside a catalogue: what in it does not fit them, and what each rule takes out."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

import numpy as np

from index import Catalogue
from scoring.rules.book import RuleBook
from scoring.rules.names import Rule
from scoring.rules.rule_file import Rules


def blocked_counts(rules: Rules, catalogue: Catalogue) -> dict[str, int]:
    """Name of a rule -> items of the catalogue that it takes out of every list."""
    blocked = RuleBook(rules, catalogue).blocked
    if blocked is None:
        return {}
    counts = np.bincount(blocked[: len(catalogue)], minlength=len(Rule))
    return {rule.label: int(counts[rule]) for rule in Rule if rule and counts[rule]}


def doubts(rules: Rules, catalogue: Catalogue) -> Iterator[str]:
    """A line for each item, category or brand that the catalogue does not have, and for no tail.

    It need not be an error: the item may come later. A typing error looks the same.
    """
    if rules.floors.tail is not None and not catalogue.popularity.any():
        yield (
            "floors.tail: the index knows no popularity, so its last four fifths are the tail; "
            "build it with --events"
        )
    cycles = rules.bought.cycle_days if rules.bought is not None else None
    items = [
        *rules.block.items,
        *(pin.item for pin in rules.pins),
        *(cycles.items if cycles else ()),
    ]
    for item in dict.fromkeys(items):
        if catalogue.position(item) < 0:
            yield f"item {item!r} is not in the index"
    named = [
        *rules.block.categories,
        *rules.caps.categories,
        *rules.floors.categories,
        *(cycles.categories if cycles else ()),
    ]
    named += [pin.category for pin in rules.pins if pin.category is not None]
    yield from _unknown("category", named, catalogue.category_names)
    brands = [*rules.block.brands, *rules.caps.brands, *rules.floors.brands]
    yield from _unknown("brand", brands, catalogue.brand_names)


def _unknown(kind: str, named: Iterable[str], known: list[str]) -> Iterator[str]:
    have = set(known)
    for name in dict.fromkeys(named):
        if name not in have:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            yield f"{kind} {name!r} is not in the index" + (
                f"; do you mean {near[0]!r}?" if near else ""
            )
