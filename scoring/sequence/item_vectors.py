"""Item -> vector: what its text says, and what was learned of it once it was seen enough."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

_SPREAD = 0.02


class ItemVectors(nn.Module):
    """``P text_i + id_i``, either part alone where there is only one.

    A cold item has no id vector, so that it is where its text puts it; UniSRec (Hou et al., KDD
    2022, section 2.3.2) adds the two in the same way.

    Attributes:
        text: (N, t) unit vectors of an encoder, never trained; None = ids only.
        ids: (W, d) one vector for each warm item.
    """

    text: Tensor | None
    rows: Tensor | None

    def __init__(self, n_items: int, width: int, text: Tensor | None, warm: Tensor | None) -> None:
        """Begin with small random vectors.

        Args:
            n_items: N.
            width: d.
            text: (N, t); None = there is none.
            warm: (N,) bool, items with an id vector; None = all.
        """
        super().__init__()
        self.n_items = n_items
        self.register_buffer("text", text, persistent=False)
        self.project = None if text is None else nn.Linear(text.shape[1], width, bias=False)
        n_warm = n_items if warm is None else int(warm.sum())
        self.ids = nn.Parameter(_SPREAD * torch.randn(n_warm, width))
        rows = None
        if warm is not None:
            rows = torch.where(warm, warm.cumsum(0) - 1, -1)  # (N,)
        self.register_buffer("rows", rows)

    def forward(self, items: Tensor) -> Tensor:
        """(...) catalogue rows -> (..., d)."""
        text = None if self.text is None else self.text[items]  # (..., t)
        return self.mix(items if self.rows is None else self.rows[items], text)

    def all(self) -> Tensor:
        """(N, d) of the whole catalogue."""
        if self.rows is None and self.project is None:
            return self.ids
        return cast(Tensor, self(torch.arange(self.n_items, device=self.ids.device)))

    def mix(self, rows: Tensor, text: Tensor | None) -> Tensor:
        """Rows of `ids` (...), -1 where there is none, and (..., t) text -> (..., d)."""
        if self.ids.shape[0]:
            vectors = self.ids[rows.clamp(min=0)]  # (..., d)
            if self.rows is not None or self.project is not None:
                vectors = vectors * (rows >= 0).unsqueeze(-1)
        else:
            vectors = self.ids.new_zeros(*rows.shape, self.ids.shape[1])
        if self.project is None or text is None:
            return vectors
        projected: Tensor = self.project(text)  # (..., d)
        return vectors + projected
