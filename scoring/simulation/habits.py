"""Numbers of the population that all choice models share, and where they come from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Habits:
    """How simulated people are.

    *Fitted* = set so that what a population does, measured as the log of a real shop is, comes near
    to that log: indirect inference (Gourieroux, Monfort & Renault 1993), by hand. The log is UCI
    Online Retail (Chen, Sain & Guo 2012, CC BY 4.0); `tests/benchmarks/bench_shoppers.py` prints
    both. The others are assumed: nobody has logged them.

    Attributes:
        level_sd: Deviation between users of the log price that they pay as a rule. Fitted.
        eagerness_sd: Deviation between users of the log odds to buy what they clicked. That of
            the logarithm of the lines of their baskets.
        price_slope: Log odds lost for each unit of log price. Fitted, by the elasticity.
        again: Log odds gained by what the user has bought before. Fitted.
        stay: Log odds to come back after an ordinary visit. Fitted.
        gap_median_days: Median days until the next visit. Fitted.
        gap_sd: Deviation of the logarithm of those days. Fitted.
        taste_noise: Length of the error in what a shop believes of a taste of length 1.
        quality_noise: Deviation of ratings around quality.
        drift: Share of a taste that wanders off with each visit.
        follow: Share of a taste that goes to what was clicked and enjoyed in a visit.
        fades: Share of tiredness of a category left after a visit.
    """

    level_sd: float = 0.5
    eagerness_sd: float = 0.78
    price_slope: float = 1.5
    again: float = 0.8
    stay: float = 2.1
    gap_median_days: float = 75.0
    gap_sd: float = 1.5
    taste_noise: float = 0.5
    quality_noise: float = 0.5
    drift: float = 0.05
    follow: float = 0.1
    fades: float = 0.7


HABITS = Habits()
