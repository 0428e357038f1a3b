"""How texts are changed, as `augmentation` of a recipe says it."""

from __future__ import annotations

from typing import Annotated

import msgspec

Chance = Annotated[float, msgspec.Meta(ge=0, le=1)]


class BackTranslation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Into another language and back (Sennrich, Haddow & Birch, ACL 2016; Edunov et al. 2018).

    Attributes:
        there: Folder of a sequence-to-sequence model of transformers, beneath the data folder.
        back: Of the one for the way back.
        share: Chance that a text is replaced by what came back, each time it comes.
    """

    there: str
    back: str
    share: Chance = 0.3


class Augmentation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Changes of words (Wei & Zou, EMNLP-IJCNLP 2019), and whole texts said anew.

    Attributes:
        share: Chance that the words of a text are changed at all, each time it comes.
        delete: Of such a text's words, the chance of each to be left out; one always stays.
        swap: The chance of each to change places with another.
        synonyms: The chance of each to be replaced, if there is a word for it.
        synonym_file: Lines of words that mean the same, with commas between, beneath the data
            folder; None = the words that are nearest in the encoder's own word vectors.
        back_translation: None = none.
        tasks: Whose rows; empty = all.
    """

    share: Chance = 0.5
    delete: Chance = 0.0
    swap: Chance = 0.0
    synonyms: Chance = 0.0
    synonym_file: str | None = None
    back_translation: BackTranslation | None = None
    tasks: list[str] = []
