"""Tokenized texts of like length, to go through the layers together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tokenizers import Encoding

_TOGETHER: Final = 16


@dataclass(frozen=True, slots=True)
class Group:
    """Texts (m) that share a batch of the backbone; half of the work is padding otherwise.

    Attributes:
        places: (m,) which texts these are.
        encodings: (m,) their tokens; padding beyond `longest` is not looked at.
        longest: T, tokens of the longest.
    """

    places: list[int]
    encodings: list[Encoding]
    longest: int

    @property
    def ids(self) -> list[list[int]]:
        """(m, T) token ids."""
        return [encoding.ids[: self.longest] for encoding in self.encodings]

    @property
    def mask(self) -> list[list[int]]:
        """(m, T) 1 where there is a token."""
        return [encoding.attention_mask[: self.longest] for encoding in self.encodings]

    @property
    def words(self) -> list[list[int | None]]:
        """(m, T) which word of the text a token is part of; None for tokens that are of none."""
        return [encoding.word_ids[: self.longest] for encoding in self.encodings]

    @property
    def segments(self) -> list[list[int]]:
        """(m, T) segment ids, as the tokenizer gives them."""
        return [encoding.type_ids[: self.longest] for encoding in self.encodings]

    @property
    def sides(self) -> list[list[int]]:
        """(m, T) which text of a pair a token is of, 0 or 1; -1 for tokens of neither."""
        return [
            [-1 if side is None else side for side in encoding.sequence_ids[: self.longest]]
            for encoding in self.encodings
        ]


def groups(encodings: Sequence[Encoding]) -> Iterator[Group]:
    """Encodings (n), padded or not, in groups of like length, the short ones first."""
    # Those of one call are padded to its longest: without their padding they are cut again.
    lengths = [sum(encoding.attention_mask) for encoding in encodings]
    order = sorted(range(len(encodings)), key=lambda place: lengths[place])
    for start in range(0, len(order), _TOGETHER):
        places = order[start : start + _TOGETHER]
        yield Group(places, [encodings[place] for place in places], lengths[places[-1]])
