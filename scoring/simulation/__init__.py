"""Simulated shoppers whose true chances are known: to train policies on, and to check estimates.

Everything that comes out of here is made up: whatever is reported of it is marked as simulated.
"""

from scoring.simulation.cascading import CascadingShoppers
from scoring.simulation.choosing import ChoosingShoppers
from scoring.simulation.contract import FEATURES, Chances, Offer, Reactions, Shoppers, Worth
from scoring.simulation.examining import ExaminingShoppers
from scoring.simulation.wares import Wares

__all__ = [
    "FEATURES",
    "CascadingShoppers",
    "Chances",
    "ChoosingShoppers",
    "ExaminingShoppers",
    "Offer",
    "Reactions",
    "Shoppers",
    "Wares",
    "Worth",
]
