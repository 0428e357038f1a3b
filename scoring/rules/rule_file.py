"""The rules of a shop as a TOML file: strict, so that a typing error is an error and no gap."""

from __future__ import annotations

import difflib
import hashlib
import math
import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, get_args, get_type_hints

import msgspec

from scoring.errors import RulesError
from scoring.history import MAX_SHOWN

Days = Annotated[float, msgspec.Meta(ge=0, le=36_500)]
Number = Annotated[int, msgspec.Meta(ge=1, le=1_000)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Group = Annotated[str, msgspec.Meta(min_length=1, max_length=240)]
"""Under a floor: records name it with its kind, in 256 characters."""
Share = Annotated[float, msgspec.Meta(gt=0, le=1)]
Price = Annotated[float, msgspec.Meta(ge=0, le=1e9)]

MAX_BYTES: Final = 1_000_000
MAX_FLOORS: Final = 48
"""Records of decisions name what each rule did, of at most 64."""
_ROUNDING: Final = 1e-9


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of everything in a file of rules."""


class Cycles(Strict, frozen=True, kw_only=True):
    """After how many days something is bought again; an item's own before its category's."""

    items: dict[Name, Days] = {}
    categories: dict[Name, Days] = {}


class Bought(Strict, frozen=True, kw_only=True):
    """What was bought is left out until it may be wanted again.

    Attributes:
        days: For what has no cycle of its own.
        cycle_days: Of consumables.
    """

    days: Days
    cycle_days: Cycles = Cycles()


class Seen(Strict, frozen=True, kw_only=True):
    """What was shown again and again, and never answered, is left out.

    Attributes:
        times: Impressions since the user last did anything with the item; 16 are remembered.
        days: How long an impression counts.
    """

    times: Annotated[int, msgspec.Meta(ge=1, le=MAX_SHOWN)]
    days: Annotated[float, msgspec.Meta(gt=0, le=36_500)] = 14


class Block(Strict, frozen=True, kw_only=True):
    """What is in no list.

    Attributes:
        items: Item ids.
        categories: Spelt as in the catalogue.
        brands: The same.
        words: Whole words of a title, or several in a row; capitals do not matter.
        title_words: Titles of more words than that: who writes them wants to be found by them all.
    """

    items: list[Name] = []
    categories: list[Name] = []
    brands: list[Name] = []
    words: list[Name] = []
    title_words: Number | None = None


class Bounds(Strict, frozen=True, kw_only=True):
    """Prices that are recommended; an item of unknown price meets no bound."""

    min: Price | None = None
    max: Price | None = None


class Caps(Strict, frozen=True, kw_only=True):
    """At most so many items in one list.

    Attributes:
        category: Of each category.
        brand: Of each brand.
        categories: Of some categories, instead.
        brands: Of some brands, instead.
        title: With the same title, whatever its capitals.
    """

    category: Number | None = None
    brand: Number | None = None
    title: Number | None = None
    categories: dict[Name, Number] = {}
    brands: dict[Name, Number] = {}


class Floors(Strict, frozen=True, kw_only=True):
    """Of the first r items of each list, at least floor(share * r) are of a group, for every r.

    At most `MAX_FLOORS` groups.

    Attributes:
        tail: Items outside the most popular fifth of the shop.
        categories: Of some categories; together at most 1, for an item has one category.
        brands: Of some brands; the same.
    """

    tail: Share | None = None
    categories: dict[Group, Share] = {}
    brands: dict[Group, Share] = {}


class Pin(Strict, frozen=True, kw_only=True):
    """An item at a position, whatever its score; the hard rules hold for it too.

    Attributes:
        item: Its id.
        position: From 1.
        category: Only for a search that is filtered by this category.
        query: Only for a search with all of these words.
        since: From this day on, UTC.
        until: To the end of this day, UTC.
        reason: What the shopper is told.
    """

    item: Name
    position: Annotated[int, msgspec.Meta(ge=1, le=200)]
    category: Name | None = None
    query: Name | None = None
    since: date | None = None
    until: date | None = None
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] = "our pick"


class Rules(Strict, frozen=True, kw_only=True):
    """All rules of a shop; what is not named does not hold."""

    bought: Bought | None = None
    seen: Seen | None = None
    block: Block = Block()
    price: Bounds = Bounds()
    caps: Caps = Caps()
    floors: Floors = Floors()
    pins: list[Pin] = []

    @property
    def version(self) -> str:
        """`rules-` and 8 hex digits of what they say, however it is written down."""
        said = msgspec.json.encode(self, order="deterministic")
        return "rules-" + hashlib.sha256(said).hexdigest()[:8]


def read_rules(file: Path) -> Rules:
    """The rules in a TOML file.

    Raises:
        RulesError: It is no TOML, has an unknown key, or a value that means nothing.
    """
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise RulesError(f"{file}: {error.strerror}; see docs/ranking.md for its form") from None
    if len(raw) > MAX_BYTES:
        raise RulesError(f"{file} has {len(raw)} bytes, at most {MAX_BYTES} are read")
    try:
        rules = msgspec.toml.decode(raw, type=Rules)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RulesError(f"{file}: {_with_nearest(str(error))}") from None
    if problem := _problem(rules):
        raise RulesError(f"{file}: {problem}")
    return rules


def _with_nearest(message: str) -> str:
    """What msgspec says; an unknown key is shown with the nearest of the table that it is in."""
    unknown = re.search(r"unknown field `(.+?)`(?: - at `\$(.*?)`)?$", message)
    if unknown is None:
        return message
    table: Any = Rules
    for key in re.findall(r"[a-z_]+", unknown[2] or ""):
        hint = get_type_hints(table)[key]
        table = next((part for part in get_args(hint) if isinstance(part, type)), hint)
    near = difflib.get_close_matches(unknown[1], table.__struct_fields__, n=1, cutoff=0.0)
    return f"{message}; do you mean `{near[0]}`?"


def _problem(rules: Rules) -> str | None:
    """What no single value shows."""
    low, high = rules.price.min, rules.price.max
    if low is not None and high is not None and low > high:
        return f"price.min is {low:g}, above price.max, {high:g}"
    for at, pin in enumerate(rules.pins, 1):
        if problem := _problem_of(pin, rules.block.items):
            return f"pin {at} ({pin.item}): {problem}"
    if blank := [word for word in rules.block.words if not word.strip()]:
        return f"block.words has {blank[0]!r}, which is no word"
    shares = {"category": rules.floors.categories, "brand": rules.floors.brands}
    n_floors = sum(map(len, shares.values())) + (rules.floors.tail is not None)
    if n_floors > MAX_FLOORS:
        return f"floors has {n_floors} groups, records of decisions have room for {MAX_FLOORS}"
    for kind, floors in shares.items():
        if (whole := math.fsum(floors.values())) > 1 + _ROUNDING:
            return (
                f"floors: the {kind} shares sum to {whole:.10g}, above 1: an item has one {kind}, "
                "so no list can have them all"
            )
    return None


def _problem_of(pin: Pin, blocked: Sequence[str]) -> str | None:
    if pin.since is not None and pin.until is not None and pin.since > pin.until:
        return f"since {pin.since} is after until {pin.until}"
    if pin.item in blocked:
        return "it is blocked as well: remove one of the two"
    if pin.query is not None and not re.search(r"\w", pin.query):
        return f"query {pin.query!r} has no word, and would pin it in every list: leave query out"
    return None
