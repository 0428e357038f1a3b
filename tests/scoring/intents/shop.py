"""The catalogue of a small shop that names neither brands nor categories."""

from __future__ import annotations

from scoring.intents.vocabulary import CatalogueItem

_TITLES = [
    f"{maker} {colour} {thing} with {extra}"
    for maker in ("Kelvora", "North Bay", "Brintex")
    for colour in ("Blue", "Red")
    for thing in ("Cordless Kettle", "Stoneware Mug", "Garden Hose")
    for extra in ("Lid", "Handle")
]
ITEMS = [
    *map(CatalogueItem, _TITLES),
    CatalogueItem("Star Harvest 3: Golden Edition - Console"),
    CatalogueItem("Kelvora Aurora Kettle"),
]
