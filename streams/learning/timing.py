"""When a list is closed, and when rounds of learning are."""

from __future__ import annotations

from dataclasses import dataclass

from streams.settings import Settings


@dataclass(frozen=True, slots=True)
class Timing:
    """In event time.

    Attributes:
        window_ms: From a list's first impression to its last answer.
        lateness_ms: How much older than the newest of its partition a record may be.
        every_ms: Rounds end at multiples of it.
    """

    window_ms: int
    lateness_ms: int
    every_ms: int

    @classmethod
    def of(cls, settings: Settings) -> Timing:
        """What the settings say."""
        return cls(
            round(settings.learn_window_s * 1000),
            round(settings.learn_lateness_s * 1000),
            round(settings.learn_every_s * 1000),
        )
