"""Which word stood here? The head of masked language modelling, tied to the word vectors."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear


class WordsHead(nn.Module):
    """A layer, a norm, and the word vectors as the classes (Devlin et al., NAACL 2019).

    The word vectors belong to the language model and are given at each call: one set of weights
    reads words and says them (Press & Wolf, EACL 2017).

    Args:
        dim: Of a token vector.
        width: Of a word vector.
        n_words: Of the vocabulary.
    """

    def __init__(self, dim: int, width: int, n_words: int) -> None:
        super().__init__()
        self.dense = nn.Linear(dim, width)
        self.norm = nn.LayerNorm(width)
        self.bias = nn.Parameter(torch.zeros(n_words))

    def forward(self, hidden: Tensor, words: Tensor) -> Tensor:
        """(m, d) token vectors and (V, w) word vectors -> (m, V) logits."""
        return linear(self.norm(gelu(self.dense(hidden))), words, self.bias)
