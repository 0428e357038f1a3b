"""Words left out, moved and replaced: easy data augmentation."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from string import punctuation

from scoring.augmentation.settings import Augmentation

Synonyms = Mapping[str, Sequence[str]]
"""A word in lower case -> words that mean the same, or nearly."""


def edited(text: str, settings: Augmentation, synonyms: Synonyms, draw: random.Random) -> str:
    """A text with some of its words changed (Wei & Zou, EMNLP-IJCNLP 2019, section 2).

    Their α of all words is here the chance of each word; and words are not inserted. A text keeps
    one word at least.

    Args:
        text: Words with blanks between.
        settings: The chances.
        synonyms: Of the words that have any.
        draw: Where chance comes from; so many numbers of it depend on the text.
    """
    words = [
        _replaced(word, synonyms, draw) if draw.random() < settings.synonyms else word
        for word in text.split()
    ]
    for place in range(len(words)):
        if draw.random() < settings.swap:
            other = draw.randrange(len(words))
            words[place], words[other] = words[other], words[place]
    kept = [word for word in words if draw.random() >= settings.delete]
    return " ".join(kept or [draw.choice(words)])


def _replaced(word: str, synonyms: Synonyms, draw: random.Random) -> str:
    """Another word between the same marks, or the same where there is none."""
    core = word.strip(punctuation)
    others = synonyms.get(core.lower())
    return word.replace(core, draw.choice(others), 1) if others else word
