"""Simulated shoppers whose true chances are known: to train policies on, and to check estimates.

Everything that comes out of here is made up: whatever is reported of it is marked as simulated.
"""

from typing import Final

from scoring.simulation.cascading import CascadingShoppers
from scoring.simulation.choosing import ChoosingShoppers
from scoring.simulation.contract import FEATURES, Chances, Offer, Reactions, Shoppers
from scoring.simulation.examining import ExaminingShoppers
from scoring.simulation.population import Population
from scoring.simulation.records import RECORDED, RecordedShoppers, Records
from scoring.simulation.wares import Wares
from scoring.worth import Worth

MODELS: Final[dict[str, type[Population]]] = {
    each.name: each for each in (ExaminingShoppers, CascadingShoppers, ChoosingShoppers)
}
"""By name."""

__all__ = [
    "FEATURES",
    "MODELS",
    "RECORDED",
    "CascadingShoppers",
    "Chances",
    "ChoosingShoppers",
    "ExaminingShoppers",
    "Offer",
    "Population",
    "Reactions",
    "RecordedShoppers",
    "Records",
    "Shoppers",
    "Wares",
    "Worth",
]
