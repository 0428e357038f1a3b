"""A small network that ranks candidates, taught by whole lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tests.benchmarks.baskets.questions import Questions

_RANKED: Final = (
    "decayed_45d decayed_90d customers customers_30d recent baskets_30d following alike text"
    " nearest_text trend_3d trend_14d given_baskets given_customers given_text"
).split()
"""Features of which the place within the list is a feature, too."""

_LISTS_A_STEP: Final = 32


@dataclass(frozen=True, slots=True)
class Setting:
    """How a network is taught."""

    width: int = 64
    n_hidden: int = 2
    epochs: int = 12
    learning_rate: float = 2e-3
    dropout: float = 0.1
    weight_decay: float = 1e-4


class Scale:
    """Features -> inputs of about unit size, with places within the list beside them."""

    def __init__(self, learned_from: Sequence[Questions]) -> None:
        sums = np.zeros((3, len(learned_from[0].names)))
        for questions in learned_from:
            values = questions.features.astype(np.float64)
            sums += [np.full(values.shape[1], len(values)), values.sum(0), (values**2).sum(0)]
        self._mean = sums[1] / sums[0]
        self._deviation = np.sqrt(np.maximum(sums[2] / sums[0] - self._mean**2, 0)) + 1e-6

    def inputs(self, questions: Questions) -> Tensor:
        """(M, F + ranked features)."""
        scaled = np.clip((questions.features - self._mean) / self._deviation, -5, 5)
        ranked = [questions.names.index(name) for name in _RANKED if name in questions.names]
        places = np.empty((len(scaled), len(ranked)), np.float32)
        for start, end in pairwise(questions.starts):
            values = questions.features[start:end, ranked]
            order = values.argsort(axis=0, kind="stable").argsort(axis=0)
            places[start:end] = 1.5 - np.log1p(end - start - 1 - order) / 2
        return torch.from_numpy(np.concatenate([scaled, places], axis=1).astype(np.float32))


def teach(
    inputs: Sequence[Tensor], learned_from: Sequence[Questions], setting: Setting, seed: int
) -> nn.Module:
    """A network (n, F) -> (n, 1) taught by the softmax of lists (ListNet, Cao et al., ICML 2007).

    A list's loss is the mean over its wanted items of ``-log softmax``; each list weighs the same.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = _network(inputs[0].shape[1], setting)
    lists = [
        (part, int(start), int(end))
        for part, questions in enumerate(learned_from)
        for start, end in pairwise(questions.starts)
        if questions.wanted[start:end].any()
    ]
    wanted = [torch.from_numpy(questions.wanted.astype(np.float32)) for questions in learned_from]
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=setting.learning_rate, weight_decay=setting.weight_decay
    )
    steps = len(lists) // _LISTS_A_STEP
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, setting.learning_rate, total_steps=steps * setting.epochs + 1, pct_start=0.1
    )
    for _ in range(setting.epochs):
        order = rng.permutation(len(lists))
        for step in range(steps):
            chosen = [lists[i] for i in order[step * _LISTS_A_STEP : (step + 1) * _LISTS_A_STEP]]
            scores = network(torch.cat([inputs[p][s:e] for p, s, e in chosen])).squeeze(1)
            loss = _list_loss(
                scores,
                torch.cat([wanted[p][s:e] for p, s, e in chosen]),
                torch.tensor([e - s for _, s, e in chosen]),
            )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    return network.eval()


def scores_of(network: nn.Module, inputs: Tensor) -> NDArray[np.float64]:
    """(M,) of mean 0 and deviation 1, so that networks can be averaged."""
    with torch.no_grad():
        found = network(inputs).squeeze(1).double().numpy()
    scaled: NDArray[np.float64] = (found - found.mean()) / found.std()
    return scaled


def _network(n_inputs: int, setting: Setting) -> nn.Module:
    layers: list[nn.Module] = []
    for _ in range(setting.n_hidden):
        layers += [nn.Linear(n_inputs, setting.width), nn.GELU(), nn.Dropout(setting.dropout)]
        n_inputs = setting.width
    return nn.Sequential(*layers, nn.Linear(n_inputs, 1))


def _list_loss(scores: Tensor, wanted: Tensor, lengths: Tensor) -> Tensor:
    """(n,) scores of lists one after the other -> mean loss of a list."""
    lists = torch.repeat_interleave(torch.arange(len(lengths)), lengths)  # (n,)
    zeros = torch.zeros(len(lengths))
    most = torch.full_like(zeros, -torch.inf).scatter_reduce(0, lists, scores.detach(), "amax")
    total = zeros.scatter_add(0, lists, (scores - most[lists]).exp()).log() + most
    n_wanted = zeros.scatter_add(0, lists, wanted)
    return (wanted * (total[lists] - scores) / n_wanted[lists]).sum() / len(lengths)
