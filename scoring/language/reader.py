"""An encoder that learns no more: texts in, the vectors of `LanguageModel` out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

import torch
from torch import Tensor

from scoring.backbone import Precision, load_pair_backbone
from scoring.encoder import load_tokenizer, pool
from scoring.folder import EncoderFolder
from scoring.language.groups import Group, groups
from scoring.pairs import pool_sides

_AT_ONCE: Final = 128
"""Texts whose tokens are in memory together."""

_Read = TypeVar("_Read", str, tuple[str, str])


class Reader:
    """Plain BERT by `scoring.bert`, for transformers takes longer to import than to answer.

    Attributes:
        dim: Width of a vector.
    """

    def __init__(self, folder: EncoderFolder, max_tokens: int | None, precision: Precision) -> None:
        """Load it.

        Args:
            folder: Of an encoder.
            max_tokens: Longer texts are cut; None = as the folder says.
            precision: That of the training, by whose vectors its heads were calibrated.

        Raises:
            EncoderFormatError: It does not load.
        """
        self.dim = folder.dim
        self._folder = folder
        self._backbone = load_pair_backbone(folder, precision, torch.device("cpu"))
        limit = min(folder.max_tokens, max_tokens or folder.max_tokens)
        self._tokenizer = load_tokenizer(folder, limit)

    def vectors(self, texts: Sequence[str]) -> Tensor:
        """Texts (n) -> (n, d) pooled vectors of any length, in their order."""
        found = torch.empty(len(texts), self.dim)
        for places, group in self._grouped(texts, len):
            mask = torch.tensor(group.mask)
            hidden = self._backbone(torch.tensor(group.ids), mask).float()
            found[places] = pool(hidden, mask, self._folder.pooling)
        return found

    def pair_vectors(self, pairs: Sequence[tuple[str, str]]) -> Tensor:
        """Pairs (n) -> (2, n, d): each text of a pair, read with the other one in sight."""
        found = torch.empty(2, len(pairs), self.dim)
        for places, group in self._grouped(pairs, lambda pair: len(pair[0]) + len(pair[1])):
            tokens = (torch.tensor(each) for each in (group.ids, group.mask, group.segments))
            hidden = self._backbone(*tokens).float()
            found[:, places] = pool_sides(hidden, torch.tensor(group.sides))
        return found

    def _grouped(
        self, asked: Sequence[_Read], length: Callable[[_Read], int]
    ) -> Iterator[tuple[list[int], Group]]:
        """Groups of like length, each with its places among all that is asked."""
        order = sorted(range(len(asked)), key=lambda place: length(asked[place]))
        for start in range(0, len(order), _AT_ONCE):
            some = order[start : start + _AT_ONCE]
            encodings = self._tokenizer.encode_batch([asked[place] for place in some])
            for group in groups(encodings):
                yield [some[place] for place in group.places], group
