"""Texts that have lost words: what stands in for new texts where all rows were learned."""

from __future__ import annotations

import random
from typing import Final

from scoring.augmentation.settings import Augmentation
from scoring.augmentation.words import edited
from scoring.tasks.contract import Example

WORN: Final = 0.1
"""Share of words: that of Wei & Zou, EMNLP 2019 ("EDA"), section 2; measured in
docs/benchmarks-encoder.md."""


def without_words(row: Example, share: float) -> Example:
    """A row whose texts have lost about this share of their words, always the same ones.

    A text keeps one word at least.
    """
    settings = Augmentation(delete=share)
    draws = (random.Random(text) for text in row.texts)  # noqa: S311 - no secret
    texts = [edited(text, settings, {}, draw) for text, draw in zip(row.texts, draws, strict=True)]
    return Example(tuple(texts), row.target)
