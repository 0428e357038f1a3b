"""Rules in words, a line each, for those who wrote the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from scoring.rules.rule_file import Bounds, Pin, Rules


def sentences(rules: Rules) -> Iterator[str]:
    """What these rules say, in the order in which they act."""
    yield "In stock: always."
    if rules.bought is not None:
        cycles = rules.bought.cycle_days
        yield (
            f"Bought: left out for {rules.bought.days:g} days"
            + _named(cycles.categories, " days", "category")
            + _named(cycles.items, " days", "item")
            + "."
        )
    if rules.seen is not None:
        yield (
            f"Seen: left out after {rules.seen.times} impressions within {rules.seen.days:g} days "
            "to which the user did nothing."
        )
    for kind, names in (
        ("items", rules.block.items),
        ("categories", rules.block.categories),
        ("brands", rules.block.brands),
        ("words in titles", rules.block.words),
    ):
        if names:
            yield f"Blocked {kind}: {', '.join(names)}."
    if rules.block.title_words is not None:
        yield f"Blocked: titles of more than {rules.block.title_words} words."
    if rules.price != Bounds():
        yield (
            f"Price: {_bound(rules.price.min, 'at least')}{_bound(rules.price.max, 'at most')}"
            "an unknown price is left out."
        )
    for kind, most, named in (
        ("category", rules.caps.category, rules.caps.categories),
        ("brand", rules.caps.brand, rules.caps.brands),
        ("title", rules.caps.title, {}),
    ):
        if most is not None or named:
            usual = "any number" if most is None else f"at most {most}"
            yield f"In a list: {usual} of a {kind}{_named(named, '', kind)}."
    floors = [] if rules.floors.tail is None else [("the long tail", rules.floors.tail)]
    floors += [(f"category {name}", share) for name, share in rules.floors.categories.items()]
    floors += [(f"brand {name}", share) for name, share in rules.floors.brands.items()]
    for group, share in floors:
        yield f"In a list, from its head on: at least {share:.0%} of {group}."
    for pin in rules.pins:
        yield _pin(pin)


def _named(numbers: Mapping[str, float], unit: str, kind: str) -> str:
    return "".join(f", {number:g}{unit} for {kind} {name}" for name, number in numbers.items())


def _bound(price: float | None, words: str) -> str:
    return "" if price is None else f"{words} {price:g}, "


def _pin(pin: Pin) -> str:
    conditions = [
        f"a search in {pin.category}" if pin.category else "",
        f"a search with {pin.query!r}" if pin.query else "",
        f"from {pin.since}" if pin.since else "",
        f"to the end of {pin.until}" if pin.until else "",
    ]
    when = ", ".join(filter(None, conditions))
    return f"Pinned: {pin.item} at {pin.position}" + (f" ({when})" if when else "") + "."
