"""A static encoder distilled from MiniLM: one vector a token, a text is their weighted mean.

`distilled`: what MiniLM says of each token alone, weighted by how rare it is (SIF: Arora et al.,
ICLR 2017; so does model2vec). `fitted`: the same table, then trained to give MiniLM's vectors of
queries and of parts of titles. It is not used: bench_encoder shows what it loses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import embedding_bag, normalize

from scoring import load_encoder
from tests.benchmarks.encoder_forms import ITEM_TOKENS

_SIF: Final = 1e-3
_EPOCHS: Final = 12
_BATCH: Final = 512
_RATE: Final = 2e-3


@dataclass(frozen=True)
class StaticQueries:
    """Queries by the table; items by MiniLM itself, so that both are in one space.

    Attributes:
        table: (V, d), rarity included.
        tokenizer: MiniLM's, without special tokens.
        items: MiniLM.
    """

    table: Tensor
    tokenizer: Any
    items: Any

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        with torch.inference_mode():
            pooled = _pooled(self.table, _ids(self.tokenizer, texts))
            found: NDArray[np.float32] = normalize(pooled, dim=1).numpy()
        return found

    def encode_items(self, texts: Sequence[str]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = self.items.encode_items(texts)
        return found


def distilled() -> StaticQueries:
    """The table of single tokens, without any text."""
    minilm = load_encoder(threads=1, max_tokens=ITEM_TOKENS, precision="bfloat16")
    tokenizer = minilm._tokenizer
    size = tokenizer.get_vocab_size()
    first, last = tokenizer.encode("").ids  # [CLS] and [SEP]
    rows = []
    with torch.inference_mode():
        for start in range(0, size, 256):
            ids = torch.arange(start, min(start + 256, size))
            ends = [torch.full_like(ids, place) for place in (first, last)]
            tokens = torch.stack([ends[0], ids, ends[1]], dim=1)  # (n, 3)
            hidden = minilm._backbones.items(tokens, torch.ones_like(tokens)).float()
            rows.append(normalize(hidden.mean(dim=1), dim=1))
    # BERT's vocabulary is in the order of frequency, which Zipf's law makes a probability.
    share = 1.0 / (torch.arange(size) + 2.7)
    rarity = _SIF / (_SIF + share / share.sum())
    return StaticQueries(torch.cat(rows) * rarity[:, None], tokenizer, minilm)


def fitted(start: StaticQueries, texts: Sequence[str], seed: int = 0) -> StaticQueries:
    """The table after gradient descent on `1 - cos(static, MiniLM)` over `texts`."""
    target = torch.from_numpy(start.items.encode_queries(texts))
    table = start.table.clone().requires_grad_(True)
    optimiser = torch.optim.Adam([table], lr=_RATE)
    ids = _ids(start.tokenizer, texts)
    order = np.random.default_rng(seed)
    for _ in range(_EPOCHS):
        for places in np.array_split(order.permutation(len(texts)), len(texts) // _BATCH + 1):
            found = normalize(_pooled(table, [ids[place] for place in places]), dim=1)
            loss = 1 - (found * target[places]).sum(dim=1).mean()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return StaticQueries(table.detach(), start.tokenizer, start.items)


def _ids(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """At least one token a text: the one for what is unknown."""
    tokenizer.no_padding()
    found = tokenizer.encode_batch(list(texts), add_special_tokens=False)
    tokenizer.enable_padding()
    unknown = tokenizer.token_to_id("[UNK]")
    return [encoding.ids or [unknown] for encoding in found]


def _pooled(table: Tensor, ids: Sequence[Sequence[int]]) -> Tensor:
    """Means of rows: (n) lists of ids -> (n, d)."""
    flat = torch.tensor([token for row in ids for token in row])
    starts = torch.tensor([0, *(len(row) for row in ids[:-1])]).cumsum(0)
    return embedding_bag(flat, table, starts, mode="mean")
