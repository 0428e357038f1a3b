"""A language model that says hidden words and finds partners of texts."""

from __future__ import annotations

import json
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from scoring.errors import EncoderFormatError, ModelError
from scoring.language.model import LanguageModel
from scoring.losses.contrastive import contrastive
from scoring.pretraining.corpus import Pair
from scoring.pretraining.masking import Masker
from scoring.pretraining.recipe import Masking
from scoring.pretraining.words_head import WordsHead

_USUAL: Final = ("[MASK]", "<mask>")


@dataclass(frozen=True, slots=True)
class Said:
    """What a model says of hidden tokens.

    Attributes:
        loss: Scalar, mean cross-entropy in nats; 0 of no token.
        n_right: Tokens whose likeliest word is the right one.
        n: Tokens.
    """

    loss: Tensor
    n_right: int
    n: int


class PretrainingModel(nn.Module):
    """One language model, a head for words; pairs need nothing beside the vectors.

    Args:
        language: All losses share it.
        masking: What is hidden; None = no words are learned.

    Attributes:
        language: As given.
        words_head: Its output layer is the language model's word vectors; None without masking.
    """

    def __init__(self, language: LanguageModel, masking: Masking | None) -> None:
        super().__init__()
        self.language = language
        self.words_head: WordsHead | None = None
        if masking is not None:
            n_words, width = _table(language).shape
            self.words_head = WordsHead(language.dim, width, n_words)
            self._masker = Masker(masking, find_mask(language), n_words)

    def words(self, texts: Sequence[str], seed: int) -> Said:
        """Hide words of texts, chosen by the seed, and have them said.

        Raises:
            ModelError: It was made without masking.
        """
        if self.words_head is None:
            raise ModelError("this model learns no words")
        language = self.language
        draw = random.Random(seed)  # noqa: S311 - chance that can be repeated
        hidden, targets = [], []
        for group in language.groups(texts):
            changed, rows, places = [], [], []
            for row, (ids, words) in enumerate(zip(group.ids, group.words, strict=True)):
                new, chosen = self._masker.hide(ids, words, draw)
                changed.append(new)
                rows += [row] * len(chosen)
                places += chosen
                targets += [ids[place] for place in chosen]
            vectors, _ = language.hidden(changed, group.mask)  # (m, T, d)
            hidden.append(vectors[rows, places])
        target = torch.tensor(targets, dtype=torch.int64, device=language.device)  # (M,)
        with torch.autocast(language.device.type, torch.bfloat16, enabled=language.narrow):
            logits = self.words_head(torch.cat(hidden), _table(language)).float()  # (M, V)
        n_right = int((logits.detach().argmax(dim=1) == target).sum())
        # Texts without a token hide none: of such a batch a mean would be no number.
        loss = cross_entropy(logits, target, reduction="sum") / max(len(target), 1)
        return Said(loss, n_right, len(target))

    def pairs(
        self,
        pairs: Sequence[Pair],
        known: Mapping[str, Collection[str]],
        temperature: float,
    ) -> Tensor:
        """In-batch contrast of pairs (B) -> scalar; what is as right as the own is no negative.

        Args:
            pairs: What is asked, and what is to be found.
            known: All that is right for each left side.
            temperature: Of the softmax over cosines.
        """
        left, right = zip(*pairs, strict=True)
        both: Tensor = self.language([*left, *right])
        same = torch.tensor(
            [[found in known[asked] for found in right] for asked in left], device=both.device
        )  # (B, B)
        asked, found = both.chunk(2)
        return contrastive(asked, found, temperature, same)

    def shared(self) -> list[nn.Parameter]:
        """What more than one loss reaches."""
        thaws = self.language.settings.adaptation == "gradual"
        return [p for p in self.language.parameters() if p.requires_grad or thaws]


def find_mask(language: LanguageModel) -> int:
    """Id of the token that stands for a hidden word.

    Raises:
        EncoderFormatError: The tokenizer has none.
    """
    said = None
    if (file := language.folder.path / "tokenizer_config.json").is_file():
        said = json.loads(file.read_text("utf-8")).get("mask_token")
    if isinstance(said, dict):  # an added token with its flags
        said = said.get("content")
    for token in (said, *_USUAL):
        if token is not None and (found := language.tokenizer.token_to_id(token)) is not None:
            return found
    raise EncoderFormatError(
        f"{language.folder.path} has no token for hidden words (mask_token in "
        "tokenizer_config.json): choose another encoder, or weights.words = 0"
    )


def _table(language: LanguageModel) -> Tensor:
    """(V, w) word vectors."""
    table: Tensor = language.words.weight  # type: ignore[assignment]
    return table
