"""Numbers of the population that all choice models share, and where they come from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Habits:
    """How simulated people are; docs/simulation.md says which numbers were fitted to real logs.

    Attributes:
        level_sd: Deviation between users of the log price that they pay as a rule.
        eagerness_sd: Deviation between users of the log odds to buy what they clicked.
        price_slope: Log odds lost for each unit of log price above the user's own level.
        again: Log odds gained by what the user has bought before.
        stay: Log odds to come back after an ordinary visit.
        gap_median_days: Median days until the next visit.
        gap_sd: Deviation of the logarithm of those days.
        taste_noise: Length of the error in what a shop believes of a taste of length 1.
        quality_noise: Deviation of ratings around quality.
        drift: Share of a taste that wanders off with each visit.
        follow: Share of a taste that goes to what was clicked and enjoyed in a visit.
        fades: Share of tiredness of a category left after a visit.
    """

    level_sd: float = 0.5
    eagerness_sd: float = 0.8
    price_slope: float = 0.6
    again: float = 1.0
    stay: float = 1.5
    gap_median_days: float = 10.0
    gap_sd: float = 1.2
    taste_noise: float = 0.5
    quality_noise: float = 0.5
    drift: float = 0.05
    follow: float = 0.1
    fades: float = 0.7


HABITS = Habits()
