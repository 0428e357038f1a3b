"""Words are hidden from a text, for a model that learns to say what stood there."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from scoring.pretraining.recipe import Masking

_HIDDEN: Final = 0.8
_OTHER: Final = 0.1  # the rest stays, and is to be said all the same


@dataclass(frozen=True, slots=True)
class Masker:
    """Hides a share of a text's tokens (Devlin et al., NAACL 2019, section 3.1).

    Of those that are chosen, 80 % become the mask, 10 % any word, 10 % stay as they are.

    Attributes:
        masking: How much, and whether whole words.
        mask_id: Of the mask.
        n_words: Of the vocabulary.
    """

    masking: Masking
    mask_id: int
    n_words: int

    def hide(
        self, ids: Sequence[int], words: Sequence[int | None], draw: random.Random
    ) -> tuple[list[int], list[int]]:
        """Choose and hide.

        Args:
            ids: (T,) token ids.
            words: (T,) which word each token is part of; None = never chosen.
            draw: Chooses.

        Returns:
            (T,) changed ids, and the chosen places in ascending order.
        """
        chosen = sorted(self._choose(words, draw))
        changed = list(ids)
        for place in chosen:
            fate = draw.random()
            if fate < _HIDDEN:
                changed[place] = self.mask_id
            elif fate < _HIDDEN + _OTHER:
                changed[place] = draw.randrange(self.n_words)
        return changed, chosen

    def _choose(self, words: Sequence[int | None], draw: random.Random) -> list[int]:
        """Places of whole units in a random order, until the share is reached; one at least."""
        units: dict[int, list[int]] = {}
        for place, word in enumerate(words):
            if word is not None:
                units.setdefault(word if self.masking.whole_words else place, []).append(place)
        wanted = max(1, round(self.masking.share * sum(map(len, units.values()))))
        order = list(units.values())
        draw.shuffle(order)
        chosen: list[int] = []
        for unit in order:
            # A long word must not take the place of several, unless it is the first.
            if not chosen or len(chosen) + len(unit) <= wanted:
                chosen += unit
        return chosen
