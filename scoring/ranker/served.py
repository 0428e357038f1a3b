"""A network as it is served: the same numbers in fewer passes, networks of several seeds apart."""

from __future__ import annotations

import copy
from typing import Final

import torch
from torch import Tensor, nn

from scoring.ranker.network import CLIP, HeadsNetwork
from scoring.ranker.pieces import Pieces

_AT_ONCE: Final = 1_024
"""Pairs whose columns and layers stay in a processor's cache from the first layer to the last."""

CPU: Final = torch.device("cpu")


class ServedNetwork:
    """What `HeadsNetwork.forward` says in evaluation mode, up to the last bits of float32.

    Columns lie in rows, as the ranker makes them, so nothing is turned round; each layer works in
    place on some pairs at a time. A network that `united` has made is as many small ones as it was
    made of, until something has been learned between them: a third of the products for three.
    A GPU works on all pairs at once.

    Attributes:
        device: Where it computes.
    """

    def __init__(self, network: HeadsNetwork, device: torch.device = CPU) -> None:
        """Take over its weights; later changes to it are not followed.

        Args:
            network: In evaluation mode, on the CPU.
            device: Where to compute.
        """
        self.device = device
        self._n = _n_networks(network.linear[1:])
        has_items = bool(network.items.any())
        network = copy.deepcopy(network).requires_grad_(requires_grad=False).to(device)
        self._mean = network.mean[:, None]  # (F, 1)
        self._deviation = network.deviation[:, None]
        self._slopes = network.slopes[:, None]  # (T, 1)
        self._shifts = network.shifts[:, None]
        self._head = _affine(network.heads)
        self._pieces = None if network.pieces is None else _of_pieces(network.pieces)
        self._inner = [_split(layer, self._n) for layer in network.linear[1:]]
        self._has_layers = bool(network.linear)
        self._n_columns = network.n_columns
        self._has_codes = network.n_codes > 0
        # Items say nothing for themselves until shown rows, or a learner on the stream, have.
        self._items = network.items.T.contiguous() if has_items else None  # (E, V)
        n_inputs = network.n_columns + (0 if self._items is None else len(self._items))
        first = _affine(network.first)
        self._first = (first[0][:, :n_inputs].contiguous(), first[1])

    def calibrated(self, columns: Tensor, codes: Tensor | None) -> Tensor:
        """(F, M) raw columns, (M,) item codes or None -> (T, M) logits whose sigmoid is a chance.

        Columns and codes may lie anywhere; the logits lie on `device`.

        Raises:
            ValueError: Items have vectors and there are no codes.
        """
        if self._has_codes and codes is None:
            raise ValueError("this network knows items by code: it needs their codes")
        columns = columns.to(self.device)
        codes = None if codes is None else codes.to(self.device)
        n_pairs = columns.shape[1]
        found = torch.empty(len(self._slopes), n_pairs, device=self.device)
        at_once = _AT_ONCE if self.device.type == "cpu" else max(n_pairs, 1)
        for start in range(0, n_pairs, at_once):
            some = slice(start, start + at_once)
            scaled = self._scaled(columns[:, some], None if codes is None else codes[some])
            weights, biases = self._first
            hidden = torch.addmm(biases, weights, scaled)  # (n w, m), or (T, m) without layers
            if self._has_layers:
                hidden = nn.functional.gelu(hidden)
                for weights, biases in self._inner:
                    apart = hidden.view(self._n, -1, hidden.shape[1])  # (n, w, m)
                    apart = torch.baddbmm(biases, weights, apart)
                    hidden = nn.functional.gelu(apart).view(hidden.shape)
                weights, biases = self._head
                hidden = torch.addmm(biases, weights, hidden)  # (T, m)
            torch.addcmul(self._shifts, hidden, self._slopes, out=found[:, some])
        return found

    def _scaled(self, columns: Tensor, codes: Tensor | None) -> Tensor:
        """(F, m) raw, (m,) codes -> (F + P, m), or (F + P + E, m)."""
        n, end = len(self._mean), self._n_columns
        found = torch.empty(self._first[0].shape[1], columns.shape[1], device=self.device)
        torch.sub(columns, self._mean, out=found[:n]).div_(self._deviation).clamp_(-CLIP, CLIP)
        if self._pieces is not None:
            of_columns, middles, halves = self._pieces
            torch.index_select(columns, 0, of_columns, out=found[n:end])
            found[n:end].sub_(middles).div_(halves).clamp_(-1.0, 1.0)
        if self._items is not None and codes is not None:
            torch.index_select(self._items, 1, codes, out=found[end:])
        return found


def _of_pieces(pieces: Pieces) -> tuple[Tensor, Tensor, Tensor]:
    """(P,) columns, (P, 1) middles and halves."""
    return pieces.columns, pieces.middles[:, None], pieces.halves[:, None]


def _affine(layer: nn.Linear) -> tuple[Tensor, Tensor]:
    """(outputs, inputs) weights and (outputs, 1) biases."""
    return layer.weight, layer.bias[:, None]


def _n_networks(layers: list[nn.Linear]) -> int:
    """Into how many networks these square layers fall apart; 1 where they do not."""
    if not layers:
        return 1
    width = len(layers[0].weight)
    for n in range(8, 1, -1):
        if width % n == 0:
            own = torch.block_diag(*[torch.ones(width // n, width // n)] * n)  # type: ignore[no-untyped-call]
            if not any(bool(layer.weight[own == 0].any()) for layer in layers):
                return n
    return 1


def _split(layer: nn.Linear, n: int) -> tuple[Tensor, Tensor]:
    """(n, w, w) weights and (n, w, 1) biases of the networks side by side in a layer."""
    width = len(layer.weight) // n
    weights = layer.weight.reshape(n, width, n, width)
    own = torch.stack([weights[i, :, i] for i in range(n)])
    return own.contiguous(), layer.bias.reshape(n, width, 1)
