"""What rules say of searches, with a shop's words and without them."""

from __future__ import annotations

import pytest

from scoring.intents.invented import invent
from scoring.intents.rules import LABELS, weak_label
from scoring.intents.vocabulary import CatalogueItem, read_vocabulary
from tests.scoring.intents.shop import ITEMS

SHOP = read_vocabulary(ITEMS)


@pytest.mark.parametrize(
    ("query", "label"),
    [
        ("kettle on sale", "discounts"),
        ("North Bay promo codes", "discounts"),
        ("new kettles", "new_arrivals"),
        ("Star Harvest 4 pre-order", "new_arrivals"),
        ("new york", "none"),
        ("kelvora", "brand"),
        ("north bay mugs", "brand"),
        ("red garden hoses", "category"),
        ("statue of a stoneware mug", "category"),
        ("star harvest 3", "product"),
        ("kelvora aurora", "product"),
        ("brintex kx2210", "product"),
        ("12 ft garden hose", "category"),
        ("return policy", "service"),
        ("where is my kettle", "service"),
        ("does the kettle switch itself off", "none"),
        ("qwertz", "none"),
    ],
)
def test_a_search_is_after(query: str, label: str) -> None:
    assert weak_label(query, SHOP).label == label


def test_no_brand_and_no_kind_is_built_in() -> None:
    other = read_vocabulary([CatalogueItem("Green Lamp", brand="Olmo", category="Lighting/Lamps")])
    assert [weak_label(q, other).label for q in ("kelvora", "kettle")] == ["none", "none"]
    assert [weak_label(q, other).label for q in ("olmo", "lamps")] == ["brand", "category"]


def test_what_nearly_all_titles_go_on_with_is_no_brand_by_itself() -> None:
    assert "north bay" in SHOP.brands
    assert "north" not in SHOP.brands


def test_the_last_word_of_a_category_is_a_kind_too() -> None:
    named = read_vocabulary([CatalogueItem("", category="Furniture / Accent Chairs")])
    assert {"furniture", "accent chair", "chair"} <= named.kinds


def test_a_letter_wrong_is_understood_and_a_short_word_is_not_guessed() -> None:
    assert weak_label("stonware mgu", SHOP).label == "none"  # "stoneware" alone is no kind here
    assert weak_label("kettel", SHOP).label == "category"
    assert SHOP.spelt("mgu") == "mgu"


def test_made_up_searches_are_of_every_intent_and_the_same_for_a_seed() -> None:
    made = list(invent(ITEMS, SHOP, 400, seed=1))
    assert made == list(invent(ITEMS, SHOP, 400, seed=1))
    assert made != list(invent(ITEMS, SHOP, 400, seed=2))
    assert {weak_label(each.query, SHOP).label for each in made} >= set(LABELS) - {"none"}
    assert all(each.query for each in made)
    titles = {item.title for item in ITEMS}
    assert {each.title for each in made} <= titles | {""}
