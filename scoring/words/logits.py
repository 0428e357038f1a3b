"""Texts -> TF-IDF of hashed words and letters -> logits, linearly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn

_READ: Final[tuple[dict[str, Any], ...]] = (
    {"analyzer": "word", "ngram_range": (1, 2)},
    {"analyzer": "char_wb", "ngram_range": (2, 5)},
)
"""One and two words; two to five letters within a word."""
_MOST_STEPS: Final = 1_000


class WordLogits(nn.Module):
    """Multinomial logistic regression on TF-IDF columns (Joachims, ECML 1998).

    Columns are hashed (Weinberger et al., ICML 2009), so that a vocabulary need not be kept. Counts
    enter by ``1 + log``; words and letters are of length 1 each.

    Args:
        columns: H, of words; as many of letters.
        n_logits: C.

    Attributes:
        idf: (2 H,) how rare a column is among the learned texts.
        weight: (2 H, C).
        bias: (C,).
    """

    idf: Tensor
    weight: Tensor
    bias: Tensor

    def __init__(self, columns: int, n_logits: int) -> None:
        super().__init__()
        self.register_buffer("idf", torch.ones(2 * columns))
        self.register_buffer("weight", torch.zeros(2 * columns, n_logits))
        self.register_buffer("bias", torch.zeros(n_logits))

    def forward(self, texts: Sequence[str]) -> Tensor:
        """Texts (n) -> (n, C), without gradients."""
        found = self._weighted(self._counts(texts)) @ self.weight.numpy()
        return torch.from_numpy(found) + self.bias

    def learn(self, texts: Sequence[str], targets: Sequence[object], strength: float) -> None:
        """Fit to texts (n) and targets (n), whose C kinds, or 2 for one logit, are sorted.

        The loss is convex and followed to its end, so it needs neither a seed nor an epoch.
        """
        from sklearn.linear_model import LogisticRegression

        counts = self._counts(texts)
        seen = np.concatenate([block.getnnz(axis=0) for block in counts])
        self.idf.copy_(torch.from_numpy(1 + np.log((1 + len(texts)) / (1 + seen))))
        regression = LogisticRegression(C=strength, max_iter=_MOST_STEPS)
        regression.fit(self._weighted(counts), targets)
        missing = len(self.bias) - len(regression.coef_)  # of two classes the first has logit 0
        weight = np.pad(regression.coef_, ((missing, 0), (0, 0)))
        self.weight.copy_(torch.from_numpy(weight.T))
        self.bias.copy_(torch.from_numpy(np.pad(regression.intercept_, (missing, 0))))

    def _counts(self, texts: Sequence[str]) -> list[Any]:
        """(n, H) of words, (n, H) of letters."""
        from sklearn.feature_extraction.text import HashingVectorizer

        shape = {"n_features": len(self.idf) // 2, "dtype": np.float32}
        return [
            HashingVectorizer(alternate_sign=False, norm=None, **shape, **read).transform(texts)
            for read in _READ
        ]

    def _weighted(self, counts: Sequence[Any]) -> Any:
        """Counts -> (n, 2 H)."""
        from sklearn.preprocessing import normalize

        blocks = []
        for block, idf in zip(counts, self.idf.numpy().reshape(2, -1), strict=True):
            common = block.copy()
            common.data = 1 + np.log(block.data)
            blocks.append(normalize(common.multiply(idf)))
        return sparse.hstack(blocks, format="csr")
