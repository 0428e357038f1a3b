"""One layer: events look back at each other, then each is worked on by itself."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class Block(nn.Module):
    """Causal self-attention and a point-wise network, each behind a norm, beside a shortcut.

    SASRec (Kang & McAuley, ICDM 2018, section III-B) with the norms before both parts and nothing
    normalised on the shortcut (Xiong et al., ICML 2020): it trains without a warm-up.
    """

    def __init__(self, width: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.before_attention = nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.mix_heads = nn.Linear(width, width)
        self.before_network = nn.LayerNorm(width)
        self.widen = nn.Linear(width, 4 * width)
        self.activation = nn.GELU()
        self.narrow = nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """(B, T, d) and (B, H, T, T) -> (B, T, d)."""
        x = x + self.dropout(self._attend(self.before_attention(x), bias))  # (B, T, d)
        hidden = self.dropout(self.activation(self.widen(self.before_network(x))))  # (B, T, 4d)
        worked_on: Tensor = x + self.dropout(self.narrow(hidden))  # (B, T, d)
        return worked_on

    def _attend(self, x: Tensor, bias: Tensor) -> Tensor:
        n_users, length, width = x.shape
        parts = self.queries_keys_values(x)  # (B, T, 3d)
        parts = parts.view(n_users, length, 3, self.n_heads, width // self.n_heads)
        queries, keys, values = parts.permute(2, 0, 3, 1, 4)  # each (B, H, T, d/H)
        drop = self.dropout.p if self.training else 0.0
        seen = scaled_dot_product_attention(queries, keys, values, bias, drop)  # (B, H, T, d/H)
        mixed: Tensor = self.mix_heads(seen.transpose(1, 2).reshape(n_users, length, width))
        return mixed
