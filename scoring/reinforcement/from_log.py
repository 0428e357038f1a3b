"""Training on a log: batch off-policy, from what was shown alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from scoring.ranker.network import HeadsNetwork
from scoring.reinforcement.cloning import clone
from scoring.reinforcement.logged import LoggedLists
from scoring.reinforcement.policy import new_network, scale_to, worths
from scoring.reinforcement.settings import LearningSettings
from scoring.reinforcement.supervised import fit
from scoring.reinforcement.top_k import importance, top_k_correction

_TINY: Final = 1e-30


@dataclass(frozen=True, slots=True)
class Pass:
    """How far a training on a log is.

    Attributes:
        number: Of the pass over the log, from 1.
        value: Estimated mean gain of an item over what was known of its user, in deviations.
        effective: Effective sample size of the ranks' weights, as a share of the ranks
            (Kong 1992): near 0 means that the log says little about this policy.
    """

    number: int
    value: float
    effective: float


def des_raj(weights: Tensor, logged: Tensor, free: Tensor) -> Tensor:
    """(B, 1) unbiased estimate of `Σ exp(worth)` over all candidates, from those of the list alone.

    For items drawn one after another without replacement with known propensities p,
    `Σ_(j<r) weight_j + weight_r / p_r` is unbiased at every rank r, and so is their mean
    (Des Raj, JASA 1956). Where caps struck candidates it is too small by those.

    Args:
        weights: (B, n) exp(worth) of the shown items, 0 where nothing was drawn.
        logged: (B, n) log propensities.
        free: (B, n) bool, which ranks were drawn.
    """
    above = weights.cumsum(dim=1) - weights
    by_rank = torch.where(free, above + weights * (-logged).exp(), 0.0)
    return by_rank.sum(dim=1, keepdim=True) / free.sum(dim=1, keepdim=True).clamp(min=1)


def begun_on(log: LoggedLists, settings: LearningSettings, seed: int) -> HeadsNetwork:
    """The network that training begins from, see `LearningSettings.begin`."""
    network = new_network(log.features.shape[-1], settings, seed)
    rows = log.features[log.examined].numpy()
    scale_to(network, rows)
    if settings.begin in ("own-lists", "supervised"):
        # What is never bought in a log cannot be told apart by purchases: its clicks can.
        labels = log.purchases if bool(log.purchases.any()) else log.clicks
        fit(network, rows, labels[log.examined].numpy(), loss=nn.BCEWithLogitsLoss(), seed=seed)
        network.slopes.fill_(1 / settings.temperature)
    elif settings.begin == "logged":
        clone(log, network, seed)
    return network


def learn_on(
    log: LoggedLists, network: HeadsNetwork, settings: LearningSettings, seed: int
) -> Iterator[Pass]:
    """Train a network in place by steps over a log; yields after each pass.

    The gradient of a softmax's mean gain is `Σ π (A - V) ∇worth`, V being that mean, so that
    `exp(worth) / (β Z) · (A - V) ∇worth` averages to it over shown items; no candidate that was not
    shown has to be known. Z is the mean over a batch of `des_raj`, V the weighted mean there: both
    are one number for all users, and what is known of a user as such is taken off A before.

    An item is credited with what came of itself and of the user's later lists. Weights are capped
    and are those of this rank alone: what stands above it, and later lists, are taken as the
    logging policy made them (Chen et al., WSDM 2019, section 4.2). The KL to the logging policy is
    `E_β[log β - log π]`, of which only the second part learns.

    It ends early once the weights are worth less than `least_effective`: a policy that is further
    from the log's than that, the log can hardly prove better.

    Clip, entropy and bound are not used: they need the candidates that were not shown.
    """
    gains = log.item_rewards + log.later[:, None]
    if settings.baseline != "none":
        gains = gains - known_of_users(log)[:, None]
    gains = gains / gains[log.free].std(correction=0).clamp(min=1e-6)
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, settings.rounds)
    generator = torch.Generator().manual_seed(seed)
    for number in range(1, settings.rounds + 1):
        values = []
        for chosen in torch.split(torch.randperm(len(log), generator=generator), settings.batch):
            free = log.free[chosen]
            if not bool(free.any()):
                continue
            worth = worths(network, log.features[chosen])
            weights, shares = _weights(worth, log.logged[chosen], free, settings)
            value = (weights * gains[chosen]).sum() / weights.sum()
            push = weights * (gains[chosen] - value)
            pull = settings.divergence * torch.where(free, 1.0 - shares, 0.0)
            loss = -((push + pull) * worth).sum() / len(chosen)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            values.append(float(value))
        schedule.step()
        effective = _effective(network, log, settings)
        yield Pass(number, sum(values) / len(values), effective)
        if effective < settings.least_effective:
            return


def known_of_users(log: LoggedLists) -> Tensor:
    """(L,) the mean gain of a list's items as far as it is the user's doing: ridge regression.

    On the columns that are the same for all items of each list, which no choice of items changes.
    Without any it is the mean.
    """
    there = (log.free | log.examined)[:, :, None]
    most = log.features.masked_fill(~there, -torch.inf).amax(dim=1)
    least = log.features.masked_fill(~there, torch.inf).amin(dim=1)
    some = there.any(dim=1)[:, 0]
    same = (most == least)[some].all(dim=0)
    of_items = torch.where(log.free, log.item_rewards, 0.0).sum(dim=1)
    returns = (of_items / log.free.sum(dim=1).clamp(min=1) + log.later).double()
    if not bool(same.any()):
        return returns.mean().float().expand(len(log))
    columns = torch.where(some[:, None], most, 0.0)[:, same].double()
    columns = (columns - columns.mean(dim=0)) / columns.std(dim=0, correction=0).clamp(min=1e-6)
    precision = columns.T @ columns + torch.eye(columns.shape[1], dtype=torch.float64)
    slopes = torch.linalg.solve(precision, columns.T @ (returns - returns.mean()))
    found: Tensor = (returns.mean() + columns @ slopes).float()
    return found


def _weights(
    worth: Tensor, logged: Tensor, free: Tensor, settings: LearningSettings
) -> tuple[Tensor, Tensor]:
    """(B, n) weights and π of each shown item, both without gradients; 0 where nothing was drawn.

    π is that of its rank, given what stands above it; with other credit than `ranks`, of one draw.
    """
    worth = worth.detach()
    most = worth[free].max()
    scale = torch.where(free, (worth - most).exp(), 0.0)
    total = des_raj(scale, logged, free)[free.any(dim=1)].mean()
    if settings.credit == "ranks":
        above = scale.cumsum(dim=1) - scale
        total = torch.maximum(total - above, scale + _TINY)
    shares = (scale / total).clamp(max=1.0)
    weights = importance(shares.clamp(min=_TINY).log(), logged, settings.cap)
    weights = torch.where(free, weights, 0.0)
    if settings.credit == "top-k":
        weights = weights * top_k_correction(shares, free.shape[1])
    return weights, shares


def _effective(network: HeadsNetwork, log: LoggedLists, settings: LearningSettings) -> float:
    with torch.no_grad():
        worth = worths(network, log.features)
        weights = _weights(worth, log.logged, log.free, settings)[0][log.free]
        return float(weights.sum() ** 2 / (len(weights) * weights.square().sum()))
