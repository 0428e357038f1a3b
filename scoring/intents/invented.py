"""Searches made up from a catalogue, where a shop has none yet. They are simulated, never real."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from scoring.intents.vocabulary import CatalogueItem, Vocabulary
from scoring.intents.words import content, folded, is_small

_PRICE: Final = (
    "cheap {}",
    "{} sale",
    "{} on sale",
    "sale {}",
    "discount {}",
    "{} clearance",
    "{} deals",
    "{} special offer",
    "{} half price",
    "{} coupon",
    "bargain {}",
    "{} discounts",
    "deals of the day",
    "clearance",
    "sale",
    "promo code",
    "black friday",
)
_NEWNESS: Final = (
    "new {}",
    "latest {}",
    "newest {}",
    "{} new release",
    "new {} arrivals",
    "preorder {}",
    "{} pre order",
    "upcoming {}",
    "{} coming soon",
    "new in {}",
    "new arrivals",
    "what's new",
    "new products",
    "coming soon",
)
_HELP: Final = (
    "store hours",
    "opening hours",
    "store locations",
    "return policy",
    "how do i return {}",
    "track my order",
    "order status",
    "where is my order",
    "cancel my order",
    "refund",
    "gift card balance",
    "{} warranty",
    "{} installation",
    "{} repair service",
    "{} rental",
    "{} financing",
    "free shipping",
    "delivery status",
    "customer service",
    "contact",
    "phone number",
    "price match",
    "store pickup",
    "{} trade in",
    "credit card",
    "protection plan",
    "careers",
)
_FORMS: Final = {"part": 8, "name": 4, "brand": 4, "code": 2, "price": 3, "newness": 3, "help": 3}
_LETTERS: Final = "abcdefghjkmnprstuvwxyz"


@dataclass(frozen=True, slots=True)
class Invented:
    """A made-up search.

    Attributes:
        query: What might be typed.
        title: What it was made from; '' = from no single item.
    """

    query: str
    title: str


def invent(
    items: Sequence[CatalogueItem], vocabulary: Vocabulary, n: int, seed: int
) -> Iterator[Invented]:
    """Yield n searches: parts of titles, names, brands, codes, and phrases for all other intents.

    What is drawn depends on items and seed only.
    """
    draw = random.Random(seed)  # noqa: S311 - no secret
    titles = [item for item in items if item.title.strip()]
    kinds, brands = sorted(vocabulary.kinds), sorted(vocabulary.brands)
    for _ in range(n):
        form = draw.choices(list(_FORMS), list(_FORMS.values()))[0]
        item = draw.choice(titles) if titles else CatalogueItem("")
        thing = draw.choice(kinds) if kinds and (draw.random() < 0.5 or not titles) else ""
        thing = thing or _part(item.title, draw)
        match form:
            case "part":
                yield Invented(_part(item.title, draw) or thing, item.title)
            case "name":
                yield Invented(folded(item.title) or thing, item.title)
            case "brand" if brands:
                brand = draw.choice(brands)
                yield Invented(f"{brand} {thing}" if draw.random() < 0.8 else brand, "")
            case "code" if brands:
                yield Invented(f"{draw.choice(brands)} {_code(draw)}", "")
            case "newness":
                yield Invented(draw.choice(_NEWNESS).format(thing), "")
            case "help":
                yield Invented(draw.choice(_HELP).format(thing), "")
            case _:
                yield Invented(draw.choice(_PRICE).format(thing), "")


def _part(title: str, draw: random.Random) -> str:
    """One to three words of a title, in their order; the last ones more often."""
    own = content([bare for word in title.lower().split() if (bare := word.strip(".,:;()+-/"))])
    wanted = min(len(own), draw.choice((1, 2, 2, 3, 3)))
    start = len(own) - wanted if draw.random() < 0.5 else draw.randint(0, len(own) - wanted)
    found = own[start : start + wanted]
    return " ".join(found) if not all(map(is_small, found)) else ""


def _code(draw: random.Random) -> str:
    letters = "".join(draw.choice(_LETTERS) for _ in range(draw.randint(2, 3)))
    return f"{letters}{draw.randint(10, 9999)}"
