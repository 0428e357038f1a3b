"""What each rule is called: in metrics, in records of decisions, and in a column of a catalogue."""

from __future__ import annotations

from enum import IntEnum


class Rule(IntEnum):
    """Why a candidate is not in a list; where two say so, the lower number is counted."""

    NONE = 0
    STOCK = 1
    ASKED = 2
    JUST_SEEN = 3
    BOUGHT = 4
    SEEN = 5
    BLOCKED_ITEM = 6
    BLOCKED_CATEGORY = 7
    BLOCKED_BRAND = 8
    BLOCKED_WORD = 9
    BLOCKED_LENGTH = 10
    PRICE = 11

    @property
    def label(self) -> str:
        """As metrics and records have it."""
        return self.name.lower()


CATEGORY_CAP = "category_cap"
BRAND_CAP = "brand_cap"
TITLE_CAP = "title_cap"
PIN = "pin"
TAIL_FLOOR = "tail_floor"
CATEGORY_FLOOR = "category_floor"
BRAND_FLOOR = "brand_floor"
