"""ADWIN, whose memory can be written down: what it was told since it last forgot all."""

from __future__ import annotations

from typing import Any, Final

DELTA: Final = 0.002
"""ADWIN's bound on a false alarm; river's default."""

MOST: Final = 4_096
"""Then the older half is forgotten, and ADWIN is told the newer one again."""


class Change:
    """Whether the mean of a series has changed (ADWIN; Bifet & Gavaldà, SDM 2007), by river.

    Its own state is no text, so the series is kept, and told again on restoring.
    """

    def __init__(self, told: list[float] | None = None) -> None:
        """Begin, or go on.

        Args:
            told: `told` of an earlier one.
        """
        self.told: list[float] = []
        self._adwin = self._new()
        for value in told or ():
            self.add(value)

    def _new(self) -> Any:
        from river.drift import ADWIN

        return ADWIN(delta=DELTA, clock=1)

    def add(self, value: float) -> bool:
        """Tell a value, in a range of about 1; whether the series has changed by it."""
        if len(self.told) >= MOST:
            self._adwin, kept, self.told = self._new(), self.told[MOST // 2 :], []
            for old in kept:
                self._tell(old)
        return self._tell(value)

    def _tell(self, value: float) -> bool:
        self.told.append(value)
        self._adwin.update(value)
        return bool(self._adwin.drift_detected)
