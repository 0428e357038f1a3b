"""The language model in training: texts in, one vector a text out, by transformers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from scoring.bfloat16 import multiplies_in_bfloat16
from scoring.encoder import load_tokenizer, pool
from scoring.errors import EncoderFormatError
from scoring.folder import EncoderFolder, find_folder, read_folder
from scoring.language.adaptation import adapt, freeze_words, thaw
from scoring.language.groups import Group, groups
from scoring.pairs import pool_sides, tells_segments
from scoring.training.recipe import BackboneSettings
from scoring.whole_model import whole_model

_Read = TypeVar("_Read", str, tuple[str, str])


class LanguageModel(nn.Module):
    """A backbone with its tokenizer and pooling.

    Attributes:
        folder: Where it came from.
        dim: Width of a vector.
        max_tokens: Longer texts are cut.
        tokenizer: It cuts there.
    """

    def __init__(self, settings: BackboneSettings) -> None:
        super().__init__()
        self.folder: EncoderFolder = read_folder(find_folder(settings.source))
        if settings.adaptation == "lora" and not settings.lora.merged and self.folder.update:
            raise EncoderFormatError(
                f"{self.folder.update} is an update itself, and an update of it cannot be saved "
                "alone: train with lora.merged = true"
            )
        self.dim = self.folder.dim
        self.max_tokens = min(self.folder.max_tokens, settings.max_tokens or 1_000_000)
        self.settings = settings
        self.backbone = adapt(_load(self.folder, settings.dropout), settings)
        self.tokenizer: Tokenizer = load_tokenizer(self.folder, self.max_tokens)

    def forward(self, texts: Sequence[str]) -> Tensor:
        """Texts (n) -> (n, d) pooled vectors of any length, in their order."""
        parts, order = [], []
        for group in self.groups(texts):
            hidden, mask = self.hidden(group.ids, group.mask)
            parts.append(pool(hidden, mask, self.folder.pooling))  # (m, d)
            order += group.places
        back = torch.tensor(order, device=self.device).argsort()
        return torch.cat(parts)[back]

    def pairs(self, pairs: Sequence[tuple[str, str]]) -> Tensor:
        """Pairs (n) -> (2, n, d): each text of a pair, read with the other one in sight."""
        parts, order = [], []
        for group in groups(self.tokenizer.encode_batch(list(pairs))):
            hidden, _ = self.hidden(group.ids, group.mask, group.segments)
            parts.append(pool_sides(hidden, torch.tensor(group.sides, device=self.device)))
            order += group.places
        back = torch.tensor(order, device=self.device).argsort()
        return torch.cat(parts, dim=1)[:, back]

    def groups(self, texts: Sequence[str]) -> Iterator[Group]:
        """Tokens of texts, cut and in groups of like length."""
        return groups(self.tokenizer.encode_batch(list(texts)))

    def hidden(
        self,
        ids: Sequence[Sequence[int]],
        mask: Sequence[Sequence[int]],
        segments: Sequence[Sequence[int]] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """(m, T) token ids and mask -> (m, T, d) token vectors, and the (m, T) mask as a tensor.

        Segment ids are of pairs; a model without segments is not told them.
        """
        tokens, mask_ = torch.tensor(ids), torch.tensor(mask)
        tokens, mask_ = tokens.to(self.device), mask_.to(self.device)
        more = {}
        if segments is not None and tells_segments(self.folder.config):
            more = {"token_type_ids": torch.tensor(segments).to(self.device)}
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.narrow):
            read = self.backbone(input_ids=tokens, attention_mask=mask_, **more)
        return read.last_hidden_state.float(), mask_

    def begin_epoch(self, epoch: int, heads: nn.Module | None) -> None:
        """Thaw what this epoch thaws.

        Args:
            epoch: From 0.
            heads: What sits on it; where nothing of that learns, every layer thaws an epoch sooner,
                for the first epoch would teach nothing.
        """
        if self.settings.adaptation == "gradual":
            learns = heads is not None and next(heads.parameters(), None) is not None
            thaw(self.backbone, epoch if learns else epoch + 1)
            freeze_words(self.backbone, self.settings)

    @property
    def words(self) -> nn.Module:
        """The layer of word vectors."""
        layer: nn.Module = self.backbone.get_input_embeddings()  # type: ignore[operator]
        return layer

    def whole_words(self) -> tuple[list[str], Tensor]:
        """Words of three letters or more that are one token: V of them in lower case, (V, d)."""
        special = self.tokenizer.get_added_tokens_decoder()
        ids = [i for i in range(self.tokenizer.get_vocab_size()) if i not in special]
        said = [self.tokenizer.decode([i]).strip() for i in ids]
        apart = self.tokenizer.encode_batch(said, add_special_tokens=False)
        found: dict[str, int] = {}
        for word, place, tokens in zip(said, ids, apart, strict=True):
            # Padded to the longest of all: what counts is before the padding.
            alone = tokens.ids[0] == place and sum(tokens.attention_mask) == 1
            if alone and len(word) > 2 and word.isalpha():
                found.setdefault(word.lower(), place)
        table = self.words.get_parameter("weight").detach()  # (all tokens, d)
        return list(found), table[list(found.values())]

    @property
    def narrow(self) -> bool:
        """Whether its layers compute in bfloat16."""
        if self.settings.precision == "auto":
            return multiplies_in_bfloat16(self.device)
        return self.settings.precision == "bfloat16"

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def train(self, mode: bool = True) -> LanguageModel:
        """A frozen backbone has no dropout: nothing in it learns to bear it."""
        super().train(mode and self.settings.adaptation != "frozen")
        self.training = mode
        return self

    def vectors(self, texts: Sequence[str], batch: int = 128) -> Tensor:
        """Texts (n) -> (n, d) without gradients and dropout; mode is left as it was."""
        return self._quietly(texts, len, self, batch)

    def pair_vectors(self, pairs: Sequence[tuple[str, str]], batch: int = 128) -> Tensor:
        """Pairs (n) -> (2, n, d) without gradients and dropout; mode is left as it was."""

        def length(pair: tuple[str, str]) -> int:
            return len(pair[0]) + len(pair[1])

        found = self._quietly(pairs, length, lambda some: self.pairs(some).transpose(0, 1), batch)
        return found.transpose(0, 1)

    def _quietly(
        self,
        asked: Sequence[_Read],
        length: Callable[[_Read], int],
        read: Callable[[Sequence[_Read]], Tensor],
        batch: int,
    ) -> Tensor:
        """(n, …) in the order of what is asked."""
        was = self.training
        self.eval()
        with torch.no_grad():
            order = sorted(range(len(asked)), key=lambda place: length(asked[place]))
            parts = [
                read([asked[place] for place in order[start : start + batch]]).cpu()
                for start in range(0, len(order), batch)
            ]
        self.train(was)
        return torch.cat(parts)[torch.tensor(order).argsort()]


def _load(folder: EncoderFolder, dropout: float | None) -> nn.Module:
    names = ("hidden_dropout_prob", "attention_probs_dropout_prob")
    others = ("dropout", "attention_dropout")  # DistilBERT's names
    changed = {} if dropout is None else dict.fromkeys((*names, *others), dropout)
    return whole_model(folder, torch.float32, changed)
