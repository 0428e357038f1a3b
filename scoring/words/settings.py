"""How words and letters are counted, as `[words]` of a recipe says it."""

from __future__ import annotations

from typing import Annotated

import msgspec


class WordsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is read in place of a language model's vectors.

    Attributes:
        columns: Of words and pairs of words, and as many of letters: what hashes to the same column
            counts as the same.
        strength: The C of the logistic regression: the larger, the less its weights are held down.
    """

    columns: Annotated[int, msgspec.Meta(ge=2, le=2**24)] = 8192
    strength: Annotated[float, msgspec.Meta(gt=0)] = 10.0
